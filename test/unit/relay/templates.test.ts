import { templateParameters } from '../../../src/config';
import { type ApiLab, type Reply, startApiLab } from './api-lab';
import { fakeClient } from './fakes';

const source = 'http://127.0.0.1:6878/ace/manifest.m3u8?id={id}';
const templates = {
  ace: { path: '/ace/getstream', url: source, maxStreams: 3 },
  hash: { path: '/ace/getstream', url: 'http://127.0.0.1:6878/ace/manifest.m3u8?infohash={infohash}', maxStreams: 3 },
  live: { path: '/tv', url: 'http://provider.example/live/{user}/{word}/{user}.ts', maxStreams: 3 },
};

let lab: ApiLab;
let nowMs: number;
beforeEach(async () => {
  nowMs = Date.parse('2026-11-30T10:00:00Z');
  lab = await startApiLab({ relay: { templates, rootPath: '/m3u-proxy' }, now: () => nowMs });
});
afterEach(() => lab.stop());

const urls = () => [...lab.streams.all()].map(({ url }) => url);
const made = (id: string) => source.replace('{id}', id);
const locationOf = ({ status, headers }: Reply): string => {
  expect(status).toBe(302);
  return String(headers['location']);
};
/** Where the answer leads from a path, as a browser sees it. */
const leadsTo = async (path: string): Promise<string> => {
  const to = new URL(locationOf(await lab.ask(path)), lab.url + path);
  return to.pathname + to.search;
};
const idOf = (url: string): string => lab.streams.ofUrl(url)?.id ?? 'none';

describe('a request at the path of a template', () => {
  it('makes its stream, and leads to its playlist', async () => {
    const reply = await lab.ask('/ace/getstream?id=abc');
    expect(urls()).toEqual([made('abc')]);
    expect(locationOf(reply)).toBe(`../hls/${idOf(made('abc'))}/index.m3u8`);
    expect(reply.headers).toMatchObject({ 'cache-control': 'no-store', 'access-control-allow-origin': '*' });
    expect([...lab.streams.all()]).toMatchObject([
      { type: 'hls', metadata: { 'relay-template': 'ace', 'relay-id': 'abc' } },
    ]);
  });

  it('leads to the same stream when it is asked again, by HEAD or below the root path too', async () => {
    const id = idOf(made('abc'));
    expect(id).toBe('none');
    const first = await leadsTo('/ace/getstream?id=abc');
    expect((await lab.ask('/ace/getstream?id=abc', { method: 'HEAD' })).status).toBe(302);
    expect(await leadsTo('/m3u-proxy/ace/getstream?id=abc')).toBe(`/m3u-proxy${first}`);
    expect(urls()).toHaveLength(1);
  });

  it('leads to one stream when many ask at the same time', async () => {
    const replies = await Promise.all(Array.from({ length: 30 }, () => lab.ask('/ace/getstream?id=abc')));
    expect(new Set(replies.map(locationOf)).size).toBe(1);
    expect(urls()).toHaveLength(1);
  });

  it('goes by its parameters where templates share a path', async () => {
    await lab.ask('/ace/getstream?infohash=abc');
    expect(urls()).toEqual(['http://127.0.0.1:6878/ace/manifest.m3u8?infohash=abc']);
  });

  it('puts each parameter wherever it stands, and passes on what players say', async () => {
    const to = await leadsTo('/tv?word=w&user=u&mtxs=s1&client_id=c%201&username=bob');
    expect(urls()).toEqual(['http://provider.example/live/u/w/u.ts']);
    expect(to).toBe(
      `/hls/${idOf('http://provider.example/live/u/w/u.ts')}/index.m3u8?mtxs=s1&client_id=c+1&username=bob`,
    );
  });

  it('leads to the bytes while the stream mode is TS', async () => {
    await lab.hls.change({ streamMode: 'TS' });
    expect(await leadsTo('/ace/getstream?id=abc')).toBe(`/stream/${idOf(made('abc'))}`);
  });

  it.each([
    '',
    '?id=',
    '?id=a&id=b',
    '?id=a&more=1',
    '?infohash=a&id=b',
    '?ID=a',
    '?id=a%2Fb',
    '?id=..',
    '?id=.a',
    '?id=a%00',
    '?id=a%0d%0ax',
    '?id=a%26b%3Dc',
    '?id=a%23',
    '?id=a%3F',
    '?id=%C3%A9',
    '?id=a@b',
    '?id=a:1',
    `?id=${'a'.repeat(201)}`,
    '?__proto__=x',
    '?id%20=x',
  ])('with the query "%s" is 400, and makes nothing', async (query) => {
    const { status, json } = await lab.ask(`/ace/getstream${query}`);
    expect({ status, json }).toMatchObject({
      status: 400,
      json: { title: expect.any(String), detail: expect.any(String) },
    });
    expect(urls()).toEqual([]);
  });

  it('can only be a question', async () => {
    expect((await lab.ask('/ace/getstream?id=a', { method: 'POST' })).status).toBe(405);
    expect((await lab.ask('/ace/getstream?id=a', { method: 'OPTIONS' })).status).toBe(204);
    expect(urls()).toEqual([]);
  });

  it('needs no token, whatever name the player knows', async () => {
    await lab.stop();
    lab = await startApiLab({ relay: { templates, token: 'geheim' } });
    const headers = { host: 'tv.example' };
    expect((await lab.ask('/ace/getstream?id=a', { headers })).status).toBe(302);
    expect((await lab.ask('/streams', { headers })).status).toBe(401);
  });
});

