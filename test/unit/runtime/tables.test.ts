import fc from 'fast-check';
import {
  clearTableKey,
  clearTableKeys,
  clearTableServer,
  countByServer,
  showTable,
  showTableKey,
} from '../../../src/runtime';
import { parseTableLine } from '../../../src/runtime/parse-tables';
import { fakeRuntimeClient } from '../../support/fake-runtime-client';
import { recorded, versions } from './recorded';
import { failed, type Replaying, startReplaying } from './replaying';

let haproxy: Replaying;
beforeAll(async () => {
  haproxy = await startReplaying();
});
afterAll(() => haproxy.socket.stop());

describe.each(versions)('recorded from HAProxy %s', (version) => {
  it('show table: every key as it went in, whatever HAProxy wrote for it', async () => {
    haproxy.reply = recorded(version, 'show-table');
    const table = await showTable(haproxy.client, 'sessions');
    if (!table.ok) throw new Error(table.error.message);
    const entries = table.value.map(({ key, serverId, serverKey }) => [key, serverId, serverKey]);
    expect(entries.sort()).toEqual([
      ['a b=c\\d\n\t\r\u001b"ä', 1, 'mtx1'],
      ['a server_id=9', 2, undefined],
      ['bytes \ufffd', 2, 'mtx2'],
      ['live/a|3b2f-1', 1, 'mtx1'],
      ['live/by-id|1', 4, undefined],
      ['live/nobody|1', undefined, undefined],
      ['live/studio/~b|127.0.0.1', 2, 'mtx2'],
    ]);
    for (const { expiresInMs } of table.value) expect(expiresInMs).toBeGreaterThan(59_000);
  });

  it('show table of one that stores no server', async () => {
    haproxy.reply = recorded(version, 'show-table-tracked');
    expect(await showTable(haproxy.client, 'tracked')).toEqual({
      ok: true,
      value: [{ key: '127.0.0.1', expiresInMs: expect.any(Number), serverId: undefined, serverKey: undefined }],
    });
    expect(await countByServer(haproxy.client, 'tracked')).toMatchObject({
      ok: true,
      value: { byServer: new Map([[0, 1]]) },
    });
  });

  it('show table of an empty one', async () => {
    haproxy.reply = recorded(version, 'show-table-empty');
    expect(await showTable(haproxy.client, 'empty')).toEqual({ ok: true, value: [] });
    expect(await countByServer(haproxy.client, 'empty')).toEqual({
      ok: true,
      value: { byServer: new Map(), longestExpiresInMs: 0, renumbered: 0 },
    });
  });

  it('countByServer', async () => {
    haproxy.reply = recorded(version, 'show-table');
    const counts = await countByServer(haproxy.client, 'sessions');
    expect(counts.ok && [...counts.value.byServer].sort()).toEqual([
      [0, 1],
      [1, 2],
      [2, 3],
      [4, 1],
    ]);
  });

  it('countByServer leaves out whom nobody has used for a while', async () => {
    haproxy.reply = recorded(version, 'show-table');
    const entries = await showTable(haproxy.client, 'sessions');
    const times = entries.ok ? entries.value.map(({ expiresInMs }) => expiresInMs).sort((a, b) => a - b) : [];
    const leastExpiresInMs = times[3] ?? 0;
    const counts = await countByServer(haproxy.client, 'sessions', { leastExpiresInMs });
    expect(counts).toMatchObject({ ok: true, value: { longestExpiresInMs: times.at(-1) } });
    const counted = counts.ok ? [...counts.value.byServer.values()].reduce((sum, count) => sum + count, 0) : 0;
    expect(counted).toBe(times.filter((time) => time >= leastExpiresInMs).length);
    expect(counted).toBeLessThan(times.length);
  });

  it('show table of one key', async () => {
    haproxy.reply = recorded(version, 'show-table-key');
    expect(await showTableKey(haproxy.client, 'sessions', 'live/a|3b2f-1')).toMatchObject({
      ok: true,
      value: { key: 'live/a|3b2f-1', serverId: 1, serverKey: 'mtx1' },
    });
    expect(await showTableKey(haproxy.client, 'sessions', 'live/b')).toMatchObject(
      failed('unexpected', 'other entries'),
    );
    haproxy.reply = recorded(version, 'show-table-no-key');
    expect(await showTableKey(haproxy.client, 'sessions', 'live/b')).toEqual({ ok: true, value: undefined });
    // For a whole table, saying nothing at all is no answer.
    expect(await showTable(haproxy.client, 'sessions')).toMatchObject(failed('unexpected'));
    expect(await countByServer(haproxy.client, 'sessions')).toMatchObject(failed('unexpected'));
  });

  it('no such table', async () => {
    haproxy.reply = recorded(version, 'no-such-table');
    const missing = failed('not-found', 'has no table nothing');
    expect(await showTable(haproxy.client, 'nothing')).toMatchObject(missing);
    expect(await showTableKey(haproxy.client, 'nothing', 'a')).toMatchObject(missing);
    expect(await countByServer(haproxy.client, 'nothing')).toMatchObject(missing);
    expect(await clearTableKey(haproxy.client, 'nothing', 'a')).toMatchObject(missing);
    expect(await clearTableServer(haproxy.client, 'nothing', 1)).toMatchObject(missing);
  });

  it('clear table', async () => {
    haproxy.reply = recorded(version, 'nothing-to-say');
    expect(await clearTableKey(haproxy.client, 'sessions', 'live/a|3b2f-1')).toEqual({ ok: true, value: undefined });
    expect(await clearTableServer(haproxy.client, 'sessions', 3)).toEqual({ ok: true, value: undefined });
    expect(haproxy.socket.commands.slice(-2)).toEqual([
      'clear table sessions key live/a|3b2f-1',
      'clear table sessions data.server_id eq 3',
    ]);
    haproxy.reply = recorded(version, 'clear-table-not-stored');
    expect(await clearTableServer(haproxy.client, 'tracked', 1)).toMatchObject(
      failed('unexpected', 'table tracked stores no servers'),
    );
  });

  it('a reply cut anywhere is an error', async () => {
    const text = recorded(version, 'show-table');
    for (let length = 0; length < text.length; length++) {
      haproxy.reply = text.slice(0, length);
      expect((await showTable(haproxy.client, 'sessions')).ok).toBe(false);
      expect((await countByServer(haproxy.client, 'sessions')).ok).toBe(false);
    }
  });
});

