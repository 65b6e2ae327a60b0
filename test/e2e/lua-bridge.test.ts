import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Child, startChild } from '../support/child-process';
import { haproxyBin, haproxyVersion } from '../support/haproxy';
import { type LoopbackBlock, takeLoopbackBlock } from '../support/loopback-block';
import { until } from '../support/until';

// One thread, so that what a thread of the script remembers can be told from outside.
const config = `
global
    nbthread 1
    stats socket "\${SOCKET}"
.if version_atleast(2.9)
    httpclient.retries "\${RETRIES-0}"
    httpclient.timeout.connect 100ms
.endif
.if version_atleast(3.1)
    tune.lua.bool-sample-conversion normal
.endif
    lua-load-per-thread "\${SCRIPT}"
defaults
    mode http
    timeout client 30s
    timeout server 30s
    timeout connect 1s
frontend test
    bind "\${BIND}"
    http-request set-var(txn.stream) url_param(stream),url_dec if { url_param(stream) -m found }
    http-request set-var(txn.session) url_param(session),url_dec if { url_param(session) -m found }
    http-request lua.mtxpilot
    http-request return status 200 content-type text/plain lf-string "state=%[var(txn.mtx.state)] server=%[var(txn.mtx.server)] error=%[var(txn.mtx.error)]"
`;

