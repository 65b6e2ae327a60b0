import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAccounts } from '../../../src/relay/account-slots';
import { createActiveStreams } from '../../../src/relay/active-streams';
import { type ChannelsOptions, createChannels } from '../../../src/relay/channels';
import type { Failover, RelayReports } from '../../../src/relay/client';
import { createClients } from '../../../src/relay/clients';
import { createServeChannel } from '../../../src/relay/serve-channel';
import type { RelayStream } from '../../../src/relay/stream';
import { createTicker } from '../../../src/relay/ticker';
import { createHlsProvider, mediaList, namedSegment, nameIn } from '../../support/hls-provider';
import { until } from '../../support/until';
import { aStream, keptLog } from './fakes';

const [one, two] = ['http://one/live/geheim/index.m3u8', 'http://two/geheim/index.m3u8'];
const settings = {
  maxSegments: 20,
  initialSegments: 3,
  windowSize: 6,
  bufferReadyTimeout: 30_000,
  firstSegmentTimeout: 30_000,
  initialBufferSeconds: 10,
  maxInitialSegments: 10,
  segmentFetchInterval: 0.1,
};

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function lab(
  options: Partial<ChannelsOptions> & { readonly failoverUrls?: readonly string[]; readonly most?: number } = {},
) {
  const provider = createHlsProvider();
  const told: string[] = [];
  const failovers: Failover[] = [];
  const clock = { aheadMs: 0 };
  const manifests = { ok: 0, failed: 0 };
  const reports: RelayReports = {
    streamStarted: () => told.push('started'),
    streamStopped: (_id, reason) => told.push(`stopped: ${reason}`),
    clientConnected: ({ id }) => told.push(`+${id}`),
    clientDisconnected: ({ id, bytes, segments }) => told.push(`-${id} ${bytes} ${segments}`),
    failedOver: (report) => failovers.push(report),
    clientFailed: (_client, { trigger }) => told.push(`failed ${trigger}`),
    connected: () => undefined,
  };
  const stream: RelayStream = { ...aStream, type: 'hls', url: one, failoverUrls: options.failoverUrls ?? [] };
  const clients = createClients({ most: options.most ?? 1000, reports });
  const ticker = createTicker(5);
  const log = keptLog();
  const channels = createChannels({
    find: () => stream,
    readLive: () => {
      throw new Error('no transport stream is read here');
    },
    provider,
    pooled: provider,
    accounts: createAccounts(new Map()),
    policy: { whenFull: 'next', waitForSlotMs: 0 },
    times: { stallMs: 4000, retryAfterRunningMs: 30_000 },
    settings: () => settings,
    resolve: () => undefined,
    failback: 'idle',
    streams: createActiveStreams(),
    clients,
    reports,
    record: {
      hls_segment_fetch: () => undefined,
      hls_manifest_generation: (_ms, count, failed) => {
        manifests.ok += count - failed;
        manifests.failed += failed;
      },
    },
    ticker,
    log,
    nowMs: () => performance.now() + clock.aheadMs,
    now: () => 1_000_000,
    ...options,
  });
  const serve = createServeChannel({
    channels,
    addressOf: () => '192.0.2.1',
    clientTimeoutMs: 30_000,
    passthrough: (_req, res, _stream, { path }) => void res.writeHead(200).end(`passed ${path}`),
    foundType: (res, { type }) => Promise.resolve(void res.writeHead(302, { location: type }).end()),
  });
  const server: Server = createServer((req, res) => {
    const [path = '', query = ''] = (req.url ?? '').replace('/hls/x/', '').split('?');
    serve(req, res, stream, { path, query });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hls/x/`;
  closers.push(async () => {
    for (const client of clients.all()) client.disconnect();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const get = async (url: string, init: RequestInit = {}) => {
    const response = await fetch(new URL(url, base), init);
    const bytes = Buffer.from(await response.arrayBuffer());
    return { status: response.status, headers: response.headers, bytes, text: bytes.toString('utf8') };
  };
  return {
    provider,
    told,
    failovers,
    channels,
    clients,
    clock,
    log,
    manifests,
    get,
    put: (url: string, number: number, listed: string, more: Parameters<typeof mediaList>[2] = {}): void => {
      const all = listed.split(' ');
      provider.set(url, mediaList(number, all, { target: 1, duration: 1, ...more }));
      for (const name of all) provider.set(new URL(name, url).href, namedSegment(name));
    },
    /** What a player finds behind a playlist: the URIs in it. */
    uris: (text: string): string[] => text.split('\n').filter((line) => line !== '' && !line.startsWith('#')),
    play: async (start = 'index.m3u8') => {
      const master = await get(start);
      const [media = ''] = master.text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
      return { master, media, list: await get(media) };
    },
  };
}

test('a player gets a master playlist with its session, a media playlist, and segments', async () => {
  const { put, play, get, uris, told, clients, manifests } = await lab();
  put(one, 7, 'a b c');
  const { master, media, list } = await play();
  expect(master.status).toBe(200);
  expect(Object.fromEntries(master.headers)).toMatchObject({
    'content-type': 'application/vnd.apple.mpegurl',
    'cache-control': 'no-store',
    'access-control-allow-origin': '*',
    'x-stream-id': aStream.id,
  });
  const token = master.headers.get('x-client-id') ?? '';
  expect(media).toBe(`main.m3u8?mtxs=${token}`);
  expect(master.text).toMatch(/^#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-STREAM-INF:BANDWIDTH=12032\n/);
  expect(list.text).toContain('#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:1000\n');
  expect(uris(list.text)).toEqual([1000, 1001, 1002].map((number) => `segment/${number}.ts?mtxs=${token}`));
  const segment = await get(uris(list.text)[1] ?? '');
  expect([segment.status, nameIn(segment.bytes)]).toEqual([200, 'b']);
  expect(Object.fromEntries(segment.headers)).toMatchObject({
    'content-type': 'video/mp2t',
    'content-length': '1504',
    'cache-control': 'private, max-age=3600, immutable',
    'access-control-allow-origin': '*',
  });
  await until('the count', () => clients.all()[0]?.segments === 1);
  expect(clients.all()).toMatchObject([{ id: token, bytes: 1504, segments: 1, source: 0, address: '192.0.2.1' }]);
  expect(told).toEqual(['started', `+${token}`]);
  expect(manifests).toEqual({ ok: 2, failed: 0 });
});

test.each([50, 500])(
  '%i players cost the provider one fetch a segment, and nothing more for the playlist than one',
  async (count) => {
    // By a clock that is slow: on a busy machine the first would have left before the last has come.
    const { put, play, get, uris, provider, clients, told } = await lab({ nowMs: () => performance.now() / 50 });
    put(one, 0, 'a b c');
    const players = await Promise.all(Array.from({ length: count }, () => play()));
    expect(new Set(players.map(({ media }) => media)).size).toBe(count);
    expect(clients.count).toBe(count);
    const got = await Promise.all(players.map(({ list }) => get(uris(list.text)[2] ?? '')));
    expect(got.every(({ status, bytes }) => status === 200 && nameIn(bytes) === 'c')).toBe(true);
    const looks = provider.count(one);
    put(one, 1, 'b c d');
    const [first] = players;
    await until('the new segment', async () => (await get(first?.media ?? '')).text.includes('1003.ts'));
    for (const name of 'abcd') expect(provider.count(new URL(name, one).href)).toBe(1);
    // One loop: it is not asked more often than a tenth of its target duration says.
    expect(provider.count(one) - looks).toBeLessThan(count);
    expect(told.filter((line) => line === 'started')).toHaveLength(1);
  },
);

test('who comes later begins near the live edge, with the same numbers', async () => {
  const { put, play, uris } = await lab();
  put(one, 0, 'a b c');
  await play();
  put(one, 0, 'a b c d e f g h i');
  await until('nine segments', async () => {
    const { list } = await play();
    return list.text.includes('1008.ts');
  });
  const { list } = await play();
  expect(uris(list.text).map((uri) => uri.split('?')[0])).toEqual([3, 4, 5, 6, 7, 8].map((n) => `segment/100${n}.ts`));
});

test('the session that a proxy has put into the query is the name of the player', async () => {
  const { put, play, clients } = await lab();
  put(one, 0, 'a b c');
  const { media } = await play('index.m3u8?mtxs=abc-123');
  expect(media).toBe('main.m3u8?mtxs=abc-123');
  expect(clients.all().map(({ id }) => id)).toEqual(['abc-123']);
  await play('index.m3u8?mtxs=abc-123');
  expect(clients.count).toBe(1);
});

test('scripts of before find the playlist and name their clients', async () => {
  const { put, get, clients } = await lab();
  put(one, 0, 'a b c');
  const { headers, text } = await get('playlist.m3u8?client_id=box-7&username=ann');
  expect([headers.get('x-client-id'), headers.get('x-stream-id')]).toEqual(['box-7', aStream.id]);
  expect(text).toContain('main.m3u8?mtxs=box-7');
  expect(clients.all()).toMatchObject([{ id: 'box-7', username: 'ann' }]);
});

test.each(['"><script>', '../../x', 'a'.repeat(65), 'a%0d%0ab', ''])(
  'the session %j is not taken over',
  async (session) => {
    const { put, get } = await lab();
    put(one, 0, 'a b c');
    const { status, text } = await get(`index.m3u8?mtxs=${encodeURIComponent(session)}`);
    expect(status).toBe(200);
    expect(text).toMatch(/main\.m3u8\?mtxs=[0-9a-f-]{36}\n$/);
  },
);

test('a name that no header can hold is told as far as it can be', async () => {
  const { put, get } = await lab();
  put(one, 0, 'a b c');
  const { status, headers } = await get(`playlist.m3u8?client_id=${encodeURIComponent('漢字\u{1f600}-7')}`);
  expect([status, headers.get('x-client-id')]).toEqual([200, '???-7']);
});

test('what is not held is 404', async () => {
  const { put, play, get } = await lab();
  put(one, 0, 'a b c');
  await play();
  for (const path of [
    'segment/999.ts',
    'segment/1003.ts',
    'segment/1000.mp4',
    'segment/1000.key',
    'segment/1000.m4s',
  ]) {
    expect(await get(path)).toMatchObject({ status: 404, text: expect.stringContaining('not held') as string });
  }
  for (const path of ['segment/audio-0/1000.ts', 'audio-0.m3u8', 'constructor.m3u8']) {
    expect((await get(path)).status).toBe(404);
  }
  for (const path of ['x', 'segment/', 'segment/-1.ts']) expect((await get(path)).text).toBe(`passed ${path}`);
});

test('HEAD is answered without the provider', async () => {
  const { get, provider, clients } = await lab();
  expect(await get('index.m3u8', { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
  expect([provider.requests.length, clients.count]).toEqual([0, 0]);
});

test('a segment alone begins no channel and makes no player', async () => {
  const { get, put, play, clients, provider } = await lab();
  expect((await get('segment/1000.ts?mtxs=abc')).status).toBe(404);
  expect(provider.requests).toHaveLength(0);
  put(one, 0, 'a b c');
  await play();
  expect((await get('segment/1000.ts')).status).toBe(200);
  expect(clients.count).toBe(1);
});

describe('the end', () => {
  test('comes when the last player was not heard of for five seconds; who comes back within them finds the same channel', async () => {
    const { put, play, get, clock, told, channels, provider } = await lab();
    put(one, 0, 'a b c');
    const { media } = await play();
    await until('a look', () => provider.count(one) > 1);
    clock.aheadMs += 4000;
    expect((await get(media)).text).toContain('MEDIA-SEQUENCE:1000');
    clock.aheadMs += 4000;
    await until('a look', () => channels.count === 1);
    expect((await get(media)).text).toContain('MEDIA-SEQUENCE:1000');
    clock.aheadMs += 6000;
    await until('the end', () => channels.count === 0);
    expect(told.map((line) => line.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, ''))).toEqual([
      'started',
      '+',
      '- 0 0',
      'stopped: last client left',
    ]);
    const asked = provider.requests.length;
    put(one, 0, 'a b c');
    expect((await get(media)).status).toBe(200);
    expect(provider.requests.length).toBeGreaterThan(asked);
    expect(told.filter((line) => line === 'started' || line.startsWith('stopped'))).toEqual([
      'started',
      'stopped: last client left',
      'started',
    ]);
  });

  test('does not come while a player waits for the first segments', async () => {
    const { put, provider, get, clock, channels, told } = await lab();
    provider.set(one, { isSilent: true });
    const asked = get('index.m3u8');
    await until('the request', () => provider.underWay.count === 1);
    clock.aheadMs += 60_000;
    put(one, 0, 'a b c');
    await until('some looks', () => channels.count === 1);
    expect(told.some((line) => line.startsWith('stopped'))).toBe(false);
    void asked.catch(() => undefined);
  });

  test('comes when the stream is deleted or its players are told to go, who do not come back at once', async () => {
    const { put, play, get, clients, channels, told } = await lab();
    put(one, 0, 'a b c');
    const { media } = await play();
    for (const client of clients.all()) client.disconnect();
    expect(channels.count).toBe(0);
    expect(told.at(-1)).toBe('stopped: the player was disconnected');
    expect((await get(media)).status).toBe(410);
    expect((await play()).list.status).toBe(200);
  });
});

describe('a stream that cannot be played', () => {
  test('says why, with nothing of its URL', async () => {
    const { get, told, channels, log } = await lab({ failoverUrls: [two] });
    const { status, text } = await get('index.m3u8');
    expect(status).toBe(404);
    expect(text).toContain('Source 1: The provider answered 404 Not Found. Source 2:');
    expect(text + log.lines.join()).not.toContain('geheim');
    expect(told.map((line) => line.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/, ''))).toEqual([
      'started',
      '+',
      'failed status',
      '- 0 0',
      'stopped: The provider answered 404 Not Found.',
    ]);
    expect(channels.count).toBe(0);
  });

  test('that gives nothing within the time is 503', async () => {
    const { get, provider, manifests } = await lab({
      settings: () => ({ ...settings, bufferReadyTimeout: 20, firstSegmentTimeout: 20 }),
    });
    provider.set(one, { isSilent: true });
    expect(await get('index.m3u8')).toMatchObject({
      status: 503,
      text: expect.stringContaining('enough to play') as string,
    });
    expect(manifests).toEqual({ ok: 0, failed: 1 });
  });

  test('with less than wanted is played when the time is over', async () => {
    const { get, put } = await lab({ settings: () => ({ ...settings, bufferReadyTimeout: 50 }) });
    put(one, 0, 'a');
    expect((await get('index.m3u8')).status).toBe(200);
  });

  test('for which there is no place is 503, and begins no channel', async () => {
    const { get, channels, provider } = await lab({ most: 0 });
    expect((await get('index.m3u8')).status).toBe(503);
    expect(channels.count).toBe(0);
    expect(provider.requests).toHaveLength(0);
  });
});

test('a recording is passed through, and asked for once', async () => {
  const { put, get, provider, told, channels } = await lab();
  put(one, 0, 'a b c', { ended: true });
  expect((await get('index.m3u8')).text).toBe('passed index.m3u8');
  expect((await get('index.m3u8')).text).toBe('passed index.m3u8');
  expect(provider.requests).toHaveLength(1);
  expect([told.at(-1)?.split(':')[0], channels.count]).toEqual(['stopped', 0]);
});

test('a transport stream under the name of a playlist is what it is, at once', async () => {
  const { get, provider } = await lab();
  provider.set(one, { begins: namedSegment('a', 400) });
  const { status, headers } = await get('index.m3u8', { redirect: 'manual' });
  expect([status, headers.get('location')]).toEqual([302, 'live']);
  expect(provider.underWay.count).toBe(0);
});

test('a failover is one for all players, whose numbers go on', async () => {
  const { put, play, get, clients, failovers } = await lab({ failoverUrls: [two] });
  put(one, 0, 'a b c');
  put(two, 50, 'p q r');
  const players = await Promise.all([play(), play(), play()]);
  expect(clients.all().map((client) => client.failover())).toEqual([1, 1, 1]);
  const [{ media }] = players;
  const text = await until('the other source', async () => {
    const { text: now } = await get(media);
    return now.includes('#EXT-X-DISCONTINUITY\n') && now;
  });
  expect(text).toContain('MEDIA-SEQUENCE:1000');
  expect(failovers).toHaveLength(1);
  expect(clients.all().map(({ failovers: count, source }) => [count, source])).toEqual([
    [1, 1],
    [1, 1],
    [1, 1],
  ]);
});

test('a playlist in renditions has them in its master, each with segments of its own', async () => {
  const { put, provider, play, get, uris } = await lab();
  provider.set(
    one,
    '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English",DEFAULT=YES,URI="en.m3u8?geheim"\n#EXT-X-STREAM-INF:BANDWIDTH=5,AUDIO="a",CODECS="avc1.64,mp4a.40.2"\nvideo.m3u8\n',
  );
  put('http://one/live/geheim/video.m3u8', 0, 'a b c');
  provider.set('http://one/live/geheim/en.m3u8?geheim', mediaList(0, ['A', 'B', 'C'], { target: 1, duration: 1 }));
  for (const name of 'ABC') provider.set(`http://one/live/geheim/${name}`, Buffer.from(`ID3 <${name}>`));
  const { master } = await play('index.m3u8?mtxs=t');
  expect(master.text).toContain(
    '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="English",DEFAULT=YES,URI="audio-0.m3u8?mtxs=t"\n#EXT-X-STREAM-INF:BANDWIDTH=5,AUDIO="a",CODECS="avc1.64,mp4a.40.2"\nmain.m3u8?mtxs=t\n',
  );
  const sound = await get('audio-0.m3u8?mtxs=t');
  expect(uris(sound.text)[0]).toBe('segment/audio-0/1000.aac?mtxs=t');
  const first = await get(uris(sound.text)[0] ?? '');
  expect([first.headers.get('content-type'), first.text]).toEqual(['audio/aac', 'ID3 <A>']);
});

test('keys are for nobody to keep', async () => {
  const { put, provider, play, get } = await lab();
  put(one, 0, 'a b c', { before: { a: '#EXT-X-KEY:METHOD=AES-128,URI="k"' } });
  provider.set(new URL('k', one).href, Buffer.alloc(16, 5));
  const { list } = await play();
  const [, uri = ''] = /URI="([^"]+)"/.exec(list.text) ?? [];
  const key = await get(uri);
  expect([key.status, key.headers.get('cache-control'), key.bytes]).toEqual([200, 'no-store', Buffer.alloc(16, 5)]);
  expect((await get(uri.replace('.key', '.mp4'))).status).toBe(404);
});

test('a channel tells how full it is and how long fetches take, while somebody plays it', async () => {
  const { put, play, channels, clients } = await lab();
  put(one, 7, 'a b c');
  expect(channels.figures(aStream.id)).toBeUndefined();
  await play();
  expect(channels.figures(aStream.id)).toMatchObject({ fill: { segments: 3, seconds: 3 }, underruns: 0 });
  expect(channels.figures(aStream.id)?.fetchMs).toBeGreaterThanOrEqual(0);
  for (const client of clients.all()) client.disconnect();
  await until('its end', () => channels.figures(aStream.id) === undefined);
});
