import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createMediamtxClient, type MediamtxClient } from '../../../src/mediamtx';

let server: Server;
let client: MediamtxClient;
/** Gives up soon: for answers that never end, and for nothing else. */
let hasty: MediamtxClient;
let answer: RequestListener;
const calls: string[] = [];

beforeEach(async () => {
  calls.length = 0;
  server = createServer((request, response) => answer(request, response));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const connect = (timeoutMs: number): MediamtxClient =>
    createMediamtxClient({
      server: 'mtx7',
      apiUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      username: 'ops',
      password: 'secret',
      timeoutMs,
      onCall: (call, outcome) => calls.push(`${call} ${outcome}`),
    });
  client = connect(60_000);
  hasty = connect(150);
});

afterEach(async () => {
  await client.close();
  await hasty.close();
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
});

const json =
  (status: number, body: unknown): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
const text =
  (status: number, body: string): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'text/plain' }).end(body);
  };

describe('the Control API client', () => {
  it('sends basic credentials and the path in clear', async () => {
    let seen: unknown;
    answer = (request, response) => {
      seen = [request.url, request.headers.authorization];
      json(200, { name: 'live/a', ready: true })(request, response);
    };
    const result = await client.getPath('live/a');
    expect(seen).toEqual(['/v3/paths/get/live/a', `Basic ${Buffer.from('ops:secret').toString('base64')}`]);
    expect(result).toMatchObject({ ok: true, value: { name: 'live/a', live: true } });
  });

  it('reads every page of a server that cuts them', async () => {
    const pages = [['a', 'b'], ['c', 'd'], ['e']];
    answer = (request, response) => {
      const page = Number(new URL(request.url ?? '', 'http://x').searchParams.get('page'));
      json(200, { pageCount: 3, items: (pages[page] ?? []).map((name) => ({ name, ready: true })) })(request, response);
    };
    const names: string[] = [];
    expect(await client.listPaths(({ name }) => names.push(name))).toMatchObject({ ok: true });
    expect(names).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('takes a list of more pages than it reads for a failure, not for a short list', async () => {
    const asked: (string | null)[] = [];
    answer = (request, response) => {
      asked.push(new URL(request.url ?? '', 'http://x').searchParams.get('page'));
      json(200, { pageCount: 21, items: [{ name: 'a', ready: true }] })(request, response);
    };
    expect(await client.listPaths(() => undefined)).toMatchObject({
      ok: false,
      failure: 'bad_body',
      detail: 'server mtx7: paths/list: the list has 21 pages of up to 1000000 paths, at most 20 are read',
    });
    expect(asked).toEqual(['0']);
  });

  it('counts listed names that are none', async () => {
    answer = json(200, { pageCount: 1, items: [{ name: 'a' }, { name: 'b\n' }, { x: 7 }] });
    const names: string[] = [];
    expect(await client.listPaths(({ name }) => names.push(name))).toMatchObject({ ok: true, value: { ignored: 2 } });
    expect(names).toEqual(['a']);
  });

  it.each([[{ status: 'error', error: 'path not found' }], [{ error: 'path not found' }]])(
    'takes a 404 of its kind for "not there": %j',
    async (body) => {
      answer = json(404, body);
      expect(await client.getPath('a')).toMatchObject({ ok: true, value: undefined });
      expect(calls).toEqual(['paths/get not_found']);
    },
  );

  const failures: [string, RequestListener, string, RegExp][] = [
    ['404 of another program', text(404, '404 page not found'), 'bad_status', /status 404/],
    ['401', json(401, { error: 'authentication error' }), 'unauthorized', /check mediamtx.username/],
    ['500', text(500, 'oops'), 'bad_status', /status 500/],
    ['302', (_q, r) => r.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), 'bad_status', /status 302/],
    ['garbage', text(200, '\u0000\u0001<html>'), 'bad_body', /no JSON/],
    ['truncated JSON', text(200, '{"name":"a","rea'), 'bad_body', /no JSON/],
    ['another path', json(200, { name: 'b' }), 'bad_body', /not about the path/],
    ['a list instead', json(200, []), 'bad_body', /not about the path/],
    ['nothing, for ever', () => undefined, 'timeout', /within 150 ms/],
    [
      'half an answer, then nothing',
      (_q, r) => void r.writeHead(200, { 'content-length': '100' }).write('{'),
      'timeout',
      /within 150 ms/,
    ],
    ['closed at once', (q) => q.socket.destroy(), 'unreachable', /./],
    [
      'closed half way',
      (q, r) => r.writeHead(200, { 'content-length': '100' }).write('{', () => q.socket.destroy()),
      'unreachable',
      /./,
    ],
  ];
  it.each(failures)('turns %s into a value that names the server', async (_what, listener, failure, detail) => {
    answer = listener;
    const result = await (failure === 'timeout' ? hasty : client).getPath('a');
    expect(result).toMatchObject({
      ok: false,
      failure,
      detail: expect.stringMatching(/^server mtx7: paths\/get: /) as string,
    });
    expect(result.ok ? '' : result.detail).toMatch(detail);
    expect(JSON.stringify(result)).not.toContain('secret');
    expect(calls).toEqual([`paths/get ${failure}`]);
  });

  it('reads a path with 20,000 readers, and what is left of one that is too long is refused', async () => {
    const readers = Array.from({ length: 20_000 }, (_, i) => ({ type: 'rtspSession', id: `${i}`.padStart(36, '0') }));
    answer = json(200, { name: 'a', ready: true, readers, tracks: ['H264'] });
    const result = await client.getPath('a');
    expect(result).toMatchObject({ ok: true, value: { name: 'a', live: true, tracks: ['H264'] } });
    if (!result.ok) return;
    const { rtsp = 0, other = 0 } = result.value?.readers ?? {};
    // The first 18,000 with their type.
    expect([rtsp > 17_000, rtsp + other]).toEqual([true, 20_000]);
    answer = json(200, { name: 'a', ready: true, id: 'x'.repeat(70_000) });
    expect(await client.getPath('a')).toMatchObject({ ok: false, failure: 'bad_body' });
    answer = text(200, '{"name":"a"},{"name":"a"}');
    expect(await client.getPath('a')).toMatchObject({ ok: false, failure: 'bad_body' });
  });

  it.each([
    ['info', 200],
    ['info', 404],
    ['paths/get', 404],
    ['paths/list', 500],
  ])('takes 64 KB at most of what is no list and no path: %s with status %d', async (call, status) => {
    answer = json(status, { error: 'x'.repeat(65 * 1024), version: 'v1.20.1' });
    const asked =
      call === 'info' ? client.info() : call === 'paths/get' ? client.getPath('a') : client.listPaths(() => undefined);
    expect(await asked).toMatchObject({ ok: false, failure: 'bad_body' });
  });

  it.each([
    ['garbage', text(200, '<html>')],
    ['a truncated list', text(200, '{"pageCount":1,"items":[{"name":"a"},{"na')],
    ['a broken item', text(200, '{"pageCount":1,"items":[{"name":a}]}')],
    ['no list', json(200, { items: {} })],
    ['a list of another program', json(200, [{ name: 'a' }])],
  ])('takes %s for no list of paths', async (_what, listener) => {
    answer = listener;
    expect(await client.listPaths(() => undefined)).toMatchObject({ ok: false, failure: 'bad_body' });
  });

  it('says so when nobody listens', async () => {
    await new Promise((done) => server.close(done));
    expect(await client.listPaths(() => undefined)).toMatchObject({
      ok: false,
      failure: 'unreachable',
      detail: expect.stringContaining('ECONNREFUSED') as string,
    });
  });

  it.each([
    ['v1.20.1', 'session'],
    ['v1.18.0', 'session'],
    ['v1.17.1', 'pre-session'],
    ['v2.0.0', 'session'],
    ['dev', undefined],
  ])('knows the era of %s', async (version, era) => {
    answer = json(200, { version });
    expect(await client.info()).toMatchObject({ ok: true, value: { version, era } });
  });

  it('takes a server without /v3/info for an old one', async () => {
    answer = text(404, '404 page not found');
    expect(await client.info()).toMatchObject({ ok: true, value: { version: undefined, era: 'pre-session' } });
  });

  it('reads the configured paths of every page, and leaves out what is none', async () => {
    const asked: (string | undefined)[] = [];
    answer = (request, response) => {
      asked.push(request.url);
      const page = Number(new URL(request.url ?? '', 'http://x').searchParams.get('page'));
      const items = [
        { name: 'cam/a', source: 'rtsp://10.0.0.9/a', sourceOnDemand: true, forward: [{ url: 'x' }] },
        { name: '~^live/', source: 'publisher' },
        { source: 'publisher' },
      ];
      json(200, { pageCount: 2, items: page === 0 ? items : [{ name: 'all_others' }] })(request, response);
    };
    const configs: string[] = [];
    expect(await client.listPathConfigs(({ name, start }) => configs.push(`${name} ${start}`))).toMatchObject({
      ok: true,
    });
    expect(configs).toEqual(['cam/a reader', '~^live/ publisher', 'all_others publisher']);
    expect(asked[0]).toMatch(/^\/v3\/config\/paths\/list\?/);
    expect(calls).toEqual(['config/paths/list ok']);
  });

  it('gives up a configuration that has no end', async () => {
    const block = '{"name":"a"},'.repeat(5000);
    answer = (_request, response) => {
      response.writeHead(200).write('{"items":[');
      const pour = (): void => {
        while (!response.destroyed && response.write(block)) {
          // until the socket is full
        }
      };
      response.on('drain', pour);
      pour();
    };
    expect(await client.listPathConfigs(() => undefined)).toMatchObject({ ok: false });
  });
});