describe(`HAProxy ${haproxyVersion}: mtxpilot.lua`, () => {
  let block: LoopbackBlock;
  let folder: string;
  let haproxy: Child | undefined;
  const servers: Server[] = [];

  beforeEach(async () => {
    block = await takeLoopbackBlock();
    folder = mkdtempSync(join(tmpdir(), 'mtxpilot-lua-'));
  });
  afterEach(async () => {
    await haproxy?.stop('SIGKILL');
    haproxy = undefined;
    for (const server of servers.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
    rmSync(folder, { recursive: true, force: true });
    await block.release();
  });

  async function listen(n: number, listener: RequestListener): Promise<Server> {
    const server = createServer(listener);
    await new Promise<void>((done) => server.listen(9101, block.address(n), done));
    servers.push(server);
    return server;
  }

  /** An agent that answers with these headers, and keeps what it was asked. */
  async function agent(n: number, headers: Record<string, string>): Promise<{ asked: string[]; server: Server }> {
    const asked: string[] = [];
    const server = await listen(n, (req, res) => {
      asked.push(`${req.method ?? ''} ${req.url ?? ''}`);
      res.writeHead(200, headers).end('{}');
    });
    return { asked, server };
  }

  const bind = () => `${block.address(1)}:8080`;

  /** For tests whose agents do not answer. */
  const soon = { MTX_DEADLINE: '100ms' };

  async function start(env: Record<string, string> = {}): Promise<void> {
    const file = join(folder, 'haproxy.cfg');
    writeFileSync(file, config);
    haproxy = startChild(haproxyBin, ['-db', '-f', file], {
      BIND: bind(),
      SOCKET: join(folder, 'admin.sock'),
      SCRIPT: resolve('lua-bridge/mtxpilot.lua'),
      MTX_AGENT_HTTP: `${block.address(2)}:9101`,
      // What is not about being late must not depend on how busy the machine is.
      MTX_DEADLINE: '30s',
      ...env,
    });
    await until('HAProxy', async () => {
      if (haproxy?.process.exitCode !== null) throw new Error(haproxy?.lines.join('\n'));
      return (await fetch(`http://${bind()}/`)).ok;
    });
  }

  /** What the script set for a request. */
  async function ask(stream: string, session?: string): Promise<string> {
    const query = session === undefined ? '' : `&session=${encodeURIComponent(session)}`;
    return (await fetch(`http://${bind()}/?stream=${encodeURIComponent(stream)}${query}`)).text();
  }

  it('sets server and state as SPOE does', async () => {
    const { asked } = await agent(2, { 'x-mtx-state': 'located', 'x-mtx-server': 'mtx2' });
    await start();
    expect(await ask('live/studio/a', '0f0e-1')).toBe('state=located server=mtx2 error=');
    expect(asked).toEqual(['GET /v1/route?stream=live/studio/a&session=0f0e-1']);
  });

  it('leaves the server unset when the state is unknown', async () => {
    await agent(2, { 'x-mtx-state': 'unknown' });
    await start();
    expect(await ask('live/a')).toBe('state=unknown server= error=');
  });

  it.each([
    'a\nb',
    'a;b',
    'a&stream=b',
    'a#b',
    '..',
    'a%2Fb',
    'a"b\'c\\',
    'a b',
    'a?b=c',
    'a\r\nX: y',
    'ä',
    '\u0001',
    '$(id)',
  ])('escapes the name and the session %j', async (text) => {
    const { asked } = await agent(2, { 'x-mtx-state': 'unknown' });
    await start();
    expect(await ask(text, text)).toBe('state=unknown server= error=');
    expect(asked).toHaveLength(1);
    const [, target = ''] = (asked[0] ?? '').split(' ');
    expect(target).toMatch(/^\/v1\/route\?stream=[\w/.~%-]+&session=[\w/.~%-]+$/);
    const { searchParams } = new URL(target, 'http://agent');
    expect([searchParams.get('stream'), searchParams.get('session')]).toEqual([text, text]);
  });

  it('knows without asking that a name of 201 bytes is none, and cuts sessions', async () => {
    const { asked } = await agent(2, { 'x-mtx-state': 'located', 'x-mtx-server': 'mtx1' });
    await start();
    expect(await ask('x'.repeat(201))).toBe('state=unknown server= error=');
    expect(asked).toEqual([]);
    expect(await ask('x'.repeat(200), 's'.repeat(2000))).toBe('state=located server=mtx1 error=');
    expect(asked[0]).toHaveLength('GET /v1/route?stream=&session='.length + 200 + 512);
  });

  it('keeps its connection', async () => {
    const { server } = await agent(2, { 'x-mtx-state': 'unknown' });
    let connections = 0;
    server.on('connection', () => connections++);
    await start();
    for (let i = 0; i < 20; i++) await ask('a');
    expect(connections).toBe(1);
  });

  it('without an agent the request goes on, with the reason', async () => {
    await start(soon);
    // HAProxy 2.6 tries again for longer than the deadline lets it.
    expect(await ask('a')).toBe(`state= server= error=${haproxyVersion === '2.6' ? 504 : 503}`);
  });

  it('what is no agent is no answer', async () => {
    await listen(2, (_req, res) => res.writeHead(404).end('nothing here'));
    await start();
    expect(await ask('a')).toBe('state= server= error=404');
  });

  it('gives up at its deadline when the agent hangs, and asks again', async () => {
    let answering = true;
    await listen(2, (_req, res) => {
      if (answering) res.writeHead(200, { 'x-mtx-state': 'unknown' }).end();
    });
    await start({ MTX_DEADLINE: '2s' });
    expect(await ask('a')).toBe('state=unknown server= error=');
    answering = false;
    const replies = await Promise.all(Array.from({ length: 10 }, () => ask('a')));
    expect(new Set(replies)).toEqual(new Set(['state= server= error=504']));
    answering = true;
    await until('it to be asked again', async () => (await ask('a')) === 'state=unknown server= error=');
  });

  it("does not wait for the retries of HAProxy's client", async () => {
    await start({ ...soon, RETRIES: '3' });
    // The client itself would say 503, after three pauses of a second.
    for (let i = 0; i < 3; i++) expect(await ask('a')).toBe('state= server= error=504');
  });

  it('asks the second agent when the first is away, and stays with it', async () => {
    const second = await agent(3, { 'x-mtx-state': 'located', 'x-mtx-server': 'mtx3' });
    await start({ MTX_DEADLINE: '2s', MTX_AGENT2_HTTP: `http://${block.address(3)}:9101/` });
    await until('the second agent', async () => (await ask('a')) === 'state=located server=mtx3 error=');
    const first = await agent(2, { 'x-mtx-state': 'located', 'x-mtx-server': 'mtx2' });
    expect(await ask('a')).toBe('state=located server=mtx3 error=');
    expect(first.asked).toEqual([]);
    second.server.close();
    second.server.closeAllConnections();
    await until('the first agent', async () => (await ask('a')) === 'state=located server=mtx2 error=');
  });

  it('asks the second agent after the first has said that it stops, without losing a question', async () => {
    const first = await agent(2, { 'x-mtx-state': 'located', 'x-mtx-server': 'mtx2', 'x-mtx-stopping': '1' });
    const second = await agent(3, { 'x-mtx-state': 'located', 'x-mtx-server': 'mtx3' });
    await start({ MTX_AGENT2_HTTP: `${block.address(3)}:9101` });
    expect(await ask('a')).toBe('state=located server=mtx2 error=');
    for (let i = 0; i < 5; i++) expect(await ask('a')).toBe('state=located server=mtx3 error=');
    expect([first.asked.length, second.asked.length]).toEqual([1, 5]);
  });

  it('stays with an agent that stops while the other one is away', async () => {
    const { asked } = await agent(2, { 'x-mtx-state': 'located', 'x-mtx-server': 'mtx2', 'x-mtx-stopping': '1' });
    await start({ MTX_DEADLINE: '2s', MTX_AGENT2_HTTP: `${block.address(3)}:9101` });
    const replies: string[] = [];
    const startedMs = performance.now();
    for (let i = 0; i < 10; i++) replies.push(await ask('a'));
    // The other one is tried once in 2 s, which HAProxy 2.6 takes until the deadline to find out.
    const tries = 1 + Math.floor((performance.now() - startedMs) / 2000);
    expect(replies.filter((reply) => reply !== 'state=located server=mtx2 error=').length).toBeLessThanOrEqual(tries);
    expect(replies).toContain('state=located server=mtx2 error=');
    expect(asked.length).toBeGreaterThanOrEqual(10 - tries);
  });

  it('stays with the only agent there is when that one stops', async () => {
    const { asked } = await agent(2, { 'x-mtx-state': 'located', 'x-mtx-server': 'mtx2', 'x-mtx-stopping': '1' });
    await start();
    for (let i = 0; i < 5; i++) expect(await ask('a')).toBe('state=located server=mtx2 error=');
    expect(asked).toHaveLength(5);
  });

  it('does nothing without a stream', async () => {
    const { asked } = await agent(2, { 'x-mtx-state': 'unknown' });
    await start();
    expect(await (await fetch(`http://${bind()}/`)).text()).toBe('state= server= error=');
    expect(asked).toEqual([]);
  });
});
