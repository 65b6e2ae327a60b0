import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createPeersServer, type PeersServer, type PeersServerOptions } from '../../../src/peers';
import { createRecordingLog } from '../spoe/recording-log';
import { firstUpdate, hello, resyncFinished, resyncRequest, sessionsDefinition } from './golden';

const servers = new Set<PeersServer>();
const sockets = new Set<Socket>();
afterEach(async () => {
  await Promise.all([...servers].map((server) => server.stop()));
  for (const socket of sockets) socket.destroy();
  servers.clear();
  sockets.clear();
});

async function start(options: Partial<PeersServerOptions> = {}) {
  const told: string[] = [];
  const { log, lines } = createRecordingLog();
  const server = createPeersServer({
    log,
    listener: {
      onTouch: ({ node, key, live }) => told.push(`${node} ${key} ${live ? 'live' : 'old'}`),
      onNodeUp: ({ node, pid }) => told.push(`${node} up ${pid}`),
      onNodeDown: (node) => told.push(`${node} down`),
    },
    ...options,
  });
  servers.add(server);
  await server.listen({ host: '127.0.0.1', port: 0 });
  return { server, told, lines, port: (server.address() as AddressInfo).port };
}

/** Resolves when the condition holds; it is looked at once a turn of the event loop. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** A HAProxy that has greeted. */
async function dial(port: number, node = 'hap', pid = 1) {
  const socket = connect(port, '127.0.0.1');
  sockets.add(socket);
  let received = Buffer.alloc(0);
  socket.on('data', (bytes: Buffer) => {
    received = Buffer.concat([received, bytes]);
  });
  socket.on('error', () => socket.destroy());
  await once(socket, 'connect');
  socket.write(`HAProxyS 2.1\nmtxpilot\n${node} ${pid} 1\n`);
  const dumpAsked = () => until(() => received.includes(resyncRequest));
  return {
    socket,
    received: () => received,
    dumpAsked,
    /** Answers the dump with nothing. */
    async sync() {
      await dumpAsked();
      socket.write(resyncFinished);
    },
    touch: () => socket.write(Buffer.concat([sessionsDefinition, firstUpdate])),
    closed: () => until(() => socket.destroyed),
  };
}

