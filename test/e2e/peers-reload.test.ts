import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { createLogger } from '../../src/log';
import { createPeersServer, type PeersServer, type PeersServerOptions } from '../../src/peers';
import { haproxyVersion } from '../support/haproxy';
import { type LoopbackBlock, takeLoopbackBlock } from '../support/loopback-block';
import { type PeeredHaproxy, startPeeredHaproxy } from '../support/peered-haproxy';
import { until } from '../support/until';

/*
 * A peer that answers wrongly costs HAProxy its tables at the next reload: the sessions of all viewers. Each case starts an own HAProxy with
 * another kind of agent at its peer line.
 */

const keys = Array.from({ length: 50 }, (_, i) => `live/${i % 5}|session-${i}`).sort();

describe(`HAProxy ${haproxyVersion} is reloaded while the agent is`, () => {
  let block: LoopbackBlock;
  let lab: PeeredHaproxy;
  const closers: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    block = await takeLoopbackBlock();
    closers.push(() => block.release());
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  async function startHaproxy(agentName?: string): Promise<void> {
    lab = await startPeeredHaproxy(block, 1, agentName);
    closers.push(() => lab.stop());
  }

  /** An agent that keeps what it hears. */
  async function startPeers(options: Partial<PeersServerOptions> = {}) {
    const heard = { up: 0, down: 0, live: new Set<string>(), dumped: new Set<string>() };
    const server: PeersServer = createPeersServer({
      log: createLogger('silent'),
      listener: {
        onTouch: ({ table, key, live, idleMs }) => {
          if (table === 'sessions' && live) heard.live.add(key);
          if (table === 'sessions' && idleMs !== undefined && !live) heard.dumped.add(key);
        },
        onNodeUp: () => heard.up++,
        onNodeDown: () => heard.down++,
      },
      ...options,
    });
    await server.listen({ host: block.address(1), port: 9102 });
    closers.push(() => server.stop());
    return { server, heard };
  }

  /** A TCP server in the agent's place. */
  async function startOther(onSocket: (socket: Socket) => void): Promise<{ connections(): number }> {
    const sockets = new Set<Socket>();
    let connections = 0;
    const server: Server = createServer((socket) => {
      connections++;
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      onSocket(socket);
    });
    await new Promise<void>((resolve) => server.listen(9102, block.address(1), resolve));
    closers.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    });
    return { connections: () => connections };
  }

  async function expectKept(): Promise<void> {
    await lab.reload();
    await until('the tables in the new process', async () => (await lab.sessions()).length === keys.length);
    expect(await lab.sessions()).toEqual(keys);
  }

  /** Without a word from a peer, HAProxy takes 5 s to count its tables as whole; before that it passes them on to nobody. */
  async function inSyncByItself(): Promise<void> {
    await until('HAProxy to give up waiting for peers', async () => {
      const uptime = /^Uptime_sec: (\d+)$/m.exec(await lab.haproxy.runtime('show info'))?.[1];
      return Number(uptime) >= 6;
    });
  }

  it('there: tables are safe from the first second, over two reloads, and the agent learns all of them from each process', async () => {
    const { heard } = await startPeers();
    await startHaproxy();
    await until('the first dump', () => heard.up === 1);
    await lab.addSessions(keys);
    await until('live touches', () => heard.live.size === keys.length);
    for (const reload of [1, 2]) {
      heard.dumped.clear();
      await expectKept();
      await until('the new process to tell its tables', () => heard.up === reload + 1);
      expect([...heard.dumped].sort()).toEqual(keys);
      expect(heard.down).toBe(reload);
    }
  });

  it('there, with nothing to be heard from HAProxy yet: a reload at once is as safe', async () => {
    const { server } = await startPeers();
    await startHaproxy();
    await lab.addSessions(keys);
    // Until it has its answer HAProxy is not sure of its tables; a reload just before would keep none.
    await until('the answer to its question', () => server.stats.resyncsAnswered === 1);
    await until('the link', async () => (await lab.linkStatus()) === 'ESTA');
    await expectKept();
  });

  it('away, and comes back: it is told everything', async () => {
    await startHaproxy();
    await lab.addSessions(keys);
    await inSyncByItself();
    await expectKept();
    const { heard } = await startPeers();
    await until('a dump', () => heard.up === 1);
    expect([...heard.dumped].sort()).toEqual(keys);
    await expectKept();
  });

  it('restarted: HAProxy stays in sync, and tells it everything again', async () => {
    const first = await startPeers();
    await startHaproxy();
    await until('the first dump', () => first.heard.up === 1);
    await lab.addSessions(keys);
    await first.server.stop();
    expect(first.heard.down).toBe(1);
    const second = await startPeers();
    await until('a dump', () => second.heard.up === 1);
    expect([...second.heard.dumped].sort()).toEqual(keys);
    await expectKept();
  });

  it('hung from the start: it accepts and says nothing', async () => {
    const other = await startOther(() => undefined);
    await startHaproxy();
    await lab.addSessions(keys);
    await inSyncByItself();
    await expectKept();
    expect(other.connections()).toBeGreaterThan(0);
  });

  it('hung after it was in sync', async () => {
    const { server, heard } = await startPeers({ heartbeatMs: 3_600_000, silenceMs: 3_600_000 });
    await startHaproxy();
    await until('the first dump', () => heard.up === 1);
    await lab.addSessions(keys);
    // Nothing is sent on this link any more, so HAProxy ends it; a reload before and after loses nothing.
    await expectKept();
    await until('HAProxy to have lost patience', () => server.stats.connectionsTotal > 2);
    await expectKept();
  });

  it('slow: every byte takes a second', async () => {
    const slow = createPeersServer({
      log: createLogger('silent'),
      listener: { onTouch: () => undefined, onNodeUp: () => undefined, onNodeDown: () => undefined },
    });
    await slow.listen({ host: block.address(1), port: 9202 });
    closers.push(() => slow.stop());
    const pass = (from: Socket, to: Socket): void => {
      from.on('data', (bytes: Buffer) => void pause(1000).then(() => to.write(bytes)));
      from.on('close', () => to.destroy());
      from.on('error', () => to.destroy());
    };
    await startOther((socket) => {
      const inner = connect(9202, block.address(1));
      pass(socket, inner);
      pass(inner, socket);
    });
    await startHaproxy();
    await lab.addSessions(keys);
    await until('a whole dump', () => slow.stats.dumps.finished > 0);
    await expectKept();
  });

  it('of another name than HAProxy thinks', async () => {
    const { heard } = await startPeers();
    await startHaproxy('somebody-else');
    await until('the first dump', () => heard.up === 1);
    await lab.addSessions(keys);
    await expectKept();
  });

  it.each([
    ['refuses with a number', (socket: Socket) => void socket.write('502\n')],
    ['closes at once', (socket: Socket) => void socket.destroy()],
    ['writes garbage instead of a greeting', (socket: Socket) => void socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('something else, that %s', async (_, behave) => {
    const other = await startOther((socket) => {
      socket.once('data', () => behave(socket));
    });
    await startHaproxy();
    await lab.addSessions(keys);
    await inSyncByItself();
    await expectKept();
    expect(other.connections()).toBeGreaterThan(0);
  });

  it.each([
    ['nothing but heartbeats', Buffer.of(0, 4)],
    ['garbage', Buffer.from('0a82ffffff', 'hex')],
    ['errors', Buffer.of(1, 0)],
  ])(
    'something else, that greets and goes on with %s: this costs the tables, and shows what an answer is worth',
    async (_, bytes) => {
      await startOther((socket) => {
        socket.once('data', () => {
          socket.write('200\n');
          const heart = setInterval(() => socket.write(bytes), 1000);
          socket.once('close', () => clearInterval(heart));
        });
      });
      await startHaproxy();
      await lab.addSessions(keys);
      await inSyncByItself();
      await lab.reload();
      // The old process hands over within milliseconds, or never.
      await pause(1000);
      expect(await lab.sessions()).toEqual([]);
    },
  );

  it('beset by a liar that uses the name of HAProxy', async () => {
    const { server, heard } = await startPeers();
    await startHaproxy();
    await until('the first dump', () => heard.up === 1);
    await lab.addSessions(keys);
    for (const message of ['\n\u0082\u00ff\u00ff', '\u00ff\u00ff', '\n\u0080\u0003abc', '\u0000\u0000'.repeat(1000)]) {
      const liar = connect(9102, block.address(1));
      closers.push(() => Promise.resolve(void liar.destroy()));
      liar.on('error', () => liar.destroy());
      liar.write(`HAProxyS 2.1\nmtxpilot\nhaproxy 4711 1\n${message}`, 'latin1');
      await until('an answer, or an end', () => liar.bytesRead > 0 || liar.destroyed);
      liar.destroy();
    }
    await expectKept();
    await until('HAProxy to be heard again', () => heard.up >= 2 && server.stats.nodesUp === 1);
  });
});
