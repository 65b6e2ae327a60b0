import {
  createFaultProvider,
  endAfter,
  type FaultProvider,
  file,
  hangUp,
  html,
  inTurn,
  live,
  redirect,
  resetAfter,
  silent,
  status,
} from '../../support/fault-provider';
import {
  createPassthroughLab,
  type HlsAnswer,
  type PassthroughLab,
  type PassthroughLabOptions,
} from '../../support/passthrough-lab';
import { until } from '../../support/until';

const segment = Buffer.from(Array.from({ length: 188 * 50 }, (_, at) => (at % 188 === 0 ? 0x47 : at % 251)));
const master = [
  '#EXTM3U',
  '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="en",URI="audio.m3u8"',
  '#EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO="a"',
  'low.m3u8?token=secret',
  '#EXT-X-STREAM-INF:BANDWIDTH=2,AUDIO="a"',
  'high.m3u8',
  '',
].join('\n');
const media = '#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:4,\nseg/7.ts\n#EXTINF:4,\nseg/8.ts\n';

let faulty: FaultProvider;
let other: FaultProvider;
let lab: PassthroughLab;
const playlist = (text: string) => status(200, text, { 'content-type': 'application/x-mpegURL' });

async function setUp(options: PassthroughLabOptions = {}): Promise<void> {
  lab = await createPassthroughLab(options);
  lab.setSources(faulty.url('/a/master.m3u8'));
}
beforeEach(async () => {
  faulty = await createFaultProvider();
  other = await createFaultProvider({ host: '127.0.0.2' });
  for (const provider of [faulty, other]) {
    provider.at('/a/master.m3u8', playlist(master));
    for (const name of ['low', 'high', 'audio']) provider.at(`/a/${name}.m3u8`, playlist(media));
    for (const name of ['7', '8']) provider.at(`/a/seg/${name}.ts`, file(segment, { contentType: 'video/mp2t' }));
  }
});
afterEach(async () => {
  await lab.close();
  await faulty.close();
  await other.close();
});

