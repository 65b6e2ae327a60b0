import { createViewers, type Viewers } from '../../../src/viewers';
import { type HttpLab, holder, serverView, startHttpLab, stream } from './lab';

let lab: HttpLab;
let viewers: Viewers;

async function start(showAddresses = false): Promise<void> {
  viewers = createViewers({ goneAfterMs: 10_000, showAddresses, nowMs: 0 });
  lab = await startHttpLab({ viewers });
}
beforeEach(() => start());
afterEach(() => lab.server.stop());

function see(key: string, serverName: string | undefined, nowMs: number, node = 'lb1', bytesOut?: number): void {
  viewers.see({ key, serverName, node, idleMs: 0, live: true, bytesOut }, nowMs);
}

interface Answer {
  readonly viewers: readonly { readonly stream: string; readonly session: string }[];
  readonly streams: readonly { readonly name: string; readonly viewers: number }[];
  readonly next: string | null;
}
async function get(target: string): Promise<Answer> {
  const { status, json } = await lab.request(target);
  expect(status).toBe(200);
  return json as Answer;
}

describe('GET /v1/viewers', () => {
  it('lists viewers with the counts and peaks of streams, servers and nodes', async () => {
    viewers.nodeUp('lb1', 1000);
    see('live/a|s1', 'mtx1', 1000, 'lb1', 100);
    see('live/a|s2', 'mtx2', 2000);
    see('live/b|s1', undefined, 3000, 'lb2');
    see('live/a|s1', 'mtx1', 4500, 'lb1', 350);
    lab.directory.servers = [serverView('mtx1'), serverView('mtx2')];
    const at = (ms: number) => new Date(ms).toISOString();
    expect(await get('/v1/viewers')).toEqual({
      total: { viewers: 3, peak: 3, peakAt: at(3000) },
      streams: [
        { name: 'live/a', viewers: 2, peak: 2, peakAt: at(2000) },
        { name: 'live/b', viewers: 1, peak: 1, peakAt: at(3000) },
      ],
      servers: [
        { name: 'mtx1', viewers: 1, peak: 1, peakAt: at(1000) },
        { name: 'mtx2', viewers: 1, peak: 1, peakAt: at(2000) },
      ],
      nodes: [
        { name: 'lb1', viewers: 2, peak: 2, peakAt: at(2000), up: true },
        { name: 'lb2', viewers: 1, peak: 1, peakAt: at(3000), up: false },
      ],
      readers: { rtsp: 2, rtmp: 0, srt: 0, webrtc: 2, other: 0 },
      viewers: [
        {
          stream: 'live/a',
          session: 's1',
          server: 'mtx1',
          node: 'lb1',
          joined: at(1000),
          lastSeen: at(4500),
          watchedSeconds: 3.5,
          bytes: 250,
          certain: true,
        },
        expect.objectContaining({ stream: 'live/a', session: 's2', server: 'mtx2', watchedSeconds: 0, bytes: null }),
        expect.objectContaining({ stream: 'live/b', session: 's1', server: null, node: 'lb2', certain: false }),
      ],
      next: null,
    });
  });

  it('has nobody, and no peaks, before anybody came', async () => {
    expect(await get('/v1/viewers')).toEqual({
      total: { viewers: 0, peak: 0, peakAt: null },
      streams: [],
      servers: [],
      nodes: [],
      readers: { rtsp: 0, rtmp: 0, srt: 0, webrtc: 0, other: 0 },
      viewers: [],
      next: null,
    });
  });

  it('picks by stream, by server and by both; what is not known has nobody', async () => {
    for (let i = 0; i < 6; i++) see(`live/${i % 2}|s${i}`, `mtx${i % 3}`, 1000);
    const picked = async (query: string) => (await get(`/v1/viewers?${query}`)).viewers.map(({ session }) => session);
    expect(await picked('stream=live/0')).toEqual(['s0', 's2', 's4']);
    expect(await picked('server=mtx1')).toEqual(['s1', 's4']);
    expect(await picked('stream=live%2F1&server=mtx1')).toEqual(['s1']);
    expect(await picked('stream=live/9')).toEqual([]);
    expect(await get('/v1/viewers?stream=live/0&server=mtx9')).toMatchObject({
      total: { viewers: 6 },
      streams: [{ name: 'live/0', viewers: 3 }],
      servers: [],
      viewers: [],
    });
  });

  it('tells who reads by other ways than HLS: of all servers, of one, of a stream', async () => {
    const by = (rtsp: number, srt: number) => ({ readersByProtocol: { rtsp, rtmp: 0, srt, webrtc: 0, other: 0 } });
    lab.directory.servers = [
      { ...serverView('mtx1'), ...by(3, 1) },
      { ...serverView('mtx2'), ...by(0, 4) },
    ];
    lab.directory.streams = [stream('live/a', [holder('mtx1', by(2, 0)), holder('mtx2', by(0, 1))])];
    const readers = async (query: string) => {
      const answer = (await get(`/v1/viewers?${query}`)) as unknown as { readers: { rtsp: number; srt: number } };
      return [answer.readers.rtsp, answer.readers.srt];
    };
    expect(await readers('')).toEqual([3, 5]);
    expect(await readers('server=mtx2')).toEqual([0, 4]);
    expect(await readers('stream=live/a')).toEqual([2, 1]);
    expect(await readers('stream=live/a&server=mtx1')).toEqual([2, 0]);
    expect(await readers('stream=live/b')).toEqual([0, 0]);
  });

  it('goes from page to page until each was there once', async () => {
    for (let i = 0; i < 25; i++) see(`live/a|s${i}`, 'mtx1', 1000);
    const seen: string[] = [];
    let cursor: string | null = '';
    let pages = 0;
    while (cursor !== null) {
      const page: Answer = await get(`/v1/viewers?limit=10&cursor=${cursor}`);
      seen.push(...page.viewers.map(({ session }) => session));
      cursor = page.next;
      pages++;
    }
    expect(pages).toBe(3);
    expect(new Set(seen).size).toBe(25);
    expect(seen.length).toBe(25);
  });

  it('counts the hundred streams that are watched most, in their order', async () => {
    for (let i = 0; i < 1000; i++) {
      // Of 1,000 streams every tenth has two viewers.
      see(`live/${String((i * 7) % 1000).padStart(3, '0')}|s`, 'mtx1', 1000);
      if (i % 10 === 0) see(`live/${String(i).padStart(3, '0')}|t`, 'mtx1', 1000);
    }
    const { streams } = await get('/v1/viewers?limit=1');
    expect(streams.map(({ name, viewers: count }) => `${name} ${count}`)).toEqual(
      Array.from({ length: 100 }, (_, i) => `live/${String(10 * i).padStart(3, '0')} 2`),
    );
  });

  it.each([
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['cursor=abc', 'cursor'],
    ['cursor=-1', 'cursor'],
    ['stream=a&stream=b', 'stream'],
    [`server=${'x'.repeat(256)}`, 'server'],
  ])('refuses %s, naming the parameter', async (query, parameter) => {
    const { status, json } = await lab.request(`/v1/viewers?${query}`);
    expect(status).toBe(400);
    expect(json).toMatchObject({ detail: `The parameter "${parameter}" is wrong.`, allowed: expect.any(String) });
  });

  it('leaves addresses out unless they are asked for', async () => {
    see('live/a|192.0.2.7', 'mtx1', 1000);
    see('live/a|2001:db8::7', 'mtx1', 1000);
    const { text } = await lab.request('/v1/viewers');
    expect(text).not.toContain('192.0.2.7');
    expect(text).not.toContain('2001:db8');
    expect((await get('/v1/viewers')).viewers.map(({ session }) => session)).toEqual([
      expect.stringMatching(/^address-[0-9a-f]{16}$/),
      expect.stringMatching(/^address-[0-9a-f]{16}$/),
    ]);
    await lab.server.stop();
    await start(true);
    see('live/a|192.0.2.7', 'mtx1', 1000);
    expect((await get('/v1/viewers')).viewers).toMatchObject([{ session: '192.0.2.7' }]);
  });

  it('is not available where nobody counts', async () => {
    const bare = await startHttpLab();
    expect((await bare.request('/v1/viewers')).json).toMatchObject({ detail: 'It watches no viewers.' });
    await bare.server.stop();
  });
});

describe('viewers of streams and servers', () => {
  beforeEach(() => {
    lab.directory.streams = [stream('live/a'), stream('live/b')];
    lab.directory.servers = [serverView('mtx1'), serverView('mtx2')];
  });

  it('are numbers as soon as a HAProxy has told who is there, and not known before', async () => {
    const numbers = async () => ({
      list: ((await lab.request('/v1/streams')).json as { streams: { viewers: unknown }[] }).streams.map(
        (one) => one.viewers,
      ),
      one: ((await lab.request('/v1/streams/live/a')).json as { viewers: unknown }).viewers,
      servers: ((await lab.request('/v1/servers')).json as { servers: { viewers: unknown }[] }).servers.map(
        (one) => one.viewers,
      ),
    });
    expect(await numbers()).toEqual({ list: [null, null], one: null, servers: [null, null] });
    see('live/a|s1', 'mtx1', 1000);
    see('live/a|s2', 'mtx1', 1000);
    expect(await numbers()).toEqual({ list: [2, 0], one: 2, servers: [2, 0] });
  });
});