describe('the peers server', () => {
  it('tells of a node, its touches and its end', async () => {
    const { server, told, port } = await start();
    const hap = await dial(port);
    hap.touch();
    await until(() => told.length === 1);
    await hap.sync();
    await until(() => told.length === 2);
    expect(server.stats.nodesUp).toBe(1);
    hap.touch();
    await until(() => told.length === 3);
    hap.socket.destroy();
    await until(() => told.length === 4);
    expect(told).toEqual(['hap live/a|s1 old', 'hap up 1', 'hap live/a|s1 live', 'hap down']);
    expect(server.stats).toMatchObject({ nodesUp: 0, connectionsOpen: 0, connectionsTotal: 1 });
  });

  it('serves many nodes at one port', async () => {
    const { told, port } = await start();
    const nodes = await Promise.all(['lb1', 'lb2', 'lb3'].map((node) => dial(port, node)));
    for (const node of nodes) await node.sync();
    await until(() => told.length === 3);
    nodes[1]?.touch();
    await until(() => told.length === 4);
    expect([...told].sort()).toEqual(['lb1 up 1', 'lb2 live/a|s1 live', 'lb2 up 1', 'lb3 up 1']);
  });

  it('at a reload the newest process speaks, and the end of the old one changes nothing', async () => {
    const { server, told, port } = await start();
    const old = await dial(port, 'hap', 1);
    await old.sync();
    await until(() => told.length === 1);
    const young = await dial(port, 'hap', 2);
    await until(() => told.length === 2);
    old.touch();
    await until(() => server.stats.updates.stale === 1);
    await young.sync();
    await until(() => told.length === 3);
    old.socket.destroy();
    await until(() => server.stats.connectionsOpen === 1);
    young.touch();
    await until(() => told.length === 4);
    expect(told).toEqual(['hap up 1', 'hap down', 'hap up 2', 'hap live/a|s1 live']);
    expect(server.stats.nodesUp).toBe(1);
  });

  it('when the newest link ends, an older one that is still there has to begin anew', async () => {
    const { server, told, port } = await start();
    const old = await dial(port, 'hap', 1);
    await old.sync();
    await until(() => told.length === 1);
    const young = await dial(port, 'hap', 2);
    await young.sync();
    await until(() => told.length === 3);
    young.socket.destroy();
    await old.closed();
    expect(told).toEqual(['hap up 1', 'hap down', 'hap up 2', 'hap down']);
    expect(server.stats.closed.replaced).toBe(1);
  });

  it('keeps three older links of a node, not more', async () => {
    const { server, told, port } = await start();
    const links = [];
    for (let pid = 1; pid <= 5; pid++) {
      const link = await dial(port, 'hap', pid);
      await link.sync();
      await until(() => told.includes(`hap up ${pid}`));
      links.push(link);
    }
    await links[0]?.closed();
    await until(() => server.stats.connectionsOpen === 4);
    expect(server.stats.closed.replaced).toBe(1);
  });

  it('refuses more names and more connections than allowed, by closing, while all have told something', async () => {
    const { server, told, port } = await start({ maxNodes: 1, maxConnections: 2 });
    const first = await dial(port, 'lb1');
    await first.sync();
    await until(() => told.includes('lb1 up 1'));
    const second = await dial(port, 'lb2');
    await second.closed();
    expect(second.received()).toHaveLength(0);
    await until(() => server.stats.connectionsOpen === 1);
    const young = await dial(port, 'lb1', 2);
    await young.sync();
    await until(() => told.includes('lb1 up 2'));
    const third = connect(port, '127.0.0.1');
    third.on('error', () => third.destroy());
    sockets.add(third);
    await until(() => third.destroyed || server.stats.connectionsRefused === 2);
    expect(server.stats.connectionsRefused).toBe(2);
  });

  it('writes a bounded number of lines about bad connections, however many there are', async () => {
    const { lines, port } = await start({ nowMs: () => 0 });
    for (let i = 0; i < 30; i++) {
      const stranger = connect(port, '127.0.0.1', () => stranger.write('GET / HTTP/1.1\r\n\r\n'));
      sockets.add(stranger);
      stranger.on('error', () => undefined).resume();
      await once(stranger, 'close');
    }
    expect(lines.filter((line) => line.startsWith('warn peers: closing a connection'))).toHaveLength(10);
  });

  it.each([
    ['never greet', () => ''],
    ['greet, each by another name, and tell nothing', (i: number) => `HAProxyS 2.1\nmtxpilot\nstranger${i} 1 1\n`],
  ])('gives the places of those that %s to a HAProxy', async (_what, greeting) => {
    const { server, told, port } = await start({ maxNodes: 3, maxConnections: 5 });
    const first = await dial(port, 'lb1');
    await first.sync();
    await until(() => told.includes('lb1 up 1'));
    for (let i = 0; i < 20; i++) {
      const stranger = connect(port, '127.0.0.1', () => stranger.write(greeting(i)));
      stranger.on('error', () => stranger.destroy());
      sockets.add(stranger);
      await until(() => server.stats.connectionsTotal === i + 2);
    }
    const second = await dial(port, 'lb2');
    await second.sync();
    await until(() => told.includes('lb2 up 1'));
    expect(told).toEqual(['lb1 up 1', 'lb2 up 1']);
    expect(server.stats.connectionsRefused).toBe(0);
    expect(server.stats.closed.displaced).toBeGreaterThanOrEqual(16);
    expect(server.stats.connectionsOpen).toBeLessThanOrEqual(5);
  });

  it('stops: every node is down, nothing is open, and again does nothing', async () => {
    const { server, told, port } = await start();
    const hap = await dial(port);
    await hap.sync();
    await until(() => told.length === 1);
    const silent = connect(port, '127.0.0.1');
    silent.on('error', () => silent.destroy());
    sockets.add(silent);
    await until(() => server.stats.connectionsOpen === 2);
    await server.stop();
    expect(told).toEqual(['hap up 1', 'hap down']);
    expect(server.stats.connectionsOpen).toBe(0);
    expect(server.address()).toBeNull();
    await server.stop();
  });

  it('says where it cannot listen', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    const { log } = createRecordingLog();
    const server = createPeersServer({
      log,
      listener: { onTouch: () => undefined, onNodeUp: () => undefined, onNodeDown: () => undefined },
    });
    await expect(server.listen({ host: '127.0.0.1', port })).rejects.toThrow(
      `peers: cannot listen on 127.0.0.1:${port}: listen EADDRINUSE`,
    );
    await server.stop();
    taken.close();
  });

  it('stands a greeting of many bytes and of none', async () => {
    const { server, port } = await start({ helloTimeoutMs: 50 });
    const flood = connect(port, '127.0.0.1');
    sockets.add(flood);
    flood.on('error', () => flood.destroy());
    flood.write(Buffer.alloc(1_000_000, 'x'));
    const mute = connect(port, '127.0.0.1');
    sockets.add(mute);
    mute.write(hello.subarray(0, 5));
    mute.resume();
    await until(() => server.stats.badHellos === 2 && server.stats.connectionsOpen === 0);
  });
});