describe('streams of a template that are too many', () => {
  const ask = (id: string) => lab.ask(`/ace/getstream?id=${id}`);
  const fill = async (): Promise<void> => {
    for (const id of ['a', 'b', 'c']) {
      await ask(id);
      nowMs += 1000;
    }
  };

  it('are refused while the others are new: their players are on their way', async () => {
    await fill();
    const { status, headers, json } = await ask('d');
    expect({ status, json, after: headers['retry-after'] }).toMatchObject({
      status: 503,
      json: { title: 'As many streams are stored as may be' },
      after: '5',
    });
    expect(urls()).toEqual(['a', 'b', 'c'].map(made));
    // Another template has room of its own.
    expect((await lab.ask('/ace/getstream?infohash=d')).status).toBe(302);
  });

  it('take the place of the one that nobody has played for longest', async () => {
    await fill();
    nowMs += 60_000;
    lab.clients.add(fakeClient({ id: 'c1', streamId: idOf(made('a')) }));
    expect((await ask('d')).status).toBe(302);
    expect(urls()).toEqual(['a', 'c', 'd'].map(made));
  });

  it('are refused while each is played', async () => {
    await fill();
    nowMs += 60_000;
    for (const id of ['a', 'b', 'c']) lab.clients.add(fakeClient({ id, streamId: idOf(made(id)) }));
    expect((await ask('d')).status).toBe(503);
  });

  it('leave streams alone that the API has made', async () => {
    await lab.ask('/streams', { method: 'POST', body: { url: 'http://provider.example/1.m3u8' } });
    await fill();
    nowMs += 60_000;
    await ask('d');
    await ask('e');
    expect(urls()).toContain('http://provider.example/1.m3u8');
    expect(urls()).toHaveLength(4);
  });

  it('are not made faster than ten a second, after the first twenty', async () => {
    await lab.stop();
    const many = { ace: { path: '/ace/getstream', url: source, maxStreams: 1000 } };
    lab = await startApiLab({ relay: { templates: many }, now: () => nowMs });
    const statuses = async (count: number, from: number) => {
      const replies = await Promise.all(Array.from({ length: count }, (_, i) => ask(`x${from + i}`)));
      return [302, 503].map((status) => replies.filter((reply) => reply.status === status).length);
    };
    expect(await statuses(25, 0)).toEqual([20, 5]);
    expect((await ask('late')).headers['retry-after']).toBe('1');
    // Who has a stream is let in nevertheless.
    expect((await ask('x0')).status).toBe(302);
    nowMs += 1000;
    expect(await statuses(25, 100)).toEqual([10, 15]);
  });

  it('are no more than the relay stores', async () => {
    await lab.stop();
    lab = await startApiLab({ relay: { templates, maxStreams: 1 } });
    await ask('a');
    expect(await ask('b')).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
  });
});

it('a template cannot have a path of the API', async () => {
  await expect(
    startApiLab({ relay: { templates: { a: { path: '/health', url: source, maxStreams: 1 } } } }),
  ).rejects.toThrow('relay.templates: /health is a path of the API, give it another one');
});

it('the parameters of a URL are its names in braces, each once', () => {
  expect(templateParameters('http://h/{b}/{a}?x={b}')).toEqual(['a', 'b']);
  expect(templateParameters('http://h/{}/{1a}/{a b}')).toEqual([]);
});
