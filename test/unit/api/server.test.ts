import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { connect } from 'node:net';
import type { Decision } from '../../../src/router';
import { until } from '../../support/until';
import { exchange, type HttpLab, located, parseReply, requestText, serverView, startHttpLab, stream } from './lab';

const reportHead =
  'POST /v1/hooks/mediamtx HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{';
let lab: HttpLab;
beforeEach(async () => {
  lab = await startHttpLab();
});
afterEach(() => lab.server.stop());

// The same question before express sees it, and through express: an absolute URL is valid in HTTP/1.1, and not the usual form.
const ways: [string, string][] = [
  ['at once', '/v1/route'],
  ['through express', 'http://localhost/v1/route'],
];

describe.each(ways)('GET /v1/route, %s', (_way, route) => {
  it('answers with the decision, in JSON and in headers', async () => {
    const reply = await lab.request(`${route}?stream=live%2Fstudio%2Fa&session=s%201`);
    expect(reply.status).toBe(200);
    expect(reply.json).toEqual({ stream: 'live/studio/a', session: 's 1', state: 'located', server: 'mtx1' });
    expect(reply.headers).toMatchObject({
      'content-type': 'application/json',
      'x-mtx-state': 'located',
      'x-mtx-server': 'mtx1',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    expect(reply.headers).not.toHaveProperty('x-powered-by');
    expect(lab.asked).toEqual(['live/studio/a s 1']);
  });

  it('has no server, and no header for it, when the state is unknown', async () => {
    lab.router.decide = () => ({ state: 'unknown', server: undefined });
    const reply = await lab.request(`${route}?stream=a`);
    expect(reply.json).toEqual({ stream: 'a', session: '', state: 'unknown', server: null });
    expect(reply.headers['x-mtx-state']).toBe('unknown');
    expect(reply.headers).not.toHaveProperty('x-mtx-server');
  });

  it('waits for a lookup', async () => {
    let decide: (decision: Decision) => void = () => undefined;
    lab.router.decide = () => new Promise((resolve) => (decide = resolve));
    const reply = lab.request(`${route}?stream=a`);
    await until('the question to wait', () => lab.server.stats.waitingRequests === 1);
    decide({ state: 'placed', server: 'mtx3' });
    expect((await reply).json).toMatchObject({ state: 'placed', server: 'mtx3' });
    expect(lab.server.stats.waitingRequests).toBe(0);
    expect(lab.server.stats.decisions.byState.placed).toBe(1);
  });

  it('HEAD has the headers without the body', async () => {
    const reply = await lab.request(`${route}?stream=a`, { method: 'HEAD' });
    expect(reply).toMatchObject({ status: 200, text: '', headers: { 'x-mtx-server': 'mtx1' } });
    expect(Number(reply.headers['content-length'])).toBeGreaterThan(10);
  });

  it.each([
    '%0a',
    'a;b',
    '..',
    '.',
    'a/../b',
    '%2F',
    '/a',
    'a/',
    'live/%2e%2e/x',
    '%22q%22',
    'a%00',
    '%C3%A4',
    '%zz',
    '%ff',
    '',
  ])('refuses the name %j, with the state for HAProxy', async (name) => {
    const reply = await lab.request(`${route}?stream=${name}`);
    expect(reply.status).toBe(400);
    expect(reply.headers).toMatchObject({ 'content-type': 'application/problem+json', 'x-mtx-state': 'unknown' });
    expect(reply.json).toMatchObject({
      title: 'Not a stream name',
      status: 400,
      allowed: expect.stringContaining('at most 200') as string,
    });
    expect(lab.asked).toEqual([]);
  });

  it.each([
    ['201 characters', 201, 400],
    ['4 KB', 4096, 400],
    ['9 KB, more than any URL', 9000, 414],
    ['20 KB, more than any header', 20_000, 431],
  ])('refuses a name of %s', async (_what, length, status) => {
    const reply = await lab.request(`${route}?stream=${'x'.repeat(length)}`);
    expect(reply.status).toBe(status);
    expect(reply.headers).toMatchObject({ 'content-type': 'application/problem+json', 'x-mtx-state': 'unknown' });
    expect(reply.text.length).toBeLessThan(1000);
  });

  it.each(['', 'stream', 'session=x', 'stream=a&stream=b', 'stream=a&session=1&session=2', 'stream[x]=a'])(
    'refuses the query %j',
    async (query) => {
      const reply = await lab.request(`${route}?${query}`);
      expect(reply.status).toBe(400);
      expect(reply.headers['x-mtx-state']).toBe('unknown');
      expect(lab.asked).toEqual([]);
    },
  );

  it('takes the session as it is', async () => {
    await lab.request(`${route}?session=%22%3B%0a%00&stream=a`);
    expect(lab.asked).toEqual(['a ";\n\0']);
  });

  it('a bug in the decision is a 500 that tells nothing, and a line in the log', async () => {
    lab.router.decide = () => {
      throw new Error('secret');
    };
    const thrown = await lab.request(`${route}?stream=a`);
    lab.router.decide = () => Promise.reject(new Error('secret'));
    const rejected = await lab.request(`${route}?stream=a`);
    for (const reply of [thrown, rejected]) {
      expect(reply).toMatchObject({ status: 500, headers: { 'x-mtx-state': 'unknown' } });
      expect(reply.text).not.toMatch(/secret|\.ts/);
    }
    expect(lab.log).toEqual(['error deciding a route failed', 'error deciding a route failed']);
  });

  it('counts decisions, their time and answers', async () => {
    for (const name of ['a', 'b', '..']) await lab.request(`${route}?stream=${name}`);
    const { decisions, answers } = lab.server.stats;
    expect(decisions.byState).toEqual({ located: 2, placed: 0, unknown: 1 });
    expect(decisions.time.counts.reduce((sum, count) => sum + count)).toBe(3);
    expect(answers.get('/v1/route')).toEqual(
      new Map([
        [200, 2],
        [400, 1],
      ]),
    );
  });

  it.each(['POST', 'PUT', 'DELETE', 'PATCH'])('%s is not allowed', async (method) => {
    const reply = await lab.request(`${route}?stream=a`, { method });
    expect(reply).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD, OPTIONS' } });
    expect(lab.asked).toEqual([]);
  });
});

describe('streams', () => {
  beforeEach(() => {
    lab.directory.streams = ['a', 'live/a', 'live/studio/a', 'why', 'x/why'].map((name) => stream(name));
  });

  const names = (json: unknown) => (json as { streams: { name: string }[] }).streams.map(({ name }) => name);

  it('are listed, with null for what is not known', async () => {
    const unknown = { publisherSince: undefined, sourceType: undefined };
    lab.directory.streams = [stream('a', [{ ...(stream('a').holders[0] ?? never()), ...unknown }])];
    const { json } = await lab.request('/v1/streams');
    expect(json).toMatchObject({
      total: 1,
      next: null,
      streams: [{ name: 'a', holders: [{ server: 'mtx1', publisherSince: null }] }],
    });
  });

  it('come in pages', async () => {
    const seen: string[] = [];
    let cursor: string | null = '';
    for (let page = 0; cursor !== null; page++) {
      expect(page).toBeLessThan(3);
      const { json } = await lab.request(`/v1/streams?limit=2&cursor=${encodeURIComponent(cursor)}`);
      expect(json).toMatchObject({ total: 5 });
      seen.push(...names(json));
      cursor = (json as { next: string | null }).next;
    }
    expect(seen).toEqual(['a', 'live/a', 'live/studio/a', 'why', 'x/why']);
  });

  it('go on after the cursor although the stream it names has gone', async () => {
    expect(names((await lab.request('/v1/streams?cursor=live/b')).json)).toEqual(['live/studio/a', 'why', 'x/why']);
  });

  it('are found by a part of the name', async () => {
    const { json } = await lab.request('/v1/streams?match=live/&limit=1');
    expect(json).toMatchObject({ total: 2, next: 'live/a' });
    expect(names(json)).toEqual(['live/a']);
  });

  it.each([
    'limit=0',
    'limit=1001',
    'limit=ten',
    'limit=-1',
    'limit=1&limit=2',
    `match=${'x'.repeat(201)}`,
    'cursor=a&cursor=b',
  ])('%.20s is refused with what is allowed', async (query) => {
    const reply = await lab.request(`/v1/streams?${query}`);
    expect(reply).toMatchObject({
      status: 400,
      json: { given: expect.any(String) as string, allowed: expect.any(String) as string },
    });
  });

  it.each([
    ['/v1/streams/a', 'a'],
    ['/v1/streams/live/studio/a', 'live/studio/a'],
    ['/v1/streams/live%2Fstudio%2Fa', 'live/studio/a'],
    ['/v1/streams/live%2fstudio/a', 'live/studio/a'],
    ['/v1/streams/why', 'why'],
    ['/v1/streams/x%2Fwhy', 'x/why'],
  ])('%s is the stream %s', async (path, name) => {
    expect((await lab.request(path)).json).toMatchObject({ name, holders: [{ server: 'mtx1' }] });
  });

  it.each([
    ['/v1/streams/a/why', 'a'],
    ['/v1/streams/live/studio/a/why', 'live/studio/a'],
    ['/v1/streams/live%2Fstudio%2Fa/why', 'live/studio/a'],
    ['/v1/streams/x/why', 'x'],
    ['/v1/streams/x/why/why', 'x/why'],
    ['/v1/streams/x%2Fwhy/why', 'x/why'],
    ['/v1/streams/why/why', 'why'],
    ['/v1/streams/nobody/has/it/why', 'nobody/has/it'],
  ])('%s explains %s', async (path, name) => {
    const { status, json } = await lab.request(path);
    expect(status).toBe(200);
    expect(json).toMatchObject({ stream: name, session: null, server: null, rule: 'no-evidence' });
  });

  it('the explanation is that of the session', async () => {
    expect((await lab.request('/v1/streams/a/why?session=s%2F1')).json).toMatchObject({ session: 's/1' });
  });

  it('one that nobody has is 404 with a way on', async () => {
    const { status, json } = await lab.request('/v1/streams/live/b');
    expect(status).toBe(404);
    expect(json).toMatchObject({
      title: 'No server has this stream',
      given: 'live/b',
      detail: expect.stringContaining('/v1/streams/live/b/why') as string,
    });
  });

  it.each(['%0a', 'a;b', '..', 'a/../b', '%2F', 'a/', '/a', '%22', '%C3%A4', '%ff', '%zz', 'x'.repeat(4096), 'a%00b'])(
    'the name %j is refused',
    async (name) => {
      for (const path of [`/v1/streams/${name}`, `/v1/streams/${name}/why`]) {
        const reply = await lab.request(path);
        expect(reply).toMatchObject({
          status: 400,
          headers: { 'content-type': 'application/problem+json' },
          json: { status: 400 },
        });
        expect(reply.text).not.toMatch(/node_modules|\bat .*:\d+/);
      }
    },
  );

  it('UTF-8 and quotes as raw bytes are refused', async () => {
    for (const name of ['\u00c3\u00a4', '"a"', "'a'", 'a\\b'])
      expect((await lab.request(`/v1/streams/${name}`)).status).toBe(400);
  });
});

describe('the others', () => {
  it('/v1/servers shows the fleet, with null for what is not known', async () => {
    lab.directory.servers = [
      serverView('mtx1'),
      serverView('mtx2', {
        health: 'suspect',
        lastError: 'refused',
        inventoryAgeMs: undefined,
        version: undefined,
        era: undefined,
      }),
    ];
    const { json } = await lab.request('/v1/servers');
    expect(json).toMatchObject({
      servers: [{ name: 'mtx1' }, { name: 'mtx2', api: { health: 'suspect', inventoryAgeMs: null, era: null } }],
    });
  });

  it('/healthz is about the process, /readyz about evidence', async () => {
    lab.directory.evidence = false;
    expect((await lab.request('/healthz')).json).toMatchObject({ status: 'ok', version: '1.2.3' });
    expect(await lab.request('/readyz')).toMatchObject({
      status: 503,
      json: { status: 503, title: 'Nothing is known about the servers yet' },
    });
    lab.directory.evidence = true;
    expect(await lab.request('/readyz')).toMatchObject({ status: 200, json: { status: 'ready' } });
  });

  it('/readyz says what is wrong with the store, and is ready nevertheless', async () => {
    const store = { isUp: false, failure: 'its disk is full', damage: 'it was repaired' };
    const kept = await startHttpLab({ kept: { store, lease: { isHeld: true } } });
    expect(await kept.request('/readyz')).toMatchObject({
      status: 200,
      json: {
        status: 'ready',
        store: { up: false, failure: 'its disk is full', damage: 'it was repaired', leader: true },
      },
    });
    await kept.server.stop();
  });

  it('/metrics is the page that was rendered', async () => {
    const reply = await lab.request('/metrics');
    expect(reply).toMatchObject({
      status: 200,
      text: 'up 1\n',
      headers: { 'content-type': 'text/plain; version=0.0.4' },
    });
  });

  it.each([
    '/',
    '/v1',
    '/v1/',
    '/v1/streams/',
    '/v1/streams/why/',
    '/V1/servers',
    '/v1/servers/',
    '/v1/route/',
    '/favicon.ico',
    '/..',
    '/%2e%2e/etc',
  ])('%s is a problem, not a page', async (path) => {
    const reply = await lab.request(path);
    expect([400, 404]).toContain(reply.status);
    expect(reply.headers['content-type']).toBe('application/problem+json');
  });

  it.each([
    '/v1/streams',
    '/v1/streams/a',
    '/v1/streams/a/why',
    '/v1/servers',
    '/healthz',
    '/readyz',
    '/metrics',
    '/openapi.json',
  ])('%s: HEAD as GET without a body, OPTIONS tells, POST is refused', async (path) => {
    lab.directory.streams = [stream('a')];
    const got = await lab.request(path);
    const head = await lab.request(path, { method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, text: '' });
    expect(head.headers['content-type']).toBe(got.headers['content-type']);
    expect(got.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' });
    expect(await lab.request(path, { method: 'OPTIONS' })).toMatchObject({
      status: 204,
      headers: { allow: 'GET, HEAD, OPTIONS' },
    });
    expect(await lab.request(path, { method: 'POST', headers: ['Content-Length: 0'] })).toMatchObject({
      status: 405,
      headers: { allow: 'GET, HEAD, OPTIONS' },
      json: { given: 'POST' },
    });
  });

  it('counts answers by endpoint, never by name', async () => {
    for (const path of ['/v1/streams/live/a', '/v1/streams/live/b', '/made/up', '/v1/streams/%zz'])
      await lab.request(path);
    await until('the counts', () => lab.server.stats.answers.get('other')?.get(400) === 1);
    expect(
      Object.fromEntries([...lab.server.stats.answers].map(([path, by]) => [path, Object.fromEntries(by)])),
    ).toEqual({
      '/v1/streams/{name}': { 404: 2 },
      other: { 404: 1, 400: 1 },
    });
  });

  it('a failing metrics page is a 500 without a stack', async () => {
    await lab.server.stop();
    lab = await startHttpLab({ metrics: { render: () => Promise.reject(new Error('secret')) } });
    const reply = await lab.request('/metrics');
    expect(reply).toMatchObject({ status: 500, headers: { 'content-type': 'application/problem+json' } });
    expect(reply.text).not.toMatch(/secret|\.ts/);
  });
});

describe('connections', () => {
  it('answers what is no HTTP at all', async () => {
    const reply = parseReply(await exchange(lab.server, 'HELLO\r\n\r\n'));
    expect(reply).toMatchObject({ status: 400, json: { status: 400 }, headers: { connection: 'close' } });
  });

  it('serves many requests on one connection', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 10; i++) {
      const request = get(`${lab.server.url}/v1/route?stream=a`, { agent });
      const [response] = (await once(request, 'response')) as [NodeJS.ReadableStream];
      response.resume();
      await once(response, 'end');
    }
    expect(lab.server.stats.connectionsTotal).toBe(1);
    agent.destroy();
    await until('the connection to be gone', () => lab.server.stats.connectionsOpen === 0);
  });

  it('answers pipelined requests in order, though the first must wait', async () => {
    let decide: (decision: Decision) => void = () => undefined;
    lab.router.decide = (name) => (name === 'slow' ? new Promise((resolve) => (decide = resolve)) : located);
    const line = (name: string, more = '') => `GET /v1/route?stream=${name} HTTP/1.1\r\nHost: 127.0.0.1\r\n${more}\r\n`;
    const reply = exchange(lab.server, line('slow') + line('quick', 'Connection: close\r\n'));
    await until('the first question', () => lab.asked.length === 1);
    // Another connection's is answered meanwhile; the second of this one is not even begun.
    expect((await lab.request('/v1/route?stream=other')).status).toBe(200);
    expect(lab.asked).toEqual(['slow ', 'other ']);
    decide(located);
    expect(await reply).toMatch(/"slow"[^]*"quick"/);
    expect(lab.asked).toEqual(['slow ', 'other ', 'quick ']);
  });

  it('begins one request of a connection in a turn, and cuts who sends more than some ahead', async () => {
    const line = 'GET /v1/route?stream=a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
    const turns: number[] = [];
    let turn = 0;
    let isOver = false;
    const count = (): void => {
      turn++;
      if (!isOver) setImmediate(count);
    };
    count();
    lab.router.decide = () => {
      turns.push(turn);
      return located;
    };
    const some = await exchange(lab.server, line.repeat(8) + line.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    expect(some.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(9);
    expect(new Set(turns).size).toBe(9);
    expect(lab.server.stats.connectionsCut).toBe(0);
    turns.length = 0;
    await exchange(lab.server, line.repeat(500));
    isOver = true;
    expect(turns.length).toBeLessThan(9);
    expect(lab.server.stats.connectionsCut).toBe(1);
  });

  it.each([
    ['say nothing', ''],
    ['never end their request', 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: '],
    ['never send the body that they announced', reportHead],
    ['keep a connection that was answered', 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'],
  ])('closes the longest silent of those that %s for a new one when all places are taken', async (_what, bytes) => {
    await lab.server.stop();
    lab = await startHttpLab({ maxConnections: 3 });
    const { stats, url } = lab.server;
    const strangers = [];
    for (let i = 0; i < 20; i++) {
      const stranger = connect(Number(new URL(url).port), '127.0.0.1', () => stranger.write(bytes));
      stranger.on('error', () => undefined).resume();
      strangers.push(stranger);
      await once(stranger, 'connect');
      expect((await lab.request('/v1/route?stream=a')).status).toBe(200);
    }
    expect(stats.connectionsRefused).toBe(0);
    expect(stats.connectionsDisplaced).toBeGreaterThan(10);
    for (const stranger of strangers) stranger.destroy();
  });

  it('closes none that waits for its answer, and refuses more connections then', async () => {
    await lab.server.stop();
    lab = await startHttpLab({ maxConnections: 2 });
    const answers: ((decision: Decision) => void)[] = [];
    lab.router.decide = () => new Promise((resolve) => answers.push(resolve));
    const waiting = [lab.request('/v1/route?stream=a'), lab.request('/v1/route?stream=b')];
    await until('two questions', () => answers.length === 2);
    const refused = connect(Number(new URL(lab.server.url).port), '127.0.0.1');
    refused.on('error', () => undefined);
    await once(refused, 'close');
    expect(lab.server.stats).toMatchObject({ connectionsRefused: 1, connectionsDisplaced: 0 });
    for (const answer of answers) answer(located);
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200]);
  });

  it('writes a bounded number of lines about requests that fail or are refused, however many there are', async () => {
    lab.router.decide = () => {
      throw new Error('a bug');
    };
    // All in one moment.
    const clock = jest.spyOn(performance, 'now').mockReturnValue(0);
    const statuses = new Set<number>();
    for (let i = 0; i < 30; i++) {
      statuses.add((await lab.request('/v1/route?stream=a')).status);
      const named = requestText('/healthz').replace('Host: 127.0.0.1', 'Host: evil.example');
      statuses.add(parseReply(await exchange(lab.server, named)).status);
    }
    clock.mockRestore();
    expect([...statuses]).toEqual([500, 421]);
    expect(lab.log.filter((line) => line.startsWith('error deciding a route failed'))).toHaveLength(10);
    expect(lab.log.filter((line) => line.startsWith('warn refused a request under a host name'))).toHaveLength(10);
  });

  it('tells where it cannot listen', async () => {
    const other = await startHttpLab();
    const { port } = new URL(lab.server.url);
    await other.server.stop();
    await expect(other.server.listen('127.0.0.1', Number(port))).rejects.toThrow(
      `EADDRINUSE: address already in use 127.0.0.1:${port}`,
    );
  });
});

describe('stop', () => {
  it('finishes what waits, closes what is idle or silent, and takes nothing new', async () => {
    const { url, stats } = lab.server;
    let decide: (decision: Decision) => void = () => undefined;
    lab.router.decide = () => new Promise((resolve) => (decide = resolve));
    const silent = connect(Number(new URL(url).port), '127.0.0.1');
    silent.on('error', () => undefined);
    const waiting = lab.request('/v1/route?stream=a');
    await until('the question to wait', () => stats.waitingRequests === 1 && stats.connectionsOpen === 2);
    const stopped = lab.server.stop();
    await until('nothing new to be taken', () =>
      fetch(`${url}/healthz`).then(
        () => false,
        () => true,
      ),
    );
    decide(located);
    expect(await waiting).toMatchObject({ status: 200, json: { server: 'mtx1' } });
    await stopped;
    await until('all to be closed', () => stats.connectionsOpen === 0);
    expect(lab.server.url).toBe('');
  });

  it('goes on answering while it is asked, says so, and fails health checks', async () => {
    const { url } = lab.server;
    const ask = () => lab.request('/v1/route?stream=a');
    expect((await ask()).headers).not.toHaveProperty('x-mtx-stopping');
    const stopped = lab.server.stop();
    // How long it goes on, is createDrain's.
    const [first, second, healthz, readyz] = await Promise.all([
      ask(),
      ask(),
      lab.request('/healthz'),
      lab.request('/readyz'),
    ]);
    for (const answer of [first, second]) {
      expect(answer).toMatchObject({
        status: 200,
        headers: { 'x-mtx-state': 'located', 'x-mtx-server': 'mtx1', 'x-mtx-stopping': '1' },
      });
    }
    expect(healthz.json).toMatchObject({ status: 503, title: 'This agent is stopping' });
    expect(readyz.status).toBe(503);
    await stopped;
    await expect(fetch(url)).rejects.toThrow();
  });

  it('may be called twice, and before listening', async () => {
    await lab.server.stop();
    await lab.server.stop();
  });
});

function never(): never {
  throw new Error('not reached');
}
