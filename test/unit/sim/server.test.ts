import { Agent } from 'node:http';
import { createSimFleet, createSimServer, type SimFault, type SimServer, type SimSide } from '../../../src/sim';
import { ask } from '../../contract/exchange';
import { type LoopbackBlock, takeLoopbackBlock } from '../../support/loopback-block';
import { until } from '../../support/until';

describe('a stand-in', () => {
  let block: LoopbackBlock;
  let server: SimServer;

  beforeEach(async () => {
    block = await takeLoopbackBlock();
    server = await createSimServer({
      address: block.address(11),
      name: 'mtx1',
      variant: 'fmp4',
      firstSegmentDelayMs: 0,
      profile: 'pre-session',
      identify: true,
    });
    server.publish('live/a');
  });

  afterEach(async () => {
    await server.stop();
    await block.release();
  });

  const list = () => ask(server.apiUrl, { path: '/v3/paths/list' });
  const master = () => ask(server.hlsUrl, { path: '/live/a/index.m3u8' });
  const bySide: Readonly<Record<SimSide, () => ReturnType<typeof ask>>> = { api: list, hls: master };

  it('tells its name, its address, its version', async () => {
    expect(server).toMatchObject({
      name: 'mtx1',
      hlsUrl: `http://${block.address(11)}:8888`,
      apiUrl: `http://${block.address(11)}:9997`,
      version: 'v1.17.1',
    });
    expect((await list()).headers['X-Sim-Server']).toEqual(['mtx1']);
    expect((await master()).headers['X-Sim-Server']).toEqual(['mtx1']);
  });

  it('counts what it is asked, and remembers who asked', async () => {
    await list();
    await ask(server.hlsUrl, { path: '/live/a/index.m3u8?x=1', headers: { 'x-forwarded-for': '192.0.2.1' } });
    await ask(server.hlsUrl, { path: '/live/a/video1_stream.m3u8' });
    await ask(server.hlsUrl, { path: '/live/a/gone.mp4' });
    expect(server.counters()).toMatchObject({
      'paths/list': 1,
      'paths/get': 0,
      master: 1,
      media: 1,
      segment: 1,
      part: 0,
    });
    expect(server.requests()).toMatchObject([
      { path: '/live/a/index.m3u8', query: 'x=1', status: 200, xForwardedFor: '192.0.2.1', endpoint: 'master' },
      { path: '/live/a/video1_stream.m3u8', status: 200, peer: '127.0.0.1' },
      { path: '/live/a/gone.mp4', status: 404 },
    ]);
    server.resetTraffic();
    expect([server.counters().master, server.requests()]).toEqual([0, []]);
  });

  it.each<[SimSide, SimFault, number]>([
    ['api', { kind: 'unauthorized' }, 401],
    ['api', { kind: 'unauthorized', delayMs: 30 }, 401],
    ['api', { kind: 'status', status: 503 }, 503],
    ['hls', { kind: 'status', status: 500 }, 500],
    ['hls', { kind: 'delay', delayMs: 30 }, 200],
  ])('fails on its %s side with %j', async (side, fault, status) => {
    await server.setFault(side, fault);
    const began = performance.now();
    expect((await bySide[side]()).status).toBe(status);
    if ('delayMs' in fault) expect(performance.now() - began).toBeGreaterThanOrEqual((fault.delayMs ?? 0) - 1);
    // The other side works.
    expect((await bySide[side === 'api' ? 'hls' : 'api']()).status).toBe(200);
    await server.clearFaults();
    expect((await bySide[side]()).status).toBe(200);
  });

  it('answers garbage', async () => {
    await server.setFault('api', { kind: 'garbage' });
    const answer = await list();
    expect(answer.status).toBe(200);
    expect(() => JSON.parse(answer.text) as unknown).toThrow();
  });

  it.each([1, 50])('cuts a list of %d paths in half', async (count) => {
    for (let index = 1; index < count; index++) server.publish(`live/${index}`);
    const whole = await list();
    await server.setFault('api', { kind: 'truncated' });
    const half = await list();
    expect(half.status).toBe(200);
    expect(Math.abs(half.text.length - whole.text.length / 2)).toBeLessThan(5 * count);
    expect(whole.text.startsWith(half.text.slice(0, 100))).toBe(true);
    expect(() => JSON.parse(half.text) as unknown).toThrow();
    await server.setFault('api', { kind: 'cut' });
    await expect(list()).rejects.toThrow('aborted');
  });

  it.each<SimSide>(['api', 'hls'])('stalls its %s side until it is told to go on', async (side) => {
    await server.setFault(side, { kind: 'stall' });
    const answer = bySide[side]();
    await until('the request to arrive', () => server.connections(side) > 0);
    let isAnswered = false;
    void answer.then(() => {
      isAnswered = true;
    });
    expect((await bySide[side === 'api' ? 'hls' : 'api']()).status).toBe(200);
    expect(isAnswered).toBe(false);
    await server.clearFaults();
    expect((await answer).status).toBe(200);
  });

  it('refuses connections on one side, and closes those that are open', async () => {
    const agent = new Agent({ keepAlive: true });
    await ask(server.apiUrl, { path: '/v3/paths/list', agent });
    await server.setFault('api', { kind: 'refused' });
    expect(server.connections('api')).toBe(0);
    await expect(list()).rejects.toThrow('ECONNREFUSED');
    expect((await master()).status).toBe(200);
    await server.clearFaults();
    expect((await list()).status).toBe(200);
    agent.destroy();
  });

  it('dies at once, also while it is waited for, and comes back empty', async () => {
    await server.setFault('hls', { kind: 'stall' });
    const waiting = master();
    await until('the request to arrive', () => server.connections('hls') > 0);
    const killed = server.kill();
    // The end of the connection, or the reset: whichever is read.
    await expect(waiting).rejects.toThrow(/socket hang up|ECONNRESET/);
    await killed;
    expect([server.isRunning(), server.streams()]).toEqual([false, []]);
    await expect(list()).rejects.toThrow('ECONNREFUSED');
    expect(() => server.publish('live/a')).toThrow("server 'mtx1' is not running");
    await server.clearFaults();
    await expect(list()).rejects.toThrow('ECONNREFUSED');
    await server.restart();
    expect([(await list()).status, (await master()).status]).toEqual([200, 404]);
  });

  it('does not start where something listens already, and leaves nothing open', async () => {
    await expect(createSimServer({ address: block.address(11) })).rejects.toThrow('EADDRINUSE');
    await expect(createSimServer({ address: block.address(12), apiPort: 8888 })).rejects.toThrow('EADDRINUSE');
    await (await createSimServer({ address: block.address(12) })).stop();
  });

  it('tells players who wait at once when the publisher is lost', async () => {
    await server.stop();
    server = await createSimServer({ address: block.address(11), variant: 'fmp4', firstSegmentDelayMs: 3_600_000 });
    const publisher = server.publish('live/a');
    const waiting = ask(server.hlsUrl, { path: '/live/a/index.m3u8?cookieCheck=1' });
    await until('the session to open', () => server.sessions().length === 1);
    publisher.stop();
    expect((await waiting).status).toBe(500);
    expect(server.sessions()).toEqual([]);
  });

  it('lets go of players that leave while they wait', async () => {
    await server.stop();
    server = await createSimServer({ address: block.address(11), variant: 'fmp4', firstSegmentDelayMs: 60_000 });
    server.publish('live/a');
    const agent = new Agent();
    const waiting = ask(server.hlsUrl, { path: '/live/a/index.m3u8?cookieCheck=1', agent });
    await until('the session to open', () => server.sessions().length === 1);
    agent.destroy();
    await expect(waiting).rejects.toThrow();
    await until('the connection to close', () => server.connections('hls') === 0);
  });
});

