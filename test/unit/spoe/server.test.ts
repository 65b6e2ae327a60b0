import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Decision } from '../../../src/router/decision';
import { createSpoeServer, type SpoeServer, type SpoeServerOptions } from '../../../src/spoe';
import {
  ack,
  agentDisconnectNormal,
  agentHello,
  frame,
  haproxyDisconnectNormal,
  haproxyHello,
  locatedOnMtx1,
  notify,
  unknownAnswer,
  whereLiveA,
} from './golden';
import { recordedFrame } from './recorded-frames';
import { createRecordingLog } from './recording-log';

const onMtx1: Decision = { state: 'located', server: 'mtx1' };
const question = notify('01 01', whereLiveA);
const answer = ack('01 01', locatedOnMtx1);

const servers = new Set<SpoeServer>();
afterEach(async () => {
  await Promise.all([...servers].map((server) => server.stop()));
  servers.clear();
});

function create(options: Partial<SpoeServerOptions> = {}) {
  const { log, lines } = createRecordingLog();
  const server = createSpoeServer({ decide: () => onMtx1, log, quietMs: 0, ...options });
  servers.add(server);
  return { server, lines };
}

async function start(options: Partial<SpoeServerOptions> = {}) {
  const { server, lines } = create(options);
  await server.listen({ host: '127.0.0.1', port: 0 });
  return { server, lines, port: (server.address() as AddressInfo).port };
}

/** HAProxy's end of a connection. */
async function dial(to: number | string) {
  const socket = typeof to === 'string' ? connect(to) : connect(to, '127.0.0.1');
  let received = Buffer.alloc(0);
  let onBytes = () => {};
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes: Buffer) => {
    received = Buffer.concat([received, bytes]);
    onBytes();
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await once(socket, 'connect');
  return {
    socket,
    closed,
    received: () => received,
    /** Resolves when that many bytes are there. */
    receive: (length: number) =>
      new Promise<Buffer>((resolve) => {
        onBytes = () => {
          if (received.length >= length) resolve(received);
        };
        onBytes();
      }),
  };
}

