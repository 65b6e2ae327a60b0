import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuditLog } from './audit-log';
import { createFakeOperations, type FakeOperations } from './fake-operations';
import {
  exchange,
  type HttpLab,
  parseReply,
  type RequestOptions,
  requestText,
  serverView,
  startHttpLab,
  stream,
} from './lab';

const token = 'correct-horse-battery-staple';
const bearer = `Authorization: Bearer ${token}`;

let lab: HttpLab;
let operations: FakeOperations;
let folder: string;
let socketPath: string;
const audit = createAuditLog();

beforeEach(async () => {
  audit.lines = [];
  operations = createFakeOperations();
  folder = mkdtempSync(join(tmpdir(), 'mtxpilot-http-'));
  socketPath = join(folder, 'admin.sock');
  lab = await startHttpLab({ operations, token, log: audit.log });
  await lab.server.listenForAdmin(socketPath);
});
afterEach(async () => {
  await lab.server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const post = (path: string, body: unknown = {}, headers: readonly string[] = [bearer]) =>
  lab.request(path, { method: 'POST', headers, body });
const overSocket = async (path: string, options: RequestOptions) =>
  parseReply(await exchange(lab.server, requestText(path, options), socketPath));

describe('who may change anything', () => {
  it.each([
    ['no token', []],
    ['another token', ['Authorization: Bearer correct-horse-battery-stapler']],
    ['another scheme', [`Authorization: Basic ${token}`]],
    ['an empty token', ['Authorization: Bearer ']],
  ])('with %s: 401, told how, nothing done', async (_what, headers) => {
    const reply = await post('/v1/servers/mtx1/drain', {}, headers);
    expect(reply).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer' } });
    expect(reply.json).toMatchObject({ detail: expect.stringContaining(socketPath) as string });
    expect(reply.text).not.toContain(token);
    expect(operations.orders).toEqual([]);
    expect(lab.server.stats.changes.refused).toBe(1);
  });

  it('with the token: who keeps it in mind whatever the scheme looks like', async () => {
    for (const header of [bearer, `authorization: bearer  ${token}`]) {
      expect((await post('/v1/servers/mtx1/drain', {}, [header])).status).toBe(200);
    }
  });

  it('without a token set, nobody over TCP: 403, and what to do', async () => {
    await lab.server.stop();
    lab = await startHttpLab({ operations, log: audit.log });
    const reply = await post('/v1/servers/mtx1/drain');
    expect(reply).toMatchObject({ status: 403, json: { detail: expect.stringContaining('http.token') as string } });
    expect(operations.orders).toEqual([]);
  });

  it('over the admin socket without a token', async () => {
    const reply = await overSocket('/v1/servers/mtx1/drain', { method: 'POST', body: {} });
    expect(reply.status).toBe(200);
    expect(audit.lines).toMatchObject([
      { via: 'admin socket', operator: 'admin socket', target: 'mtx1', result: 'done' },
    ]);
  });

  it('not a page of another site, even with the token', async () => {
    const foreign = await post('/v1/servers/mtx1/drain', {}, [bearer, 'Origin: https://evil.example']);
    expect(foreign).toMatchObject({ status: 403, json: { given: 'https://evil.example' } });
    expect((await post('/v1/servers/mtx1/drain', {}, [bearer, 'Origin: null'])).status).toBe(403);
    expect((await post('/v1/servers/mtx1/drain', {}, [bearer, 'Origin: http://127.0.0.1'])).status).toBe(200);
    expect(operations.orders).toHaveLength(1);
  });

  it('reading stays open', async () => {
    for (const path of ['/v1/servers', '/v1/moves', '/v1/streams/a/why']) {
      expect((await lab.request(path)).status).toBe(200);
    }
  });

  it('refusals fill no log: one line a second, with the number of those before', async () => {
    for (let i = 0; i < 20; i++) await post('/v1/servers/mtx1/drain', {}, []);
    expect(audit.lines).toHaveLength(1);
    expect(lab.server.stats.changes.refused).toBe(20);
  });
});

describe('bodies', () => {
  it.each([
    ['text/plain', '{}', 415],
    ['application/x-www-form-urlencoded', 'reason=x', 415],
    ['application/json; charset=latin1', '{}', 415],
    ['application/json', '{"reason":', 400],
    ['application/json', '"\u00ff"', 400],
    ['application/json', '"text"', 400],
    ['application/json', '[]', 400],
    ['application/json', 'null', 400],
    ['application/json', '{"surprise":1}', 400],
    ['application/json', '{"reason":5}', 400],
    ['application/json', '{"reason":"two\\nlines"}', 400],
    ['application/json', `{"reason":"${'x'.repeat(300)}"}`, 400],
    ['application/json', '{"operator":""}', 400],
    ['application/json', '{"deadline":"soon"}', 400],
    ['application/json', '{"deadline":"0s"}', 400],
    ['application/json', '{"deadline":"9999h"}', 400],
    ['application/json', '{"__proto__":{"operator":"x"}}', 400],
    ['application/json', `{"reason":"${'x'.repeat(20_000)}"}`, 413],
  ])('%s, %s: %i', async (type, body, status) => {
    const reply = await post('/v1/servers/mtx1/drain', body, [bearer, `Content-Type: ${type}`]);
    expect(reply).toMatchObject({ status, headers: { 'content-type': 'application/problem+json' } });
    expect(reply.text.length).toBeLessThan(1000);
    expect(operations.orders).toEqual([]);
  });

  it('are JSON also by their own word only: a form of another site cannot send one', async () => {
    const text = requestText('/v1/servers/mtx1/drain', { method: 'POST', headers: [bearer] });
    expect(parseReply(await exchange(lab.server, text)).status).toBe(415);
  });

  it('that are compressed are not unpacked', async () => {
    const headers = [bearer, 'Content-Type: application/json', 'Content-Encoding: gzip'];
    expect((await post('/v1/servers/mtx1/drain', 'x', headers)).status).toBe(415);
  });

  it('without length, endless: cut at the limit', async () => {
    const chunk = `1000\r\n${' '.repeat(4096)}\r\n`;
    const head = requestText('/v1/servers/mtx1/drain', {
      method: 'POST',
      headers: [bearer, 'Content-Type: application/json', 'Transfer-Encoding: chunked'],
    });
    expect(parseReply(await exchange(lab.server, head + chunk.repeat(8))).status).toBe(413);
  });
});

describe('servers', () => {
  it('drain with a deadline, and the answer shows what control made of it', async () => {
    const body = { reason: 'kernel', operator: 'alice', deadline: '30m' };
    const reply = await post('/v1/servers/mtx1/drain', body);
    expect(operations.orders).toEqual([
      'setIntent mtx1 {"kind":"drain","reason":"kernel","operator":"alice","deadlineMs":1800000}',
    ]);
    expect(reply).toMatchObject({
      status: 200,
      json: {
        name: 'mtx1',
        wanted: 'drain',
        intent: { kind: 'drain', operator: 'alice', deadline: '2026-11-21T10:30:00.000Z' },
      },
    });
    expect(audit.lines).toMatchObject([
      {
        audit: true,
        change: 'drain',
        target: 'mtx1',
        operator: 'alice',
        reason: 'kernel',
        deadlineMs: 1_800_000,
        via: 'token',
      },
    ]);
    expect(JSON.stringify(audit.lines)).not.toContain(token);
    expect(audit.lines[0]?.['from']).toMatch(/^127\.0\.0\.1 \d+$/);
  });

  it.each(['maint', 'ready'])('%s', async (kind) => {
    expect((await post(`/v1/servers/mtx1/${kind}`, {})).status).toBe(200);
    expect(operations.orders).toEqual([
      `setIntent mtx1 {"kind":"${kind}","reason":"no reason given","operator":"token"}`,
    ]);
    expect((await post(`/v1/servers/mtx1/${kind}`, { deadline: '30m' })).status).toBe(400);
  });

  it.each([
    ['no-such-server', 404],
    ['no-haproxy', 503],
    ['bad-request', 400],
    ['store-failed', 503],
  ] as const)('what control refuses (%s) is %i, in its words', async (kind, status) => {
    operations.refusal = { kind };
    const reply = await post('/v1/servers/mtx1/drain');
    expect(reply).toMatchObject({ status, json: { detail: 'mtx1 says no.', given: 'mtx1' } });
    expect(audit.lines).toMatchObject([{ audit: true, detail: 'mtx1 says no' }]);
    expect(lab.server.stats.changes).toEqual({ done: 0, failed: 1, refused: 0 });
  });

  it('are shown with what control knows; null without control', async () => {
    lab.directory.servers = [serverView('mtx1'), serverView('mtx9')];
    expect((await lab.request('/v1/servers')).json).toMatchObject({
      servers: [
        { name: 'mtx1', control: { wanted: 'ready', intent: null, viewersLeft: 2 } },
        { name: 'mtx9', control: null },
      ],
    });
  });

  it('cannot be changed without control, which is said', async () => {
    await lab.server.stop();
    lab = await startHttpLab({ token, log: audit.log });
    expect(await post('/v1/servers/mtx1/drain')).toMatchObject({
      status: 501,
      json: { allowed: 'haproxy.socket instead of servers' },
    });
    expect((await lab.request('/v1/moves')).json).toEqual({ moves: [] });
  });
});

describe('moves', () => {
  it.each([
    ['/v1/streams/live/a/move', 'live/a'],
    ['/v1/streams/live%2Fa/move', 'live/a'],
    ['/v1/streams/x%2Fmove/move', 'x/move'],
    ['/v1/streams/move/move', 'move'],
  ])('%s moves %s', async (path, stream) => {
    const reply = await post(path, { server: 'mtx2', reason: 'load', operator: 'bob', force: true });
    expect(operations.orders).toEqual([`move ${stream} mtx2 {"reason":"load","operator":"bob","force":true}`]);
    expect(reply.json).toMatchObject({ stream, move: { server: 'mtx2', operator: 'bob' } });
  });

  it('takes along who is watching, when that is wished', async () => {
    await post('/v1/streams/live/a/move', { server: 'mtx2', reason: 'load', operator: 'bob', moveViewers: true });
    expect(operations.orders).toEqual([
      'move live/a mtx2 {"reason":"load","operator":"bob","force":false,"moveViewers":true}',
    ]);
  });

  it('GET of a stream whose name ends so still shows the stream', async () => {
    lab.directory.streams = [stream('x/move')];
    expect((await lab.request('/v1/streams/x%2Fmove')).json).toMatchObject({ name: 'x/move' });
  });

  it('are cleared by DELETE, with or without a body, and by a null server', async () => {
    const remove = (options: RequestOptions) =>
      lab.request('/v1/streams/live/a/move', { method: 'DELETE', headers: [bearer], ...options });
    expect((await remove({})).json).toEqual({ stream: 'live/a', move: null });
    expect((await remove({ body: { operator: 'bob' } })).json).toEqual({ stream: 'live/a', move: null });
    expect((await post('/v1/streams/live/a/move', { server: null })).json).toEqual({ stream: 'live/a', move: null });
    expect(operations.orders).toEqual(['clearMove live/a token', 'clearMove live/a bob', 'clearMove live/a token']);
  });

  it.each([
    ['not-a-holder', 409],
    ['no-such-stream', 404],
  ] as const)('%s is %i', async (kind, status) => {
    operations.refusal = { kind };
    expect((await post('/v1/streams/live/a/move', { server: 'mtx2' })).status).toBe(status);
  });

  it('of a stream that is not moved cannot be cleared', async () => {
    operations.refusal = { kind: 'no-such-stream' };
    const reply = await lab.request('/v1/streams/live/a/move', { method: 'DELETE', headers: [bearer] });
    expect(reply).toMatchObject({ status: 404, json: { title: 'This stream is not moved' } });
  });

  it.each(['%0a', 'a;b', '%2e%2e', 'a%00b'])('of the name %s never reach control', async (name) => {
    expect((await post(`/v1/streams/${name}/move`, { server: 'mtx1' })).status).toBe(400);
    expect(operations.orders).toEqual([]);
  });

  it.each([
    [{}],
    [{ server: 'a b' }],
    [{ server: 5 }],
    [{ server: 'mtx1', force: 'yes' }],
    [{ server: 'mtx1', moveViewers: 1 }],
  ])('%j is refused', async (body) => {
    expect((await post('/v1/streams/live/a/move', body)).status).toBe(400);
    expect(operations.orders).toEqual([]);
  });

  it('are listed, and shown by why', async () => {
    operations.inForce = [
      { stream: 'live/a', server: 'mtx2', reason: 'load', operator: 'bob', since: '2026-11-21T10:00:00Z' },
    ];
    operations.held = [{ node: 'lb1', lastServer: undefined, route: 'mtx2', sessions: { mtx1: 3 }, error: undefined }];
    expect((await lab.request('/v1/moves')).json).toEqual({ moves: operations.inForce });
    expect((await lab.request('/v1/streams/live/a/why')).json).toMatchObject({
      move: { server: 'mtx2', operator: 'bob' },
      haproxy: [{ node: 'lb1', lastServer: null, route: 'mtx2', sessions: { mtx1: 3 }, error: null }],
      next: expect.arrayContaining([
        'Sessions that HAProxy remembers stay with their server, also those of viewers who have gone: 3 on mtx1.',
      ]) as string[],
    });
    expect((await lab.request('/v1/streams/live/b/why')).json).toMatchObject({ move: null });
  });
});

it('only POST and DELETE change, and each path says what it takes', async () => {
  expect(await lab.request('/v1/servers/mtx1/drain')).toMatchObject({
    status: 405,
    headers: { allow: 'POST, OPTIONS' },
  });
  expect(await lab.request('/v1/servers/mtx1/drain', { method: 'OPTIONS' })).toMatchObject({
    status: 204,
    headers: { allow: 'POST, OPTIONS' },
  });
  expect(await lab.request('/v1/streams/a/move')).toMatchObject({
    status: 405,
    headers: { allow: 'POST, DELETE, OPTIONS' },
  });
});
