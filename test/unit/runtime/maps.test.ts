import fc from 'fast-check';
import {
  addMap,
  clearMap,
  createRuntimeClient,
  delMap,
  replaceMap,
  setMap,
  showMap,
  showMaps,
} from '../../../src/runtime';
import { type FakeHaproxySocket, startFakeHaproxySocket } from '../../support/fake-haproxy-socket';
import { recorded, versions } from './recorded';
import { failed, type Replaying, startReplaying } from './replaying';

let haproxy: Replaying;
beforeAll(async () => {
  haproxy = await startReplaying();
});
beforeEach(() => {
  haproxy.socket.commands.length = 0;
});
afterAll(() => haproxy.socket.stop());

describe.each(versions)('recorded from HAProxy %s', (version) => {
  it('show map, the list', async () => {
    haproxy.reply = recorded(version, 'show-maps');
    const maps = await showMaps(haproxy.client);
    const virtual = { id: 1, file: 'virt@moves', entryCount: 0, currentVersion: 0, nextVersion: 0 };
    const optional = { id: 2, file: 'absent.map', entryCount: 0, currentVersion: 0, nextVersion: 0 };
    expect(maps).toEqual({
      ok: true,
      value: [
        { id: 0, file: 'routes.map', entryCount: 2, currentVersion: 0, nextVersion: 0 },
        ...(version === '2.6' ? [] : [virtual, optional]),
      ],
    });
  });

  it('show map, the entries', async () => {
    haproxy.reply = recorded(version, 'show-map');
    expect(await showMap(haproxy.client, 'routes.map')).toEqual({
      ok: true,
      value: [
        ['live/a', 'mtx1'],
        ['live/studio/~b', 'mtx2'],
      ],
    });
    expect(await showMap(haproxy.client, 'routes.map', { maxEntries: 1 })).toMatchObject(failed('too-large'));
    haproxy.reply = recorded(version, 'nothing-to-say');
    expect(await showMap(haproxy.client, 'routes.map')).toEqual({ ok: true, value: [] });
  });

  it('no such map', async () => {
    haproxy.reply = recorded(version, 'no-such-map');
    const missing = failed('not-found', 'has no map nothing');
    expect(await showMap(haproxy.client, 'nothing')).toMatchObject(missing);
    expect(await addMap(haproxy.client, 'nothing', [['a', 'b']])).toMatchObject(missing);
    expect(await setMap(haproxy.client, 'nothing', 'a', 'b')).toMatchObject(missing);
    expect(await delMap(haproxy.client, 'nothing', 'a')).toMatchObject(missing);
    expect(await clearMap(haproxy.client, 'nothing')).toMatchObject(missing);
    expect(await replaceMap(haproxy.client, 'nothing', [['a', 'b']])).toMatchObject(missing);
    expect(haproxy.socket.commands.at(-1)).toBe('prepare map nothing');
  });

  it('no such entry', async () => {
    haproxy.reply = recorded(version, 'set-map-no-entry');
    expect(await setMap(haproxy.client, 'routes.map', 'a', 'b')).toMatchObject(failed('not-found', 'has no entry a'));
    haproxy.reply = recorded(version, 'del-map-no-entry');
    expect(await delMap(haproxy.client, 'routes.map', 'a')).toMatchObject(failed('not-found', 'has no entry a'));
  });

  it('changes', async () => {
    haproxy.reply = recorded(version, 'nothing-to-say');
    const done = { ok: true, value: undefined };
    expect(await setMap(haproxy.client, 'routes.map', 'live/a', 'mtx2')).toEqual(done);
    expect(await delMap(haproxy.client, '#0', 'live/a')).toEqual(done);
    expect(await clearMap(haproxy.client, 'virt@routes')).toEqual(done);
    expect(await addMap(haproxy.client, 'routes.map', [['live/a', 'mtx2']])).toEqual({ ok: true, value: 1 });
    expect(await addMap(haproxy.client, 'routes.map', [])).toEqual({ ok: true, value: 0 });
    expect(haproxy.socket.commands).toEqual([
      'set map routes.map live/a mtx2',
      'del map #0 live/a',
      'clear map virt@routes',
      'add map routes.map',
    ]);
  });

  it('replacement: all of it, or nothing left behind', async () => {
    const replies = (failing: string, answer: string) => (command: string) => {
      if (command.startsWith(failing)) return answer;
      if (command.startsWith('prepare')) return recorded(version, 'prepare-map');
      return command === 'show map'
        ? recorded(version, 'show-maps').replace('next_ver=0', 'next_ver=1')
        : recorded(version, 'nothing-to-say');
    };
    haproxy.reply = replies('nothing', '');
    expect(await replaceMap(haproxy.client, 'routes.map', [['a', 'b']])).toEqual({ ok: true, value: 1 });
    const whole = ['prepare map routes.map', 'add map @1 routes.map', 'commit map @1 routes.map'];
    expect(haproxy.socket.commands.splice(0)).toEqual(whole);

    haproxy.reply = replies('add', recorded(version, 'add-map-future'));
    expect(await replaceMap(haproxy.client, 'routes.map', [['a', 'b']])).toMatchObject(
      failed('unexpected', 'Version number in the future'),
    );
    const dropped = ['show map', 'clear map @1 routes.map'];
    expect(haproxy.socket.commands.splice(0)).toEqual([...whole.slice(0, 2), ...dropped]);

    haproxy.reply = replies('commit', recorded(version, 'commit-map-out-of-range'));
    expect(await replaceMap(haproxy.client, 'routes.map', [['a', 'b']])).toMatchObject(
      failed('unexpected', 'map routes.map is as it was'),
    );
    expect(haproxy.socket.commands.splice(0)).toEqual([...whole, ...dropped]);
  });
});

