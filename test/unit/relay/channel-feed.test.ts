import { createDecipheriv } from 'node:crypto';
import { type ChannelFeed, type ChannelFeedOptions, createChannelFeed } from '../../../src/relay/channel-feed';
import { mediaPlaylistOf, withQuery } from '../../../src/relay/channel-playlist';
import type { ChannelRing } from '../../../src/relay/channel-ring';
import { createChannelStats } from '../../../src/relay/channel-stats';
import type { SourceFailure } from '../../../src/relay/provider';
import { createSourcesHealth } from '../../../src/relay/source-health';
import { settle } from '../../support/fake-provider';
import { createHlsProvider, mediaList, namedSegment, nameIn } from '../../support/hls-provider';
import { until } from '../../support/until';
import { oneEach } from './fakes';

const [one, two] = ['http://one/live/index.m3u8', 'http://two/live/index.m3u8'];
const first = 1000;

const labs: { stop(): void }[] = [];
afterEach(() => {
  for (const one of labs.splice(0)) one.stop();
});

/** A channel whose time goes on when the test says so. */
function lab(options: Partial<ChannelFeedOptions> = {}) {
  const provider = createHlsProvider();
  const state = { nowMs: 0 };
  const waits = new Set<{ readonly ms: number; readonly resolve: () => void }>();
  const told: string[] = [];
  const failed: SourceFailure[][] = [];
  const failovers: Parameters<ChannelFeedOptions['reports']['failedOver']>[0][] = [];
  const stats = createChannelStats();
  const feed: ChannelFeed = createChannelFeed({
    sources: () => [one, two],
    start: 0,
    headers: () => ({ 'user-agent': 'test', cookie: 'geheim' }),
    provider,
    pooled: provider,
    accounts: oneEach(),
    policy: { whenFull: 'next', waitForSlotMs: 15_000 },
    client: () => 'me',
    onTakenOver: () => told.push('taken over'),
    health: createSourcesHealth(),
    resolve: () => undefined,
    settings: () => ({
      maxSegments: 20,
      initialSegments: 3,
      initialBufferSeconds: 10,
      maxInitialSegments: 10,
      segmentFetchInterval: 0.5,
    }),
    maxBandwidth: () => Infinity,
    mostBytes: () => 1e9,
    stallMs: 4000,
    retryAfterRunningMs: 30_000,
    reports: {
      began: (source) => told.push(`began ${source}`),
      connected: (source, _ms, failure) => told.push(`connected ${source} ${failure?.trigger ?? 'ok'}`),
      failedOver: (report) => failovers.push(report),
      changed: () => undefined,
      failed: (failures) => failed.push([...failures]),
      isRecording: () => told.push('recording'),
      ranDry: () => told.push('ran dry'),
      oddity: (_source, what) => told.push(what),
    },
    stats,
    recordFetch: () => undefined,
    firstNumber: first,
    nowMs: () => state.nowMs,
    wait: (ms, signal) =>
      new Promise((resolve) => {
        const done = (): void => {
          waits.delete(one);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const one = { ms, resolve: done };
        waits.add(one);
        if (signal.aborted) done();
        else signal.addEventListener('abort', done, { once: true });
      }),
    ...options,
  });
  labs.push(feed);
  const main = (): ChannelRing => {
    if (feed.shape === undefined) throw new Error('the channel has no shape yet');
    return feed.shape.main.ring;
  };
  const names = (ring = main()): string =>
    ring.segments
      .map(
        ({ bytes, isDiscontinuity }) =>
          `${isDiscontinuity ? '| ' : ''}${bytes === undefined ? '-' : nameIn(Buffer.concat([...bytes]))}`,
      )
      .join(' ');
  return {
    provider,
    feed,
    told,
    failed,
    failovers,
    stats,
    state,
    main,
    names,
    /** The text of the main playlist. */
    playlist: () => withQuery(mediaPlaylistOf(main(), { prefix: '', windowSize: 6, isEnded: feed.isEnded }), ''),
    /** Puts a source where it is: its segments, and a playlist that lists some of them. */
    put: (url: string, number: number, listed: string, more: Parameters<typeof mediaList>[2] = {}): void => {
      const all = listed.split(' ');
      provider.set(url, mediaList(number, all, more));
      for (const name of all) provider.set(new URL(name, url).href, namedSegment(name));
    },
    /** Lets the shortest wait be over, after all that goes on has gone on. */
    step: async (): Promise<number> => {
      await until('a wait', () => provider.underWay.count === 0 && waits.size > 0, 1);
      await settle();
      const [next] = [...waits].sort((a, b) => a.ms - b.ms);
      if (next === undefined) throw new Error('nobody waits');
      state.nowMs += next.ms;
      next.resolve();
      await settle();
      return next.ms;
    },
    /** Until everything that has come is in the ring. */
    rest: async (): Promise<void> => {
      await until('a rest', () => provider.underWay.count === 0 && waits.size > 0, 1);
      await settle();
    },
  };
}

test('the first segments go back from the live edge; then every new one is fetched once, in order, with numbers of its own', async () => {
  const { put, provider, step, rest, names, main, playlist } = lab();
  put(one, 77, 'a b c d e f');
  await rest();
  expect(names()).toBe('d e f');
  put(one, 79, 'c d e f g h i');
  await step();
  await rest();
  expect(names()).toBe('d e f g h i');
  expect(main().segments.map(({ number }) => number)).toEqual([1000, 1001, 1002, 1003, 1004, 1005]);
  for (const name of 'defghi') expect(provider.count(`http://one/live/${name}`)).toBe(1);
  for (const name of 'abc') expect(provider.count(`http://one/live/${name}`)).toBe(0);
  expect(playlist()).toBe(
    [
      '#EXTM3U',
      '#EXT-X-VERSION:3',
      '#EXT-X-TARGETDURATION:4',
      '#EXT-X-MEDIA-SEQUENCE:1000',
      ...[1000, 1001, 1002, 1003, 1004, 1005].flatMap((number) => ['#EXTINF:4.000,', `segment/${number}.ts`]),
      '',
    ].join('\n'),
  );
});

test('what is held at most, and what comes first, follows the settings', async () => {
  const settings = {
    maxSegments: 5,
    initialSegments: 1,
    initialBufferSeconds: 5,
    maxInitialSegments: 3,
    segmentFetchInterval: 0.5,
  };
  const { put, step, rest, names } = lab({ settings: () => settings });
  put(one, 0, 'a b c d e f');
  await rest();
  expect(names()).toBe('e f');
  settings.maxSegments = 3;
  put(one, 0, 'a b c d e f g h');
  await step();
  await rest();
  expect(names()).toBe('f g h');
});

test('the playlist is looked at again after a share of the target duration, sooner while it does not change', async () => {
  const { put, step, rest } = lab();
  put(one, 0, 'a b c');
  await rest();
  expect(await step()).toBe(2000);
  expect(await step()).toBe(1000);
  put(one, 0, 'a b c d');
  await step();
  expect(await step()).toBe(2000);
});

test('a target duration is a whole number that no segment exceeds, and never shrinks', async () => {
  const { put, step, rest, main } = lab();
  put(one, 0, 'a b', { target: 4.8, duration: 4.8 });
  await rest();
  expect(main().targetDuration).toBe(5);
  put(one, 0, 'a b c', { target: 4, duration: 4 });
  await step();
  expect(main().targetDuration).toBe(5);
  put(one, 0, 'a b c d', { target: 4, duration: 7.5 });
  await step();
  await rest();
  expect(main().targetDuration).toBe(8);
});

describe('a source that is not in order', () => {
  test.each([
    ['that jumps back and begins anew', 0, 'x y z', /^b c d \| (?:y )?z$/, 'restarted'],
    ['that is renumbered', 9000, 'c d e', /^b c d e$/, 'renumbered'],
    ['of which segments came and went between two looks', 12, 'g h i', /^b c d \| g h i$/, 'hole'],
    ['whose old copy is read', 4, 'z a b', /^b c d$/, undefined],
  ])('%s', async (_what, number, listed, expected, oddity) => {
    const { put, step, rest, names, told } = lab();
    put(one, 5, 'a b c d');
    await rest();
    put(one, number, listed);
    await step();
    await rest();
    expect(names()).toMatch(expected);
    if (oddity !== undefined) expect(told).toContain(oddity);
  });

  test('whose playlist does not change has failed after three target durations', async () => {
    const { put, step, rest, names, failovers, state } = lab();
    put(one, 0, 'a b c');
    put(two, 50, 'p q r s t');
    await rest();
    while (failovers.length === 0) await step();
    await rest();
    expect(state.nowMs).toBeGreaterThanOrEqual(12_000);
    expect(failovers).toMatchObject([
      { from: 0, to: 1, trigger: 'stall', reason: 'The playlist has not changed for 12s.' },
    ]);
    expect(names()).toBe('a b c | r s t');
  });

  test('of which a segment is missing: it is tried again once, then the next source goes on at its time', async () => {
    const { put, provider, step, rest, names, main, failovers } = lab();
    const startMs = Date.parse('2026-11-30T12:00:00Z');
    put(one, 0, 'a b c', { startMs });
    put(two, 50, 'p q r s t', { startMs: startMs + 4200 });
    await rest();
    provider.set(one, mediaList(0, ['a', 'b', 'c', 'd'], { startMs }));
    await step();
    await rest();
    expect(provider.count('http://one/live/d')).toBe(2);
    expect(names()).toBe('a b c | r s t');
    expect(main().segments.map(({ number }) => number - first)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(failovers).toMatchObject([{ from: 0, to: 1, trigger: 'status' }]);
  });

  test('that is the only one: a missing segment keeps its place', async () => {
    const { put, provider, step, rest, names, playlist, stats } = lab({ sources: () => [one] });
    put(one, 0, 'a b c');
    await rest();
    put(one, 0, 'a b c d e');
    provider.set('http://one/live/d', { failure: {} });
    await step();
    await rest();
    expect(names()).toBe('a b c - e');
    expect(playlist()).toContain('#EXT-X-GAP\n#EXTINF:4.000,\nsegment/1003.ts\n#EXTINF:4.000,\nsegment/1004.ts');
    expect(stats).toMatchObject({ missingSegments: 1, fetches: { segment: { ok: 4, status: 2 } } });
  });

  test('that sends a text instead of a segment', async () => {
    const { put, provider, step, rest, names, failovers } = lab();
    put(one, 0, 'a b c');
    put(two, 7, 'p q r');
    await rest();
    put(one, 0, 'a b c d');
    provider.set('http://one/live/d', '<html>Account expired</html>');
    await step();
    await rest();
    expect(failovers).toMatchObject([
      { trigger: 'type', reason: 'The provider sent something else instead of a segment.' },
    ]);
    expect(names()).toMatch(/^a b c \| (?:q )?r$/);
  });

  test.each([
    ['text', 'not a playlist'],
    ['nothing', ''],
    ['too much', `#EXTM3U\n${'#'.repeat(3 * 1024 * 1024)}`],
  ])('that sends %s instead of a playlist', async (_what, text) => {
    const { put, provider, rest, names, told } = lab();
    provider.set(one, text);
    put(two, 7, 'p q r');
    await rest();
    expect(told).toEqual(['connected 0 type', 'connected 1 ok', 'began 1']);
    expect(names()).toBe('p q r');
  });
});

test('discontinuities of the source are carried over, and counted when they have gone', async () => {
  const settings = {
    maxSegments: 3,
    initialSegments: 1,
    initialBufferSeconds: 30,
    maxInitialSegments: 10,
    segmentFetchInterval: 0.5,
  };
  const { put, step, rest, names, playlist } = lab({ settings: () => settings });
  const before = { c: '#EXT-X-DISCONTINUITY', f: '#EXT-X-DISCONTINUITY' };
  put(one, 0, 'a b c', { before });
  await rest();
  expect(names()).toBe('a b | c');
  put(one, 3, 'd e f', { before });
  await step();
  await rest();
  expect(names()).toBe('d e | f');
  expect(playlist()).toContain('#EXT-X-MEDIA-SEQUENCE:1003\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n');
});

test('keys are fetched once and served; a segment without IV keeps the one that its old number gave it', async () => {
  const { put, provider, step, rest, main, playlist } = lab();
  const key = (name: string, more = '') => `#EXT-X-KEY:METHOD=AES-128,URI="${name}"${more}`;
  const before = { a: key('k1'), c: key('k2', ',IV=0x00000000000000000000000000000009') };
  put(one, 260, 'a b c', { before });
  const [k1, k2] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
  provider.set('http://one/live/k1', k1);
  provider.set('http://one/live/k2', k2);
  await rest();
  put(one, 260, 'a b c d', { before });
  await step();
  await rest();
  expect([provider.count('http://one/live/k1'), provider.count('http://one/live/k2')]).toEqual([1, 1]);
  const keys = [...playlist().matchAll(/#EXT-X-KEY:METHOD=AES-128,URI="segment\/(\d+)\.key",IV=(0x[0-9a-f]+)/g)];
  expect(keys.map(([, , iv]) => Number(iv))).toEqual([260, 261, 9]);
  expect(keys.map(([, number]) => main().companion(Number(number))?.bytes)).toEqual([k1, k1, k2]);
  expect(() => createDecipheriv('aes-128-cbc', k1, Buffer.from((keys[0]?.[2] ?? '').slice(2), 'hex'))).not.toThrow();
});

test('init segments are fetched once, with the part that is theirs', async () => {
  const { put, provider, rest, main, playlist } = lab();
  put(one, 0, 'a.m4s b.m4s c.m4s', { before: { 'a.m4s': '#EXT-X-MAP:URI="all.mp4",BYTERANGE="8@4"' } });
  for (const name of ['a.m4s', 'b.m4s', 'c.m4s'])
    provider.set(`http://one/live/${name}`, Buffer.from(`\0\0\0\x08moof<${name}>`));
  provider.set('http://one/live/all.mp4', Buffer.from('0000\0\0\0\x08ftyp9999'));
  await rest();
  expect(provider.count('http://one/live/all.mp4')).toBe(1);
  const [, number] = /#EXT-X-MAP:URI="segment\/(\d+)\.mp4"/.exec(playlist()) ?? [];
  expect(main().companion(Number(number))?.bytes.toString()).toBe('\0\0\0\x08ftyp');
  expect(playlist()).toContain('segment/1000.m4s');
});

test('byte ranges become segments of their own', async () => {
  const { provider, rest, names } = lab();
  const file = Buffer.concat([namedSegment('a'), namedSegment('b')]);
  provider.set('http://one/live/all.ts', file);
  const half = file.length / 2;
  const lines = [
    `#EXT-X-BYTERANGE:${half}@0`,
    '#EXTINF:4,',
    'all.ts',
    `#EXT-X-BYTERANGE:${half}`,
    '#EXTINF:4,',
    'all.ts',
  ];
  provider.set(one, `#EXTM3U\n#EXT-X-TARGETDURATION:4\n${lines.join('\n')}\n`);
  await rest();
  expect(names()).toBe('a b');
});

describe('a master playlist', () => {
  const master = [
    '#EXTM3U',
    '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="aud",NAME="English",LANGUAGE="en",URI="en.m3u8"',
    '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="low",NAME="English",LANGUAGE="en",URI="low.m3u8"',
    '#EXT-X-STREAM-INF:BANDWIDTH=800000,AUDIO="low"',
    'small.m3u8',
    '#EXT-X-STREAM-INF:BANDWIDTH=4000000,AUDIO="aud",CODECS="avc1.640028,mp4a.40.2",RESOLUTION=1280x720',
    'big.m3u8',
  ].join('\n');

  test('is read as its highest variant, and the renditions of that, which begin with the same segment', async () => {
    const { put, provider, rest, names, feed } = lab({ sources: () => [one] });
    provider.set(one, master);
    put('http://one/live/big.m3u8', 100, 'a b c d');
    put('http://one/live/en.m3u8', 101, 'B C D E');
    await rest();
    await until('sound', () => feed.shape?.renditions[0]?.track?.ring.segments.length === 4, 1);
    expect(names()).toBe('b c d');
    expect(names(feed.shape?.renditions[0]?.track?.ring)).toBe('B C D E');
    expect(provider.count('http://one/live/small.m3u8')).toBe(0);
    expect(feed.shape?.attributes.get('RESOLUTION')).toBe('1280x720');
  });

  test('is read as the highest variant that is not above the most', async () => {
    const { put, provider, rest, names } = lab({ maxBandwidth: () => 2_000_000, sources: () => [one] });
    provider.set(one, master);
    put('http://one/live/small.m3u8', 100, 'a b c');
    put('http://one/live/low.m3u8', 100, 'A B C');
    await rest();
    expect(names()).toBe('a b c');
  });

  test('of a source whose sound is elsewhere than that of the one before cannot be gone over to', async () => {
    const { put, provider, step, rest, told, names } = lab();
    put(one, 0, 'a b c');
    provider.set(two, master);
    put('http://two/live/big.m3u8', 100, 'p q r');
    await rest();
    provider.set(one, { failure: {} });
    await step();
    await step();
    await rest();
    expect(told).toContain('connected 1 ok');
    expect(names()).toBe('a b c');
  });
});

describe('redirects and tokens', () => {
  test('children belong to where the playlist was found, and it is asked there again until its token has run out', async () => {
    const { provider, step, rest, names, told } = lab({ sources: () => [one] });
    let token = 1;
    provider.set(one, () => {
      provider.set(`http://edge/${token}/list.m3u8`, mediaList(0, ['a', 'b', 'c', 'd'].slice(0, token + 2)));
      for (const name of 'abcd') provider.set(`http://edge/${token}/${name}`, namedSegment(`${name}${token}`));
      return { at: `http://edge/${token}/list.m3u8`, body: mediaList(0, ['a', 'b', 'c', 'd'].slice(0, token + 2)) };
    });
    await rest();
    await step();
    await rest();
    expect([provider.count(one), provider.count('http://edge/1/list.m3u8')]).toEqual([1, 1]);
    token = 2;
    provider.set('http://edge/1/list.m3u8', { failure: { status: 403 } });
    await step();
    await rest();
    expect(names()).toBe('a1 b1 c1 d2');
    expect(told).toEqual(['connected 0 ok', 'began 0']);
  });

  test('what is said to the source is said to no other host', async () => {
    const { provider, rest } = lab({ sources: () => [one] });
    provider.set(one, mediaList(0, ['a', 'http://cdn/b']));
    provider.set('http://one/live/a', namedSegment('a'));
    provider.set('http://cdn/b', namedSegment('b'));
    await rest();
    const headersTo = (url: string) => provider.requests.find((request) => request.url === url)?.headers;
    expect(headersTo('http://one/live/a')).toEqual({ 'user-agent': 'test', cookie: 'geheim' });
    expect(headersTo('http://cdn/b')).toEqual({ 'user-agent': 'test' });
  });

  test.each(['file:///etc/hostname', 'ftp://one/x', 'http://'])('%s is no segment', async (uri) => {
    const { provider, failed } = lab({ sources: () => [one] });
    provider.set(one, mediaList(0, [uri, uri, uri]));
    await until('a failure', () => failed.length > 0, 1);
    expect(provider.requests.map(({ url }) => url)).toEqual([one]);
    expect(failed).toMatchObject([[{ trigger: 'type' }]]);
  });
});

describe('an order to go over', () => {
  test('opens the next source while the old one plays', async () => {
    const { put, rest, names, feed, failovers, told, main } = lab();
    put(one, 0, 'a b c');
    put(two, 50, 'p q r');
    await rest();
    expect(feed.failover()).toBe(1);
    expect(feed.failover()).toBeUndefined();
    await until('the other source', () => feed.source === 1, 1);
    await rest();
    expect(names()).toBe('a b c | r');
    expect(main().segments.at(-1)?.number).toBe(first + 3);
    expect(failovers).toMatchObject([{ from: 0, to: 1, trigger: 'manual', reason: 'An operator asked for it.' }]);
    expect(told).toEqual(['connected 0 ok', 'began 0', 'connected 1 ok']);
  });

  test('to one that does not work leaves the old one on air', async () => {
    const { put, step, rest, names, feed, failovers } = lab();
    put(one, 0, 'a b c');
    await rest();
    expect(feed.failover()).toBe(1);
    put(one, 0, 'a b c d');
    await step();
    await rest();
    expect([names(), feed.source, failovers.length]).toEqual(['a b c d', 0, 0]);
  });

  test('within one account gives its connection back first', async () => {
    const accounts = oneEach('one');
    const other = 'http://one/other.m3u8';
    const { put, rest, names, feed } = lab({ accounts, sources: () => [one, other] });
    put(one, 0, 'a b c');
    put(other, 0, 'x y z');
    await rest();
    expect(feed.failover()).toBe(1);
    await until('the other source', () => feed.source === 1, 1);
    await rest();
    expect(names()).toBe('a b c | z');
    expect(accounts.taken.size).toBe(1);
  });

  test('back goes on with the numbers too', async () => {
    const { put, rest, names, feed, main } = lab();
    put(one, 0, 'a b c');
    put(two, 50, 'p q r');
    await rest();
    feed.failover();
    await until('the other source', () => feed.source === 1, 1);
    feed.failover(one);
    await until('the first source', () => feed.source === 0, 1);
    await rest();
    expect(names()).toBe('a b c | r | c');
    expect(main().segments.at(-1)).toMatchObject({ number: first + 4, discontinuitySequence: 2 });
  });
});

describe('accounts', () => {
  test('one connection of an account is never used twice at a time', async () => {
    const accounts = oneEach('one');
    const { put, provider, rest, names, feed } = lab({ accounts });
    put(one, 0, 'a b c d e f', { duration: 1 });
    await rest();
    expect(names()).toBe('a b c d e f');
    expect(provider.underWay.most).toBe(1);
    expect(accounts.taken.size).toBe(1);
    feed.stop();
    expect(accounts.taken.size).toBe(0);
  });

  test('that are full lead to the next source', async () => {
    const accounts = oneEach('one');
    accounts.taken.set('one', { url: one, client: 'other', onTakenOver: () => undefined });
    const { put, rest, names } = lab({ accounts });
    put(one, 0, 'a b c');
    put(two, 0, 'p q r');
    await rest();
    expect(names()).toBe('p q r');
  });
});

describe('a channel without a source that works', () => {
  test('fails when each was tried', async () => {
    const { failed, provider } = lab();
    provider.set(two, { failure: { trigger: 'connect', status: undefined, reason: 'The connection was refused.' } });
    await until('the failure', () => failed.length > 0, 1);
    expect(failed).toMatchObject([[{ trigger: 'status', status: 404 }, { trigger: 'connect' }]]);
  });

  test('goes on trying once it has played, and finds the first one that is back', async () => {
    const { put, provider, step, rest, names, failovers } = lab();
    put(one, 0, 'a b c');
    await rest();
    provider.set(one, { failure: {} });
    for (let steps = 0; steps < 12; steps++) await step();
    put(two, 5, 'p q r s t u v w x');
    while (failovers.length === 0) await step();
    await rest();
    expect(names()).toMatch(/^a b c \| [p-x ]*x$/);
  });

  test('goes on without a seam where its source was only away for a while', async () => {
    const { put, provider, step, rest, names, failovers } = lab({ sources: () => [one] });
    put(one, 0, 'a b c');
    await rest();
    provider.set(one, { failure: {} });
    for (let steps = 0; steps < 6; steps++) await step();
    put(one, 0, 'a b c d');
    while (!names().endsWith('d')) await step();
    expect(names()).toBe('a b c d');
    expect(failovers).toEqual([]);
  });

  test('asks nobody any more after it was stopped', async () => {
    const { put, provider, rest, feed } = lab();
    put(one, 0, 'a b c');
    await rest();
    feed.stop();
    const asked = provider.requests.length;
    await settle();
    expect(provider.requests).toHaveLength(asked);
    expect(provider.underWay.count).toBe(0);
  });
});

test('a list that ends, of the only source, ends the channel', async () => {
  const { put, step, rest, feed, names, playlist } = lab({ sources: () => [one] });
  put(one, 0, 'a b c');
  await rest();
  put(one, 0, 'a b c d', { ended: true });
  await step();
  await until('the end', () => feed.isEnded, 1);
  expect(names()).toBe('a b c d');
  expect(playlist()).toMatch(/#EXT-X-ENDLIST\n$/);
});

test('a recording is not played from its end', async () => {
  const { put, failed, provider } = lab({ sources: () => [one] });
  put(one, 0, 'a b c', { ended: true });
  await until('the failure', () => failed.length > 0, 1);
  expect(failed).toMatchObject([[{ trigger: 'type', reason: expect.stringContaining('recording') as string }]]);
  expect(provider.requests).toHaveLength(1);
});

test('a source that ends, of several, is followed by the next one', async () => {
  const { put, step, rest, names, failovers } = lab();
  put(one, 0, 'a b c');
  put(two, 0, 'p q r');
  await rest();
  put(one, 0, 'a b c d', { ended: true });
  await step();
  await rest();
  expect(names()).toMatch(/^a b c d \| (?:p q |q )?r$/);
  expect(failovers).toMatchObject([{ trigger: 'end' }]);
});