it('says when an entry is in use', async () => {
  haproxy.reply = 'Entry currently in use, cannot remove\n\n';
  expect(await clearTableKey(haproxy.client, 'sessions', 'a')).toMatchObject(failed('busy', 'in use'));
});

it('clears entries that are in use as soon as they are free, and says which ones stay', async () => {
  const tries = new Map<string, number>();
  const { client } = fakeRuntimeClient((command) => {
    const key = /^clear table sessions key (.*)$/.exec(command)?.[1] ?? '';
    const tried = (tries.get(key) ?? 0) + 1;
    tries.set(key, tried);
    const isHeld = key === 'held' || (key === 'busy' && tried < 3);
    return isHeld ? 'Entry currently in use, cannot remove\n' : '';
  });
  expect(await clearTableKeys(client, 'sessions', ['free', 'busy', 'held'])).toEqual(['held']);
  expect(Object.fromEntries(tries)).toEqual({ free: 1, busy: 3, held: 5 });
});

it.each([0, -1, 1.5, Number.NaN])('refuses %d as the id of a server', async (id) => {
  const before = haproxy.socket.commands.length;
  expect(await clearTableServer(haproxy.client, 'sessions', id)).toMatchObject(failed('invalid-command'));
  expect(haproxy.socket.commands.length).toBe(before);
});

const header = '# table: sessions, type: string, size:204800, used:2\n';
const line = (key: string, data = '') => `0x1: key=${key} use=0 exp=1${data}\n`;

describe('what is no table', () => {
  it.each([
    ['another first line', `nonsense\n${line('a')}\n`],
    ['an entry without a key', `${header}0x1: use=0 exp=1\n\n`],
    ['a server id that is none', `${header}${line('a', ' server_id=x')}\n`],
    ['an endless server id', `${header}${line('a', ' server_id=99999999999')}\n`],
    ['an empty line between', `${header}\n${line('a')}\n`],
    ['somebody else’s reply', `${header}Permission denied\n\n`],
  ])('%s', async (_, text) => {
    haproxy.reply = text;
    expect(await showTable(haproxy.client, 'sessions')).toMatchObject(failed('unexpected'));
    expect(await countByServer(haproxy.client, 'sessions')).toMatchObject(failed('unexpected'));
  });

  it('a refusal', async () => {
    haproxy.reply = 'Permission denied\n\n';
    expect(await showTable(haproxy.client, 'sessions')).toMatchObject(failed('denied'));
    expect(await clearTableServer(haproxy.client, 'sessions', 1)).toMatchObject(failed('denied'));
  });

  it('more entries than the bound', async () => {
    haproxy.reply = `${header}${line('a')}${line('b')}\n`;
    expect(await showTable(haproxy.client, 'sessions', { maxEntries: 1 })).toMatchObject(
      failed('too-large', 'more than 1 entries'),
    );
    expect(await showTable(haproxy.client, 'sessions', { maxEntries: 2 })).toMatchObject({ ok: true });
  });

  it('holds only what is wanted', async () => {
    haproxy.reply = `${header}${line('a')}${line('b')}${line('c')}\n`;
    const table = await showTable(haproxy.client, 'sessions', { maxEntries: 1, keep: ({ key }) => key === 'b' });
    expect(table).toMatchObject({ ok: true, value: [{ key: 'b' }] });
  });

  it('more servers than any fleet has', async () => {
    const lines = Array.from({ length: 10_001 }, (_, id) => line('a', ` server_id=${id + 1}`));
    haproxy.reply = `${header}${lines.join('')}\n`;
    expect(await countByServer(haproxy.client, 'sessions')).toMatchObject(
      failed('unexpected', 'more than 10000 servers'),
    );
  });

  it('a line without an end', async () => {
    haproxy.reply = `${header}${'x'.repeat(200_000)}`;
    expect(await countByServer(haproxy.client, 'sessions')).toMatchObject(failed('too-large', 'does not end'));
  });
});