describe('a commit whose answer was lost', () => {
  const maps = (current: number) =>
    recorded('3.2', 'show-maps').replace('curr_ver=0 next_ver=0', `curr_ver=${current} next_ver=1`);
  const replies = (show: string) => (command: string) => {
    if (command.startsWith('prepare')) return 'New version created: 1\n\n';
    if (command === 'show map') return show;
    return command.startsWith('commit') ? 'cut' : '\n';
  };

  it('was carried out: the map is replaced, and its entries stay', async () => {
    haproxy.reply = replies(maps(1));
    expect(await replaceMap(haproxy.client, 'routes.map', [['a', 'b']])).toEqual({ ok: true, value: 1 });
    expect(haproxy.socket.count('clear map')).toBe(0);
  });

  it('was not: the version is dropped', async () => {
    haproxy.reply = replies(maps(0));
    expect(await replaceMap(haproxy.client, 'routes.map', [['a', 'b']])).toMatchObject(
      failed('truncated', 'map routes.map is as it was'),
    );
    expect(haproxy.socket.commands.at(-1)).toBe('clear map @1 routes.map');
  });

  it('cannot be told: nothing is cleared', async () => {
    haproxy.reply = replies('cut');
    expect(await replaceMap(haproxy.client, 'routes.map', [['a', 'b']])).toMatchObject(
      failed('truncated', 'whether map routes.map has the new entries is not known'),
    );
    expect(haproxy.socket.count('clear map')).toBe(0);
  });
});

it('drops the prepared version also when the caller gives up', async () => {
  const giving = new AbortController();
  haproxy.reply = (command) => {
    if (command.startsWith('add')) giving.abort();
    if (command.startsWith('prepare')) return 'New version created: 1\n\n';
    return command === 'show map' ? recorded('3.2', 'show-maps').replace('next_ver=0', 'next_ver=1') : '\n';
  };
  expect(await replaceMap(haproxy.client, 'routes.map', [['a', 'b']], { signal: giving.signal })).toMatchObject(
    failed('aborted'),
  );
  expect(haproxy.socket.commands.at(-1)).toBe('clear map @1 routes.map');
});

it('drops the prepared version also when an entry cannot be sent', async () => {
  haproxy.reply = (command) => {
    if (command.startsWith('prepare')) return 'New version created: 1\n\n';
    return command === 'show map' ? recorded('3.2', 'show-maps').replace('next_ver=0', 'next_ver=1') : '\n';
  };
  expect(await replaceMap(haproxy.client, 'routes.map', [['a', 'b;shutdown']])).toMatchObject(
    failed('invalid-command', 'b;shutdown'),
  );
  expect(haproxy.socket.commands).toEqual(['prepare map routes.map', 'show map', 'clear map @1 routes.map']);
});