/** The URIs of a playlist, relative to where it was asked for. */
function urisOf({ text }: HlsAnswer, path: string): string[] {
  return text
    .split('\n')
    .flatMap((line) => (line.startsWith('#') ? (/URI="([^"]+)"/.exec(line)?.[1] ?? []) : line.trim() || []))
    .map((uri) => new URL(uri, new URL(path, lab.url)).href);
}

/** Begins as players do: the master playlist, and one of its media playlists. */
async function play(query = '') {
  const entry = await lab.get(`index.m3u8${query}`);
  expect(entry.status).toBe(200);
  const uris = urisOf(entry, 'index.m3u8');
  const [first = ''] = uris.slice(-1);
  const list = await lab.get(first);
  return { entry, uris, list: first, segments: urisOf(list, first), answer: list };
}

describe('a passed-through stream', () => {
  it('is played by URLs of the relay that say nothing of the provider', async () => {
    await setUp();
    const { entry, segments, answer } = await play();
    expect(entry.headers).toMatchObject({
      'content-type': 'application/vnd.apple.mpegurl',
      'cache-control': 'no-store',
      'access-control-allow-origin': '*',
      'x-stream-id': lab.streamId,
      'x-client-id': expect.stringMatching(/./),
    });
    const [, session] = /\n([A-Za-z0-9_-]{16})\/[A-Za-z0-9_-]+\.m3u8\n/.exec(entry.text) ?? [];
    const sealed = new RegExp(`${session ?? '-'}/[A-Za-z0-9_-]+\\.m3u8`, 'g');
    // All else is as it was.
    expect(entry.text.replace(sealed, '…')).toBe(
      master.replace(/audio\.m3u8|low\.m3u8\?token=secret|high\.m3u8/g, '…'),
    );
    expect(answer.text.replace(/^[A-Za-z0-9_-]+\.ts$/gm, '…')).toBe(media.replace(/seg\/\d\.ts/g, '…'));
    for (const text of [entry.text, answer.text]) expect(text).not.toMatch(/secret|127\.0\.0|seg\//);
    const got = await lab.get(segments[0] ?? '');
    expect(got.status).toBe(200);
    expect(got.body.equals(segment)).toBe(true);
    expect(got.headers).toMatchObject({
      'content-type': 'video/mp2t',
      'content-length': String(segment.length),
      etag: '"1"',
    });
    expect(faulty.requestsOf('/a/seg/7.ts')[0]?.headers).toMatchObject({
      'user-agent': 'relay-test/1',
      'x-of-the-stream': 'yes',
    });
  });

  it('has the same URLs each time, so that nothing is fetched twice', async () => {
    await setUp();
    const { list, answer } = await play();
    expect((await lab.get(list)).text).toBe(answer.text);
  });

  it('is given a master playlist where the source is a media playlist: its player is known when it asks again', async () => {
    await setUp();
    faulty.at('/a/master.m3u8', playlist(media));
    const { entry, list, segments } = await play();
    expect(entry.text).toMatch(/^#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=\d+\n[^/\n]+\/[^/\n]+\.m3u8\n$/);
    await lab.get(list);
    expect((await lab.get(segments[1] ?? '')).body.equals(segment)).toBe(true);
    expect(lab.clients.count).toBe(1);
  });

  it('is found where the provider redirects to, and its children there', async () => {
    await setUp();
    lab.setSources(faulty.url('/live.m3u8'));
    faulty.at('/live.m3u8', redirect(other.url('/a/master.m3u8'), 302, { 'set-cookie': 'first=1; Path=/' }));
    const { segments } = await play();
    expect((await lab.get(segments[0] ?? '')).status).toBe(200);
    const [asked] = other.requestsOf('/a/seg/7.ts');
    // The other host is told nothing that is the stream's, and no cookie that is not its own.
    expect(asked?.headers).toMatchObject({ 'user-agent': 'relay-test/1' });
    expect(asked?.headers).not.toHaveProperty('x-of-the-stream');
    expect(asked?.headers).not.toHaveProperty('cookie');
  });

  it('sends cookies that the provider set in this session, and no other one', async () => {
    await setUp();
    faulty.at('/a/master.m3u8', status(200, master, { 'set-cookie': 'session=abc; Path=/' }));
    const { segments } = await play();
    await lab.get(segments[0] ?? '');
    expect(faulty.requestsOf('/a/seg/7.ts')[0]?.headers.cookie).toBe('own=1; session=abc');
  });

  it('is read over connections that are used again', async () => {
    await setUp();
    const kept = { connection: 'keep-alive' };
    faulty.at('/a/master.m3u8', status(200, master, kept));
    faulty.at('/a/high.m3u8', status(200, media, kept));
    for (const name of ['7', '8']) faulty.at(`/a/seg/${name}.ts`, status(200, 'G'.repeat(100_000), kept));
    const { list, segments } = await play();
    for (const url of [...segments, list, list]) expect((await lab.get(url)).status).toBe(200);
    expect(faulty.connections.total).toBe(1);
  });

  it('takes a new connection where the provider closed the old one', async () => {
    await setUp();
    faulty.at('/a/high.m3u8', inTurn(status(200, media, { connection: 'keep-alive' }), hangUp(), playlist(media)));
    const { list } = await play();
    expect((await lab.get(list)).status).toBe(200);
    expect(lab.reports).not.toContain('source 0 reset');
  });

  it('passes on ranges, heads and what is not there', async () => {
    await setUp();
    const [url = ''] = (await play()).segments;
    const part = await lab.get(url, { headers: { range: 'bytes=188-375' } });
    expect(part.status).toBe(206);
    expect(part.headers['content-range']).toBe(`bytes 188-375/${segment.length}`);
    expect(part.body.equals(segment.subarray(188, 376))).toBe(true);
    expect((await lab.get(url, { headers: { range: 'bytes=99999999-' } })).status).toBe(416);
    const head = await lab.get(url, { method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, text: '', headers: { 'content-length': String(segment.length) } });
    faulty.at('/a/seg/7.ts', status(404));
    expect((await lab.get(url)).status).toBe(404);
  });

  it('answers HEAD of its playlist without the provider', async () => {
    await setUp();
    expect(await lab.get('index.m3u8', { method: 'HEAD' })).toMatchObject({
      status: 200,
      headers: { 'content-type': 'application/vnd.apple.mpegurl' },
    });
    expect(faulty.requests).toEqual([]);
    expect(lab.clients.count).toBe(0);
  });

  it('leaves what is for no web server, and tells nothing of what cannot be asked for', async () => {
    await setUp();
    const uris = [
      'skd://key',
      'data:text/plain,x',
      `http://user:secret@h/${'x'.repeat(5000)}`,
      'http://user:secret@:0/',
    ];
    faulty.at('/a/high.m3u8', playlist(`#EXTM3U\n${uris.map((uri) => `#EXT-X-KEY:METHOD=X,URI="${uri}"\n`).join('')}`));
    const { answer } = await play();
    const given = [...answer.text.matchAll(/URI="([^"]+)"/g)].map(([, uri]) => uri);
    expect(given).toEqual(['skd://key', 'data:text/plain,x', 'unreadable', 'unreadable']);
  });

  it('is not HLS where the provider sends a live stream, without end', async () => {
    await setUp();
    faulty.at('/a/master.m3u8', live(segment, { contentType: 'application/vnd.apple.mpegurl' }));
    expect(await lab.get('index.m3u8')).toMatchObject({ status: 302, headers: { location: 'live' } });
    await faulty.waitForOpen(0);
    expect(lab.clients.count).toBe(0);
  });

  it('rewrites playlists whatever they are named', async () => {
    await setUp();
    faulty.at('/a/low', playlist(media));
    faulty.at('/a/master.m3u8', playlist('#EXTM3U\n#EXTINF:4,\nlow\n#EXT-X-KEY:METHOD=AES-128,URI="key"\n'));
    faulty.at('/a/key', status(200, '0123456789abcdef', { 'content-type': 'text/html' }));
    const { segments } = await play();
    const nested = await lab.get(segments[0] ?? '');
    expect(nested.headers['content-type']).toBe('application/vnd.apple.mpegurl');
    expect((await lab.get(urisOf(nested, segments[0] ?? '')[0] ?? '')).body.equals(segment)).toBe(true);
    expect((await lab.get(segments[1] ?? '')).text).toBe('0123456789abcdef');
  });

  it('passes on what a player waits for, and no other part of its query', async () => {
    await setUp();
    const { list } = await play();
    await lab.get(`${list}?_HLS_msn=9&_HLS_part=1&token=x&_HLS_msn=%00%22`);
    expect(faulty.requestsOf('/a/high.m3u8').at(-1)?.query).toBe('?_HLS_msn=9&_HLS_part=1&_HLS_msn=%00%22');
  });

  it('refuses URLs that it has not made, or not for this session', async () => {
    await setUp();
    const one = await play();
    const two = await play();
    const [, session = '', token = ''] = /\/([^/]+)\/([^/]+)\.ts$/.exec(one.segments[0] ?? '') ?? [];
    const [, foreign = ''] = /\/([^/]+)\/[^/]+\.ts$/.exec(two.segments[0] ?? '') ?? [];
    const forged = `${token.slice(0, 30)}${token[30] === 'A' ? 'B' : 'A'}${token.slice(31)}`;
    expect((await lab.get(`${session}/${forged}.ts`)).status).toBe(403);
    expect((await lab.get(`${foreign}/${token}.ts`)).status).toBe(403);
    expect((await lab.get(`${session}/${token.slice(0, 24)}.ts`)).status).toBe(403);
    expect((await lab.get(`${session}/x?url=http://127.0.0.1/`)).status).toBe(404);
    expect((await lab.get('../../etc/passwd')).status).toBe(404);
    expect((await lab.get(`${session}/${token}.ts`)).status).toBe(200);
  });
});

describe('a player', () => {
  it('that does not read holds the provider up, and when it leaves, the connection ends', async () => {
    await setUp();
    faulty.at('/a/seg/7.ts', file(Buffer.alloc(64_000_000, 'G')));
    const { segments } = await play();
    const reading = await lab.begin(segments[0] ?? '');
    // What the kernel takes on both sides is its matter: it is full when nothing more comes.
    let before = 0;
    await until(
      'the provider to be held up',
      () => {
        const [{ bytes } = { bytes: 0 }] = lab.clients.all();
        const isStill = bytes === before && bytes > 0;
        before = bytes;
        return isStill;
      },
      300,
    );
    expect(before).toBeLessThan(32_000_000);
    expect(faulty.open('/a/seg/7.ts')).toBe(1);
    reading.leave();
    await faulty.waitForOpen(0);
    expect(lab.clients.all()).toMatchObject([{ segments: 0 }]);
  });
});

describe('a session', () => {
  it('is a client with true counts, which ends some time after its last request', async () => {
    await setUp();
    const { segments } = await play();
    for (const url of segments) await lab.get(url);
    expect(lab.clients.all()).toMatchObject([{ bytes: 2 * segment.length, segments: 2, source: 0 }]);
    lab.wait(11_900);
    expect(lab.clients.count).toBe(1);
    lab.wait(200);
    expect(lab.reports).toEqual([
      'started',
      'connected',
      'source 0 opened',
      `disconnected after 2 segments of ${2 * segment.length} bytes`,
      'stopped: last client left',
    ]);
  });

  it('lasts while a request is in hand', async () => {
    await setUp();
    const { segments } = await play();
    faulty.at('/a/seg/7.ts', silent());
    const reading = await lab.begin(segments[0] ?? '');
    await faulty.waitForRequests('/a/seg/7.ts', 1);
    lab.wait(60_000);
    expect(lab.clients.count).toBe(1);
    reading.leave();
    await until('the request to be over', () => {
      lab.wait(0);
      return faulty.open('/a/seg/7.ts') === 0;
    });
    lab.wait(60_000);
    await until('the session to be over', () => {
      lab.wait(60_000);
      return lab.clients.count === 0;
    });
  });

  it('of a film may be paused for as long as any client', async () => {
    await setUp({ times: { clientTimeoutMs: 90_000 } });
    faulty.at('/a/high.m3u8', playlist(`${media}#EXT-X-ENDLIST\n`));
    await play();
    lab.wait(80_000);
    expect(lab.clients.count).toBe(1);
    lab.wait(20_000);
    expect(lab.clients.count).toBe(0);
  });

  it('begins again by any URL that its player still has', async () => {
    await setUp();
    const { list, segments } = await play();
    lab.wait(60_000);
    expect(lab.clients.count).toBe(0);
    expect((await lab.get(segments[0] ?? '')).status).toBe(200);
    expect((await lab.get(list)).status).toBe(200);
    expect(lab.clients.count).toBe(1);
    expect(lab.reports.filter((line) => line === 'started')).toHaveLength(2);
  });

  it('does not begin again when it was disconnected', async () => {
    await setUp();
    const { list, segments } = await play();
    for (const client of lab.clients.all()) client.disconnect();
    expect(lab.clients.count).toBe(0);
    expect((await lab.get(list)).status).toBe(410);
    expect((await lab.get(segments[0] ?? '')).status).toBe(410);
    await play();
    expect(lab.clients.count).toBe(1);
  });

  it('is known by the name that its client has chosen, whatever letters are in it', async () => {
    await setUp();
    const { headers } = await lab.get('index.m3u8?client_id=%C5%BC%F0%9F%93%BA-1');
    expect(headers['x-client-id']).toBe('??-1');
  });

  it('is one for each name that HAProxy gives, and carries it on', async () => {
    await setUp();
    const { uris, segments } = await play('?mtxs=abc-1');
    for (const uri of [...uris, ...segments]) expect(uri).toMatch(/\?mtxs=abc-1$/);
    await play('?mtxs=abc-1');
    expect(lab.clients.all().map(({ id }) => id)).toEqual(['abc-1']);
    await play('?mtxs=abc-2');
    await play('?mtxs=%22%0a');
    expect(lab.clients.count).toBe(3);
  });

  it('holds one slot of its account, whatever it reads, and gives it back', async () => {
    await setUp({ slots: 1 });
    const { segments } = await play();
    await Promise.all(segments.map((url) => lab.get(url)));
    expect(lab.slotsInUse()).toBe(1);
    lab.wait(60_000);
    expect(lab.slotsInUse()).toBe(0);
  });

  it('is refused where no slot is free, and left where the same player begins another one', async () => {
    await setUp({ slots: 1 });
    const first = await play('?username=ann');
    const refused = await lab.get('index.m3u8?username=bob');
    expect(refused.status).toBe(503);
    expect(refused.headers['retry-after']).toMatch(/^\d+$/);
    expect(lab.clients.count).toBe(1);
    await play('?username=ann');
    expect(lab.slotsInUse()).toBe(1);
    expect((await lab.get(first.list)).status).toBe(410);
  });

  it('has so many requests in hand, and no more', async () => {
    await setUp();
    faulty.at('/a/seg/7.ts', silent());
    const { list, segments } = await play();
    const readings = [];
    for (let count = 0; count < 24; count++) readings.push(await lab.begin(segments[0] ?? ''));
    await faulty.waitForRequests('/a/seg/7.ts', 24);
    const refused = await lab.get(segments[1] ?? '');
    expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
    for (const reading of readings) reading.leave();
    await until('all to be over', async () => (await lab.get(list)).status === 200);
  });

  it('is refused where there is no place for another client', async () => {
    await setUp({ maxClients: 1 });
    await play();
    const full = await lab.get('index.m3u8');
    expect(full.status).toBe(503);
    expect(full.headers['retry-after']).toBe('5');
  });

  it('that nobody waits for any more is over, and its connection too', async () => {
    await setUp({ slots: 1 });
    faulty.at('/a/master.m3u8', silent());
    const waiting = await lab.begin('index.m3u8');
    await faulty.waitForRequests('/a/master.m3u8', 1);
    expect(lab.slotsInUse()).toBe(1);
    waiting.leave();
    await until('the slot to be free', () => lab.slotsInUse() === 0 && lab.clients.count === 0);
    await faulty.waitForOpen(0);
  });
});

describe('a source that fails', () => {
  beforeEach(async () => {
    await setUp();
    lab.setSources(faulty.url('/a/master.m3u8'), other.url('/a/master.m3u8'));
  });

  it.each<[name: string, behaviour: Parameters<FaultProvider['at']>[1], trigger: string]>([
    ['is not there', status(404), 'status'],
    ['sends a page', html(), 'type'],
    ['sends nothing', status(200), 'type'],
    ['breaks', resetAfter(10, playlist(master)), 'reset'],
    ['ends early', endAfter(10, playlist(master)), 'reset'],
    ['sends a playlist without end', playlist(`#EXTM3U\n${'#'.repeat(3_000_000)}`), 'type'],
    ['names more than 20,000 URIs', playlist(`#EXTM3U\n${'a\n'.repeat(20_001)}`), 'type'],
    ['has its limit of connections', status(429), 'limit'],
  ])('at its start is not played: it %s', async (_name, behaviour, trigger) => {
    faulty.at('/a/master.m3u8', behaviour);
    const { segments } = await play();
    expect((await lab.get(segments[0] ?? '')).body.equals(segment)).toBe(true);
    expect(other.requestsOf('/a/seg/7.ts')).toHaveLength(1);
    expect(lab.reports).toContain(`over from 0 to 1 because of ${trigger}`);
    expect(lab.clients.all()).toMatchObject([{ source: 1, failovers: 1 }]);
  });

  it('is left when a playlist fails, within the same request, for the playlist at the same place', async () => {
    const { list } = await play();
    faulty.at('/a/high.m3u8', status(500));
    const next = await lab.get(list);
    expect(next.status).toBe(200);
    expect(other.requestsOf('/a/high.m3u8')).toHaveLength(1);
    expect(other.requestsOf('/a/low.m3u8')).toHaveLength(0);
    const [url = ''] = urisOf(next, list);
    expect((await lab.get(url)).body.equals(segment)).toBe(true);
    expect(other.requestsOf('/a/seg/7.ts')).toHaveLength(1);
    // The player asks by the URL that it knows, again and again.
    expect((await lab.get(list)).status).toBe(200);
    expect(faulty.requestsOf('/a/high.m3u8')).toHaveLength(2);
    expect(lab.reports.filter((line) => line.startsWith('over'))).toEqual(['over from 0 to 1 because of status']);
  });

  it('is left once, however many playlists of it fail', async () => {
    const { uris } = await play();
    for (const name of ['low', 'high', 'audio']) faulty.at(`/a/${name}.m3u8`, status(500));
    const answers = await Promise.all(uris.map((uri) => lab.get(uri)));
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200]);
    expect(lab.reports.filter((line) => line.startsWith('over'))).toHaveLength(1);
    expect(other.requestsOf('/a/master.m3u8')).toHaveLength(1);
  });

  it('is followed by one that has no master playlist', async () => {
    const { uris } = await play();
    other.at('/a/master.m3u8', playlist(media));
    for (const name of ['low', 'high', 'audio']) faulty.at(`/a/${name}.m3u8`, status(500));
    const next = await lab.get(uris[2] ?? '');
    expect(next.status).toBe(200);
    expect((await lab.get(urisOf(next, uris[2] ?? '')[0] ?? '')).status).toBe(200);
    expect(other.requestsOf('/a/seg/7.ts')).toHaveLength(1);
  });

  it('is left with the next playlist when a segment fails', async () => {
    const { list, segments } = await play();
    faulty.at('/a/seg/7.ts', status(500));
    expect((await lab.get(segments[0] ?? '')).status).toBe(502);
    expect((await lab.get(list)).status).toBe(200);
    expect(other.requestsOf('/a/high.m3u8')).toHaveLength(1);
    expect(lab.clients.all()).toMatchObject([{ source: 1 }]);
    // What is left of the old source is asked for where that costs nobody a connection.
    expect((await lab.get(segments[1] ?? '')).status).toBe(200);
  });

  it('is not left for one segment that is not there any more, but for two', async () => {
    const { list, segments } = await play();
    for (const name of ['7', '8']) faulty.at(`/a/seg/${name}.ts`, status(404));
    expect((await lab.get(segments[0] ?? '')).status).toBe(404);
    await lab.get(list);
    expect(lab.clients.all()).toMatchObject([{ source: 0 }]);
    expect((await lab.get(segments[1] ?? '')).status).toBe(404);
    await lab.get(list);
    expect(lab.clients.all()).toMatchObject([{ source: 1 }]);
  });

  it('breaks the connection of a player whose segment breaks', async () => {
    const { segments } = await play();
    faulty.at('/a/seg/7.ts', resetAfter(1000, file(segment)));
    const broken = await lab.get(segments[0] ?? '');
    expect(broken).toMatchObject({ status: 200, isWhole: false });
    expect(lab.clients.all()).toMatchObject([{ segments: 0 }]);
  });

  it('is not left for the playlist of an advertisement', async () => {
    const tag = '#EXT-X-DATERANGE:ID="1",CLASS="com.apple.hls.interstitial",X-ASSET-URI="ad.m3u8"';
    faulty.at('/a/high.m3u8', playlist(`${media}${tag}\n`));
    const { list, answer } = await play();
    const [, uri = ''] = /X-ASSET-URI="([^"]+)"/.exec(answer.text) ?? [];
    const ad = new URL(uri, list).href;
    expect((await lab.get(ad)).status).toBe(404);
    faulty.at('/a/ad.m3u8', playlist(media));
    const there = await lab.get(ad);
    expect((await lab.get(urisOf(there, ad)[0] ?? '')).body.equals(segment)).toBe(true);
    await lab.get(list);
    expect(lab.clients.all()).toMatchObject([{ source: 0, failovers: 0 }]);
  });

  it('does not give a page for a segment', async () => {
    const { segments } = await play();
    faulty.at('/a/seg/7.ts', html());
    expect((await lab.get(segments[0] ?? '')).status).toBe(502);
  });

  it('that ran for long is asked once more: what is old may be its URLs only', async () => {
    const { list } = await play();
    lab.wait(10_000);
    await lab.get(list);
    lab.wait(10_000);
    await lab.get(list);
    lab.wait(11_000);
    faulty.at('/a/high.m3u8', status(403));
    faulty.at('/a/master.m3u8', playlist(master.replace('high.m3u8', 'fresh.m3u8')));
    faulty.at('/a/fresh.m3u8', playlist(media));
    expect((await lab.get(list)).status).toBe(200);
    expect(faulty.requestsOf('/a/fresh.m3u8')).toHaveLength(1);
    expect(lab.clients.all()).toMatchObject([{ source: 0, failovers: 0 }]);
  });

  it('is followed by none where all fail; the answer says why', async () => {
    for (const provider of [faulty, other]) provider.at('/a/master.m3u8', status(404));
    const answer = await lab.get('index.m3u8');
    expect(answer.status).toBe(404);
    expect(answer.headers['access-control-allow-origin']).toBe('*');
    expect(JSON.parse(answer.text)).toMatchObject({
      detail: 'Source 1: The provider answered 404 Not Found. Source 2: The provider answered 404 Not Found.',
    });
    expect(lab.clients.count).toBe(0);
    expect(lab.reports.slice(-3)).toEqual([
      'failed because of status',
      'disconnected after 0 segments of 0 bytes',
      'stopped: The provider answered 404 Not Found.',
    ]);
  });

  it('is moved from by hand, exactly once', async () => {
    const { list } = await play();
    const [client] = lab.clients.all();
    expect(client?.failover()).toBe(1);
    expect(client?.failover()).toBeUndefined();
    await lab.get(list);
    await lab.get(list);
    expect(lab.reports.filter((line) => line.startsWith('over'))).toEqual(['over from 0 to 1 because of manual']);
    expect(client?.source).toBe(1);
  });

  it('keeps what was left of it from its account: others may have the connection', async () => {
    await lab.close();
    await setUp({ slots: 1 });
    lab.setSources(faulty.url('/a/master.m3u8'), other.url('/a/master.m3u8'));
    const { list, segments } = await play();
    faulty.at('/a/high.m3u8', status(500));
    await lab.get(list);
    expect((await lab.get(segments[0] ?? '')).status).toBe(404);
    expect(lab.slotsInUse()).toBe(0);
  });
});

describe('a source that a resolver names', () => {
  it('is gone over to', async () => {
    await setUp({ resolve: () => Promise.resolve(other.url('/a/master.m3u8')) });
    faulty.at('/a/master.m3u8', status(500));
    await play();
    expect(lab.clients.all()).toMatchObject([{ source: 1 }]);
  });
});