describe('what a request holds while a server is cleared', () => {
  const serverIds = new Map([
    ['mtx1', 1],
    ['mtx2', 2],
  ]);
  /** A table of two viewers of mtx1 and one of mtx2; one of mtx1's is held for so many commands to clear. */
  function heldTable(heldFor: number) {
    let entries = ['live/a|held', 'live/a|free', 'live/b|other'];
    const serverOf = (key: string) => (key.startsWith('live/a') ? 1 : 2);
    let clears = 0;
    return fakeRuntimeClient((command) => {
      if (!command.startsWith('clear'))
        return (
          header +
          entries.map((key) => line(key, ` server_id=${serverOf(key)} server_key=mtx${serverOf(key)}`)).join('')
        );
      clears++;
      entries = entries.filter((key) => serverOf(key) !== 1 || (key.endsWith('|held') && clears <= heldFor));
      return '';
    });
  }
  const clearsOf = (asked: readonly string[]) => asked.filter((command) => command.startsWith('clear')).length;

  it('is cleared when it is free', async () => {
    const { client, asked } = heldTable(2);
    expect(await clearTableServer(client, 'sessions', 1, { serverIds })).toEqual({ ok: true, value: undefined });
    expect(clearsOf(asked)).toBe(3);
  });

  it('is not looked for without end', async () => {
    const { client, asked } = heldTable(Number.POSITIVE_INFINITY);
    expect(await clearTableServer(client, 'sessions', 1, { serverIds })).toEqual({ ok: true, value: undefined });
    expect(clearsOf(asked)).toBe(5);
  });
});

/** As dump_text of HAProxy writes a key, told from its source (chunk.c): the reader's opposite, written apart from it. */
function asHaproxyWrites(bytes: Uint8Array): string {
  const names: Record<number, string> = { 9: '\\t', 10: '\\n', 13: '\\r', 27: '\\e', 32: '\\ ', 61: '\\=', 92: '\\\\' };
  return [...bytes]
    .map((byte) => {
      const hex = `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`;
      return names[byte] ?? (byte > 32 && byte < 127 ? String.fromCharCode(byte) : hex);
    })
    .join('');
}

it('reads back any key', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (key) => {
      const text = asHaproxyWrites(Buffer.from(key));
      const entry = parseTableLine(
        `0x7f: key=${text} use=0 exp=5 shard=0 server_id=3 server_key=${text || '-'} gpc0=0`,
      );
      expect(entry).toMatchObject({
        ok: true,
        value: { key: Buffer.from(key).toString(), expiresInMs: 5, serverId: 3 },
      });
    }),
  );
});

it('reads a line of backslashes in one go', () => {
  const entry = parseTableLine(`0x7f: key=${'\\a'.repeat(20_000)} used=0`);
  expect(entry.ok).toBe(false);
});

it('gives a value for any reply', async () => {
  const replies = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .array(fc.constantFrom('\n', header, line('a'), line('b', ' server_id=1'), '0x', 'key=', '\\x', '\\', '\0'))
      .map((parts) => parts.join('')),
  );
  await fc.assert(
    fc.asyncProperty(replies, async (reply) => {
      haproxy.reply = reply;
      const results = [
        await showTable(haproxy.client, 'sessions'),
        await showTableKey(haproxy.client, 'sessions', 'a'),
        await countByServer(haproxy.client, 'sessions'),
        await clearTableKey(haproxy.client, 'sessions', 'a'),
        await clearTableServer(haproxy.client, 'sessions', 1),
      ];
      for (const result of results) {
        if (!result.ok) expect(result.error.message).toMatch(/^[^\u0000-\u001f\u007f-\u009f]{1,400}$/);
      }
    }),
  );
});