describe('a fleet', () => {
  let block: LoopbackBlock;
  beforeAll(async () => {
    block = await takeLoopbackBlock();
  });
  afterAll(() => block.release());

  it('has consecutive names and addresses, and moves streams', async () => {
    const fleet = await createSimFleet({
      servers: 3,
      firstAddress: block.address(11),
      overrides: { mtx2: { profile: 'pre-session' } },
    });
    expect(fleet.servers.map(({ name, address, version }) => [name, address, version])).toEqual([
      ['mtx1', block.address(11), 'v1.20.1'],
      ['mtx2', block.address(12), 'v1.17.1'],
      ['mtx3', block.address(13), 'v1.20.1'],
    ]);
    fleet.server('mtx1').publish('live/a');
    fleet.move('live/a', 'mtx3');
    expect(fleet.holders('live/a').map(({ name }) => name)).toEqual(['mtx3']);
    expect(() => fleet.server('mtx9')).toThrow("server 'mtx9' given; allowed are mtx1, mtx2, mtx3");
    await fleet.stop();
  });

  it('leaves nothing open when one of its servers cannot start', async () => {
    const other = await createSimServer({ address: block.address(22) });
    await expect(createSimFleet({ firstAddress: block.address(21) })).rejects.toThrow('EADDRINUSE');
    await (await createSimServer({ address: block.address(21) })).stop();
    await other.stop();
  });

  it('holds thousands of streams at little cost', async () => {
    const fleet = await createSimFleet({ servers: 2, firstAddress: block.address(31) });
    for (const server of fleet.servers) for (let index = 0; index < 2000; index++) server.publish(`live/${index}`);
    const answer = await ask(fleet.server('mtx1').apiUrl, { path: '/v3/paths/list?itemsPerPage=1500&page=1' });
    const { itemCount, pageCount, items } = JSON.parse(answer.text) as {
      itemCount: number;
      pageCount: number;
      items: unknown[];
    };
    expect([itemCount, pageCount, items.length]).toEqual([2000, 2, 500]);
    await fleet.stop();
  });
});