describe('many entries', () => {
  const entries = Array.from({ length: 5_000 }, (_, n) => [`live/stream-${n}`, 'mtx1'] as const);
  const sent: string[] = [];
  let haproxyLike: FakeHaproxySocket;
  let bufsize = 16_384;
  let tooBig = '';
  beforeAll(async () => {
    haproxyLike = await startFakeHaproxySocket((command, payload) => {
      if (command.length + payload.join('\n').length + 6 > bufsize) return tooBig;
      sent.push(...payload);
      return '\n';
    });
  });
  afterAll(() => haproxyLike.stop());
  beforeEach(() => {
    sent.length = 0;
    haproxyLike.commands.length = 0;
  });

  it('go in as many commands as HAProxy’s buffer asks for', async () => {
    const client = createRuntimeClient({ address: { path: haproxyLike.path } });
    expect(await addMap(client, 'routes.map', entries.values())).toEqual({ ok: true, value: 5_000 });
    expect(sent).toEqual(entries.map(([key, value]) => `${key} ${value}`));
    expect(haproxyLike.commands.length).toBe(8);
  });

  it.each([
    // 2.6 closes the connection without a word.
    ['2.6', ''],
    ['3.0', recorded('3.0', 'too-big')],
    ['3.2', recorded('3.2', 'too-big')],
  ])('go in smaller ones where tune.bufsize is smaller (HAProxy %s)', async (_, answer) => {
    bufsize = 4_096;
    tooBig = answer;
    const client = createRuntimeClient({ address: { path: haproxyLike.path } });
    expect(await addMap(client, 'routes.map', entries)).toEqual({ ok: true, value: 5_000 });
    expect(sent).toEqual(entries.map(([key, value]) => `${key} ${value}`));
    expect(haproxyLike.commands.length).toBeLessThan(40);
  });

  it('are not sent twice when an answer is lost after as many were taken', async () => {
    bufsize = 16_384;
    haproxyLike.breakWith(() => (haproxyLike.commands.length === 2 ? { kind: 'truncate', bytes: 0 } : undefined));
    const client = createRuntimeClient({ address: { path: haproxyLike.path } });
    expect(await addMap(client, 'routes.map', entries)).toMatchObject(failed('unanswered'));
    expect(haproxyLike.commands.length).toBe(2);
    haproxyLike.breakWith(undefined);
  });

  it('fail when HAProxy takes none of them', async () => {
    bufsize = 10;
    const client = createRuntimeClient({ address: { path: haproxyLike.path } });
    expect(await addMap(client, 'routes.map', entries)).toMatchObject(failed('too-large', 'tune.bufsize'));
    expect(haproxyLike.commands.length).toBeLessThan(10);
  });
});

describe('what is no map', () => {
  it.each([
    ['another first line', 'nonsense\n\n'],
    ['a line that is no map', '# id (file) description\nnonsense\n\n'],
    ['a number that is none', '# id (file) description\nx (a) pattern a curr_ver=0 next_ver=0 entry_cnt=0\n\n'],
  ])('in the list: %s', async (_, text) => {
    haproxy.reply = text;
    expect(await showMaps(haproxy.client)).toMatchObject(failed('unexpected'));
  });

  it.each([
    ['an entry without a value', '0x1 key\n\n'],
    ['no address', 'key value\n\n'],
    ['an empty line', '0x1 a b\n\n0x2 c d\n\n'],
  ])('among the entries: %s', async (_, text) => {
    haproxy.reply = text;
    expect(await showMap(haproxy.client, 'routes.map')).toMatchObject(failed('unexpected'));
  });

  it('a refusal', async () => {
    haproxy.reply = 'Permission denied\n\n';
    expect(await showMap(haproxy.client, 'routes.map')).toMatchObject(failed('denied'));
    expect(await replaceMap(haproxy.client, 'routes.map', [])).toMatchObject(failed('denied'));
    expect(await setMap(haproxy.client, 'routes.map', 'a', 'b')).toMatchObject(failed('denied'));
  });
});

it.each([
  ['@1', 'a', 'b'],
  ['#', 'a', 'b'],
  ['routes.map', '#0x559b6d7f6300', 'b'],
  ['routes.map', '', 'b'],
  ['routes.map', 'a', ''],
  ['routes.map', 'a\n', 'b'],
  ['routes.map', 'a b', 'c'],
  ['routes.map', 'a', 'b c'],
  ['routes.map', 'a\\', 'b'],
  ['routes.map', 'a', '\nshutdown sessions'],
  ['routes.map', 'ä', 'b'],
])('never sends map %j, key %j, value %j', async (map, key, value) => {
  haproxy.reply = '\n';
  const refused = failed('invalid-command');
  expect(await setMap(haproxy.client, map, key, value)).toMatchObject(refused);
  expect(await addMap(haproxy.client, map, [[key, value]])).toMatchObject(refused);
  if (value === 'b') expect(await delMap(haproxy.client, map, key)).toMatchObject(refused);
  expect(haproxy.socket.commands).toEqual([]);
});

it('gives a value for any reply', async () => {
  const list = recorded('3.2', 'show-maps').split('\n');
  const replies = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc
      .array(fc.constantFrom('\n', ...list, '0x1 a b\n', 'New version created: 1\n\n', '\n\n', '\0'))
      .map((parts) => parts.join('')),
  );
  await fc.assert(
    fc.asyncProperty(replies, async (reply) => {
      haproxy.reply = reply;
      const results = [
        await showMaps(haproxy.client),
        await showMap(haproxy.client, 'routes.map'),
        await replaceMap(haproxy.client, 'routes.map', [['a', 'b']]),
        await addMap(haproxy.client, 'routes.map', [['a', 'b']]),
        await setMap(haproxy.client, 'routes.map', 'a', 'b'),
        await delMap(haproxy.client, 'routes.map', 'a'),
        await clearMap(haproxy.client, 'routes.map'),
      ];
      for (const result of results) {
        if (!result.ok) expect(result.error.message).toMatch(/^[^\u0000-\u001f\u007f-\u009f]{1,400}$/);
      }
    }),
  );
});
