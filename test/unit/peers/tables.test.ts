import { createMessageReader } from '../../../src/peers/message-reader';
import { createReceivedTables } from '../../../src/peers/received-tables';
import { ascii, hex } from '../spoe/hex';
import {
  firstUpdate,
  incrementalTimedUpdate,
  incrementalUpdate,
  recorded,
  recordedVersions,
  secondUpdate,
  sessionsDefinition,
  timedUpdate,
} from './golden';

/** Reads messages of class 10; each update as what was read of it, `broken` as the last. */
function read(...messages: Buffer[]): unknown[] {
  const tables = createReceivedTables();
  const seen: unknown[] = [];
  const reader = createMessageReader(65_536, (messageClass, type, body) => {
    if (messageClass !== 10) return true;
    const result = tables.read(type, body);
    if (result === 'broken') seen.push('broken');
    if (result === 'update') seen.push({ ...tables.update, id: tables.updateId, table: tables.table.name });
    return result !== 'broken';
  });
  for (const message of messages) reader.read(message);
  return seen;
}

const sessions = {
  table: 'sessions',
  key: 'live/a|s1',
  serverName: 'm1',
  serverId: 1,
  expiresInMs: undefined,
  bytesOut: undefined,
};

describe('updates', () => {
  it('plain, incremental and timed; servers by name and from the dictionary', () => {
    expect(
      read(
        sessionsDefinition,
        firstUpdate,
        secondUpdate,
        incrementalUpdate,
        timedUpdate,
        sessionsDefinition,
        incrementalTimedUpdate,
      ),
    ).toEqual([
      { ...sessions, id: 1 },
      { ...sessions, id: 2 },
      { ...sessions, id: 3, key: 'live/4|s1' },
      { ...sessions, id: 1, key: 'live/1|s1', expiresInMs: 314 },
      { ...sessions, id: 2, key: 'live/2|s1', expiresInMs: 2999 },
    ]);
  });

  it('ids begin anew after 2^32 - 1', () => {
    const last = hex('0a 80 11 ffffffff 09 6c6976652f617c7331 01 01 01');
    expect(read(sessionsDefinition, last, incrementalUpdate)).toMatchObject([{ id: 4_294_967_295 }, { id: 0 }]);
  });

  it('a server without a name, and under an id that was never defined', () => {
    const withoutName = hex('0a 80 10 00000001 09 6c6976652f617c7331 01 00');
    expect(read(sessionsDefinition, withoutName, secondUpdate)).toEqual([
      { ...sessions, id: 1, serverName: undefined },
      { ...sessions, id: 2, serverName: undefined },
    ]);
  });

  it('an id of the dictionary that is taken for another name, in all tables', () => {
    const other = hex('0a 82 10 02 05 6f74686572 06 a1 f1f1fe00 f8ac00');
    const m2 = hex(`0a 80 14 00000001 09 ${ascii('live/b|s2')} 02 04 01 02 ${ascii('m2')}`);
    expect(read(sessionsDefinition, firstUpdate, other, m2, sessionsDefinition, secondUpdate)).toMatchObject([
      { table: 'sessions', serverName: 'm1' },
      { table: 'other', serverName: 'm2' },
      { table: 'sessions', serverName: 'm2' },
    ]);
  });

  it('incremental ids count for each table, and 0x83 selects one', () => {
    const other = hex('0a 82 10 02 05 6f74686572 06 a1 f1f1fe00 f8ac00');
    expect(
      read(sessionsDefinition, secondUpdate, other, incrementalUpdate, hex('0a 83 01 01'), incrementalUpdate),
    ).toMatchObject([
      { table: 'sessions', id: 2 },
      { table: 'other', id: 1 },
      { table: 'sessions', id: 3 },
    ]);
  });

  it('data that a newer HAProxy may have: what stands before is read, the rest skipped', () => {
    // Mask 2^40 + 1: server_id and something unknown, with who knows what in the definition and after the value.
    const definition = hex(`0a 82 18 01 08 ${ascii('sessions')} 06 a1 f1f1fefefefe00 f8ac00 28 05`);
    const update = hex(`0a 80 12 00000001 09 ${ascii('live/a|s1')} 03 99 99 99`);
    expect(read(definition, update)).toEqual([{ ...sessions, id: 1, serverName: undefined, serverId: 3 }]);
  });

  const define = (rest: string) =>
    hex(`0a 82 ${(rest.replaceAll(' ', '').length / 2).toString(16).padStart(2, '0')} ${rest}`);
  it.each([
    ['an update before any definition', [firstUpdate]],
    ['a switch to a table that was not defined', [sessionsDefinition, hex('0a 83 01 07')]],
    ['an empty definition', [hex('0a 82 00')]],
    ['a name of length 0', [define('01 00 06 a1 01 00')]],
    ['a name beyond the message', [define('01 20 7365')]],
    ['a key type that does not exist', [define(`01 01 ${ascii('t')} 03 04 01 00`)]],
    ['a key type of 10^8', [define(`01 01 ${ascii('t')} f081bbfc01 04 01 00`)]],
    ['keys of length 0', [define(`01 01 ${ascii('t')} 07 00 01 00`)]],
    ['a freq without its period', [define(`01 01 ${ascii('t')} 06 a1 08 00 03`)]],
    ['a freq with the bit of another', [define(`01 01 ${ascii('t')} 06 a1 08 00 04 0a`)]],
    ['an array of 101', [define(`01 01 ${ascii('t')} 06 a1 f0f1fe0e 00 16 65`)]],
    ['an update shorter than its id', [sessionsDefinition, hex('0a 80 03 000000')]],
    ['a timed update shorter than its expiry', [sessionsDefinition, hex('0a 85 06 00000001 0000')]],
    ['a key beyond the message', [sessionsDefinition, hex('0a 80 07 00000001 09 6c69')]],
    ['a key longer than the table has', [sessionsDefinition, hex(`0a 80 a8 00000001 a2 ${'61'.repeat(162)} 01`)]],
    ['no values', [sessionsDefinition, hex('0a 80 0e 00000001 09 6c6976652f617c7331')]],
    ['dictionary id 129', [sessionsDefinition, hex('0a 80 11 00000002 09 6c6976652f617c7331 01 01 81')]],
    ['dictionary id 0', [sessionsDefinition, hex('0a 80 11 00000002 09 6c6976652f617c7331 01 01 00')]],
    [
      'a dictionary value beyond the message',
      [sessionsDefinition, hex('0a 80 11 00000002 09 6c6976652f617c7331 01 02 01')],
    ],
    [
      'a name that does not fill its value',
      [sessionsDefinition, hex('0a 80 14 00000001 09 6c6976652f617c7331 01 04 01 01 6d31')],
    ],
    [
      '65 tables',
      Array.from({ length: 65 }, (_, i) => define(`${i.toString(16).padStart(2, '0')} 01 ${ascii('t')} 06 a1 01 00`)),
    ],
  ])('broken: %s', (_, messages) => {
    expect(read(...messages)).toEqual(['broken']);
  });
});