/** Resolves when the condition holds; it is looked at once a turn of the event loop. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe('the SPOE server', () => {
  it('answers over TCP', async () => {
    const { server, port } = await start();
    const haproxy = await dial(port);
    haproxy.socket.write(Buffer.concat([haproxyHello, question]));
    expect(await haproxy.receive(agentHello.length + answer.length)).toEqual(Buffer.concat([agentHello, answer]));
    haproxy.socket.write(haproxyDisconnectNormal);
    await haproxy.closed;
    expect(haproxy.received()).toEqual(Buffer.concat([agentHello, answer, agentDisconnectNormal]));
    await until(() => server.stats.connectionsOpen === 0);
    expect(server.stats.connectionsTotal).toBe(1);
  });

  it('closes after a health check', async () => {
    const { server, port } = await start();
    const haproxy = await dial(port);
    haproxy.socket.write(recordedFrame('3.2', 'healthcheck'));
    await haproxy.closed;
    expect(haproxy.received()[4]).toBe(101);
    await until(() => server.stats.connectionsOpen === 0);
  });

  it('says where it cannot listen', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const { server } = create();
    await expect(server.listen({ host: '127.0.0.1', port })).rejects.toThrow(
      `SPOE: cannot listen on 127.0.0.1:${port}: listen EADDRINUSE`,
    );
    taken.close();
    await once(taken, 'close');
    await server.listen({ host: '127.0.0.1', port });
    expect(server.address()).toMatchObject({ port });
  });

  it('refuses more connections than allowed while all of them ask, and accepts again when one has gone', async () => {
    const { server, port } = await start({ maxConnections: 1 });
    const first = await dial(port);
    first.socket.write(Buffer.concat([haproxyHello, question]));
    await first.receive(agentHello.length + answer.length);
    const second = await dial(port);
    await second.closed;
    await until(() => server.stats.connectionsRefused === 1);
    first.socket.destroy();
    await until(() => server.stats.connectionsOpen === 0);
    const third = await dial(port);
    third.socket.write(haproxyHello);
    await third.receive(agentHello.length);
    expect(server.stats).toMatchObject({ connectionsOpen: 1, connectionsTotal: 2, connectionsRefused: 1 });
    third.socket.destroy();
  });

  it('writes a bounded number of lines about bad connections and failed decisions, however many there are', async () => {
    const decide = (): Decision => {
      throw new Error('a bug');
    };
    const { lines, port } = await start({ decide, nowMs: () => 0 });
    const told = (what: string) => lines.filter((line) => line.startsWith(what)).length;
    for (let i = 0; i < 30; i++) {
      const stranger = await dial(port);
      stranger.socket.write('GET / HTTP/1.1\r\n\r\n');
      await stranger.closed;
    }
    expect(told('warn SPOE: closing a connection')).toBe(10);
    const haproxy = await dial(port);
    haproxy.socket.write(Buffer.concat([haproxyHello, ...Array<Buffer>(30).fill(question)]));
    await haproxy.receive(agentHello.length + 30 * ack('01 01', unknownAnswer).length);
    expect(told('error SPOE: a decision failed')).toBe(10);
    haproxy.socket.destroy();
  });

  it.each<[string, Buffer]>([
    ['say nothing', Buffer.alloc(0)],
    ['have said HELLO', haproxyHello],
    ['send frames that nobody knows', Buffer.concat([haproxyHello, frame('aa', '01 01', '')])],
    ['ask what cannot be answered', Buffer.concat([haproxyHello, notify('01 01', '')])],
  ])('closes the longest silent of those that %s for a new one when all places are taken', async (_what, bytes) => {
    const { server, port } = await start({ maxConnections: 3 });
    const haproxy = await dial(port);
    haproxy.socket.write(Buffer.concat([haproxyHello, question]));
    await haproxy.receive(agentHello.length + answer.length);
    const strangers = [];
    for (let i = 0; i < 20; i++) {
      const stranger = await dial(port);
      stranger.socket.write(bytes);
      strangers.push(stranger);
      await until(() => server.stats.connectionsTotal === i + 2);
    }
    const late = await dial(port);
    late.socket.write(Buffer.concat([haproxyHello, question]));
    await late.receive(agentHello.length + answer.length);
    // The first stranger came first, and was the first to go; who had asked is still there.
    await Promise.all(strangers.slice(0, 19).map(({ closed }) => closed));
    haproxy.socket.write(question);
    await haproxy.receive(agentHello.length + 2 * answer.length);
    expect(server.stats).toMatchObject({ connectionsRefused: 0, connectionsDisplaced: 19, connectionsOpen: 3 });
    for (const { socket } of [haproxy, late, ...strangers]) socket.destroy();
  });

  it('closes one that has asked nothing for long, and none that waits for an answer', async () => {
    const clock = { ms: 0 };
    const waits: ((decision: Decision) => void)[] = [];
    const { server, port } = await start({
      maxConnections: 2,
      idleMs: 10_000,
      nowMs: () => clock.ms,
      decide: (stream) =>
        stream === 'live/a' && waits.length === 0 ? new Promise((done) => waits.push(done)) : onMtx1,
    });
    const waiting = await dial(port);
    waiting.socket.write(Buffer.concat([haproxyHello, question]));
    await until(() => waits.length === 1);
    const idle = await dial(port);
    idle.socket.write(Buffer.concat([haproxyHello, question]));
    await idle.receive(agentHello.length + answer.length);
    clock.ms = 9_999;
    const early = await dial(port);
    await early.closed;
    clock.ms = 10_001;
    const late = await dial(port);
    late.socket.write(Buffer.concat([haproxyHello, question]));
    await late.receive(agentHello.length + answer.length);
    await idle.closed;
    waits[0]?.(onMtx1);
    await waiting.receive(agentHello.length + answer.length);
    expect(server.stats).toMatchObject({ connectionsRefused: 1, connectionsDisplaced: 1 });
    for (const { socket } of [waiting, late]) socket.destroy();
  });
});

describe('on a unix socket', () => {
  const folder = mkdtempSync(join(tmpdir(), 'spoe-server-'));
  const path = join(folder, 'spoe.sock');
  afterAll(() => rmSync(folder, { recursive: true }));

  it('answers, and takes the file away when it stops', async () => {
    const { server } = create();
    await server.listen({ path });
    expect(server.address()).toBe(path);
    // HAProxy, another user, may write to it.
    expect(statSync(path).mode & 0o666).toBe(0o666);
    const haproxy = await dial(path);
    haproxy.socket.write(Buffer.concat([haproxyHello, question]));
    await haproxy.receive(agentHello.length + answer.length);
    haproxy.socket.destroy();
    await server.stop();
    expect(existsSync(path)).toBe(false);
  });

  it('replaces the file that a killed process left behind', async () => {
    const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    expect(spawnSync(process.execPath, ['-e', script]).signal).toBe('SIGKILL');
    expect(existsSync(path)).toBe(true);
    const { server } = create();
    await server.listen({ path });
    (await dial(path)).socket.destroy();
  });

  it('leaves the socket of a living process alone', async () => {
    const { server } = create();
    await server.listen({ path });
    await expect(create().server.listen({ path })).rejects.toThrow(`SPOE: cannot listen on ${path}: listen EADDRINUSE`);
    (await dial(path)).socket.destroy();
  });
});

describe('stop', () => {
  it('waits for lookups, answers them, disconnects and closes', async () => {
    let resolve: (decision: Decision) => void = () => {};
    const lookup = new Promise<Decision>((done) => {
      resolve = done;
    });
    const { server, port } = await start({ decide: () => lookup, drainTimeoutMs: 60_000 });
    const haproxy = await dial(port);
    haproxy.socket.write(Buffer.concat([haproxyHello, question]));
    await until(() => server.stats.waiting === 1);
    const stopped = server.stop();
    expect(server.stop()).toBe(stopped);
    resolve(onMtx1);
    await stopped;
    await haproxy.closed;
    expect(haproxy.received()).toEqual(Buffer.concat([agentHello, answer, agentDisconnectNormal]));
    expect(server.stats).toMatchObject({ connectionsOpen: 0, waiting: 0 });
    await expect(dial(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('does not wait for lookups for ever', async () => {
    const { server, port } = await start({ decide: () => new Promise(() => {}), drainTimeoutMs: 1 });
    const haproxy = await dial(port);
    haproxy.socket.write(Buffer.concat([haproxyHello, question]));
    await until(() => server.stats.waiting === 1);
    await server.stop();
    await haproxy.closed;
    const expected = [agentHello, ack('01 01', unknownAnswer), agentDisconnectNormal];
    expect(haproxy.received()).toEqual(Buffer.concat(expected));
  });

  it('fails health checks but goes on answering while HAProxy still asks', async () => {
    const { server, port } = await start({ quietMs: 60_000, drainTimeoutMs: 60_000 });
    const haproxy = await dial(port);
    haproxy.socket.write(haproxyHello);
    await haproxy.receive(agentHello.length);
    const stopped = server.stop();
    const check = await dial(port);
    check.socket.write(recordedFrame('2.6', 'healthcheck'));
    await check.closed;
    expect(check.received()).toEqual(agentDisconnectNormal);
    const another = await dial(port);
    another.socket.write(Buffer.concat([haproxyHello, question]));
    expect(await another.receive(agentHello.length + answer.length)).toEqual(Buffer.concat([agentHello, answer]));
    haproxy.socket.destroy();
    another.socket.destroy();
    await stopped;
  });

  it('waits until two checks have failed where HAProxy checks, however silent it is', async () => {
    const { server, port } = await start({ drainTimeoutMs: 60_000 });
    const check = async (): Promise<Buffer> => {
      const haproxy = await dial(port);
      haproxy.socket.write(recordedFrame('2.6', 'healthcheck'));
      await haproxy.closed;
      return haproxy.received();
    };
    expect((await check())[4]).toBe(101);
    const haproxy = await dial(port);
    const ask = async (times: number): Promise<void> => {
      haproxy.socket.write(question);
      await haproxy.receive(agentHello.length + times * answer.length);
    };
    haproxy.socket.write(haproxyHello);
    await ask(1);
    const stopped = server.stop();
    expect(await check()).toEqual(agentDisconnectNormal);
    // It has failed once: HAProxy still takes the agent for alive.
    await ask(2);
    expect(await check()).toEqual(agentDisconnectNormal);
    await stopped;
    await haproxy.closed;
    expect(haproxy.received()).toEqual(Buffer.concat([agentHello, answer, answer, agentDisconnectNormal]));
  });

  it('does not wait for checks when nobody asked lately', async () => {
    let now = 0;
    const { server, port } = await start({ nowMs: () => now });
    const check = await dial(port);
    check.socket.write(recordedFrame('2.6', 'healthcheck'));
    await check.closed;
    const haproxy = await dial(port);
    haproxy.socket.write(Buffer.concat([haproxyHello, question]));
    await haproxy.receive(agentHello.length + answer.length);
    now += 2001;
    await server.stop();
    await haproxy.closed;
  });

  it('says goodbye on one connection after the other, and answers on the others meanwhile', async () => {
    const { server, port } = await start({ drainTimeoutMs: 1 });
    const clients = await Promise.all(Array.from({ length: 20 }, () => dial(port)));
    for (const { socket } of clients) socket.write(haproxyHello);
    await Promise.all(clients.map(({ receive }) => receive(agentHello.length)));
    const stopped = server.stop();
    const first = await Promise.race(clients.map((client) => client.closed.then(() => client)));
    // What crossed that goodbye comes again on another connection.
    const others = clients.filter((client) => client !== first);
    for (const { socket } of others) socket.write(question);
    await stopped;
    await Promise.all(clients.map(({ closed }) => closed));
    expect(others.map(({ received }) => received().length)).toContain(
      agentHello.length + answer.length + agentDisconnectNormal.length,
    );
  });

  it('answers all that it received, under load', async () => {
    const { server, port } = await start({ drainTimeoutMs: 30 });
    const clients = await Promise.all(Array.from({ length: 8 }, () => dial(port)));
    for (const { socket } of clients) socket.write(haproxyHello);
    await Promise.all(clients.map(({ receive }) => receive(agentHello.length)));
    const load = clients.map(async ({ socket }) => {
      while (!socket.destroyed && !socket.writableEnded) {
        socket.write(Buffer.concat(Array.from({ length: 20 }, () => question)));
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    await until(() => server.stats.framesOut.ack > 1000);
    await server.stop();
    await Promise.all(clients.map(({ closed }) => closed));
    await Promise.all(load);
    let acks = 0;
    for (const { received } of clients) {
      const body = received().subarray(agentHello.length);
      const answers = (body.length - agentDisconnectNormal.length) / answer.length;
      const expected = [...Array.from({ length: answers }, () => answer), agentDisconnectNormal];
      expect(body.equals(Buffer.concat(expected))).toBe(true);
      acks += answers;
    }
    expect(acks).toBe(server.stats.framesIn.notify);
    expect(server.stats).toMatchObject({ connectionsOpen: 0, framesOut: { ack: acks, agentDisconnect: 8 } });
  });

  it('ends connections that never said HELLO', async () => {
    const { server, port } = await start();
    const silent = await dial(port);
    await until(() => server.stats.connectionsOpen === 1);
    await server.stop();
    await silent.closed;
    expect(silent.received()).toEqual(agentDisconnectNormal);
  });

  it('is done at once when nothing was started', async () => {
    await create().server.stop();
  });
});

describe('1,000 connections that come and go', () => {
  type Client = Awaited<ReturnType<typeof dial>>;
  const endings: Record<string, (client: Client) => Promise<unknown> | undefined> = {
    clean: async ({ socket, closed, receive }) => {
      socket.write(Buffer.concat([haproxyHello, question]));
      await receive(agentHello.length);
      socket.write(haproxyDisconnectNormal);
      await closed;
    },
    healthcheck: ({ socket, closed }) => {
      socket.write(recordedFrame('2.6', 'healthcheck'));
      return closed;
    },
    'without a word': ({ socket, closed }) => {
      socket.destroy();
      return closed;
    },
    'reset in the middle of a frame': async ({ socket, closed, receive }) => {
      socket.write(Buffer.concat([haproxyHello, question.subarray(0, 20)]));
      await receive(agentHello.length);
      socket.resetAndDestroy();
      await closed;
    },
    'reset while a lookup waits': async ({ socket, closed, receive }) => {
      socket.write(Buffer.concat([haproxyHello, notify('02 01', whereLiveA)]));
      await receive(agentHello.length);
      socket.resetAndDestroy();
      await closed;
    },
    'closed while a lookup waits': async ({ socket, closed, receive }) => {
      socket.write(Buffer.concat([haproxyHello, notify('02 01', whereLiveA)]));
      await receive(agentHello.length);
      socket.end();
      await closed;
    },
    'bad frame': ({ socket, closed }) => {
      socket.write('GET / HTTP/1.1\r\n\r\n');
      return closed;
    },
  };

  it('leave no socket, timer, listener or waiting lookup behind', async () => {
    const pending: ((decision: Decision) => void)[] = [];
    let asked = 0;
    const { server, port } = await start({
      decide: () => (++asked % 2 === 0 ? onMtx1 : new Promise((resolve) => pending.push(resolve))),
    });
    const kinds = Object.values(endings);
    const open = (kind: string) => process.getActiveResourcesInfo().filter((name) => name === kind).length;
    const [sockets, listeners, timers] = [open('TCPSocketWrap'), open('TCPServerWrap'), open('Timeout')];
    const accepted: Socket[] = [];
    for (let first = 0; first < 1000; first += 20) {
      await Promise.all(
        Array.from({ length: 20 }, async (_, index) => {
          const client = await dial(port);
          accepted.push(client.socket);
          await kinds[(first + index) % kinds.length]?.(client);
        }),
      );
    }
    await until(() => server.stats.connectionsOpen === 0);
    expect(server.stats).toMatchObject({ connectionsTotal: 1000, connectionsRefused: 0, waiting: 0, socketErrors: 0 });
    expect(accepted.every((socket) => socket.destroyed)).toBe(true);
    await until(() => open('TCPSocketWrap') === sockets && open('Timeout') <= timers);
    const acks = server.stats.framesOut.ack;
    for (const resolve of pending) resolve(onMtx1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(server.stats).toMatchObject({ waiting: 0, framesOut: { ack: acks } });
    await server.stop();
    await until(() => open('TCPServerWrap') === listeners - 1);
  });
});