describe.each(recordedVersions)('what HAProxy %s wrote', (version) => {
  const messages = recorded(version);
  /** The updates of the part of the recording with that name. */
  function updates(part: string) {
    const tables = createReceivedTables();
    const seen: {
      table: string;
      id: number;
      key: string;
      serverName?: string;
      serverId: number;
      expiresInMs?: number;
      bytesOut?: number;
    }[] = [];
    for (const { name, bytes } of messages) {
      if (bytes[0] !== 10) continue;
      const length = (bytes[2] ?? 0) < 240 ? 1 : 2;
      const result = tables.read(bytes[1] ?? 0, { bytes, offset: 2 + length, end: bytes.length });
      expect(result).not.toBe('broken');
      if (result === 'update' && name.startsWith(part))
        seen.push({ ...tables.update, id: tables.updateId, table: tables.table.name } as never);
    }
    return seen;
  }

  it('three requests: sessions bound to m1, what was sent counted', () => {
    const sessionsSeen = updates('push').filter(({ table }) => table === 'sessions');
    // Match and store of a request are one push or two.
    expect(new Set(sessionsSeen.map(({ key, serverName }) => `${key} ${serverName}`))).toEqual(
      new Set(['live/a|s1 m1', 'live/b|s2 m1']),
    );
    expect(sessionsSeen.length).toBeGreaterThanOrEqual(3);
    const traffic = updates('push').filter(({ table }) => table === 'traffic');
    expect(traffic[0]).toMatchObject({ key: 'live/a|s1', bytesOut: 0 });
    // 5,000 bytes of content, and a header.
    const sent = traffic.filter(({ bytesOut = 0 }) => bytesOut > 5000);
    expect(sent.length).toBeGreaterThan(0);
    for (const { bytesOut = 0 } of sent) expect(bytesOut % 5000).toBeLessThan(600);
  });

  it('every type of key and value', () => {
    expect(updates('numbers')).toMatchObject([{ table: '/numbers', key: '70000' }]);
    expect(updates('arrays')).toMatchObject([{ table: 'arrays', key: '\u000a\u0001\u0002\u0003' }]);
    expect(updates('six')).toMatchObject([
      { table: 'six', key: Buffer.from('20010db8000000000000000000000001', 'hex').toString('latin1') },
    ]);
    expect(updates('push').filter(({ table }) => table === 'bytes')[0]).toMatchObject({ key: 'abcd' });
  });

  it('a dump: every session with the time that it has left', () => {
    const dumped = updates('dump').filter(({ table }) => table === 'sessions');
    expect(dumped.map(({ key }) => key).sort()).toEqual([
      'live/0|s0',
      'live/1|s1',
      'live/2|s2',
      'live/a|s1',
      'live/b|s2',
    ]);
    for (const { expiresInMs = 0 } of dumped) {
      expect(expiresInMs).toBeGreaterThan(50_000);
      expect(expiresInMs).toBeLessThanOrEqual(60_000);
    }
    expect(dumped.find(({ key }) => key === 'live/0|s0')).toMatchObject({ serverId: 1, serverName: undefined });
  });
});
