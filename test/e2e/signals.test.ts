import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createSimFleet, type SimFleet } from '../../src/sim';
import { type Agent, startAgent } from '../support/agent';
import { type LoopbackBlock, takeLoopbackBlock } from '../support/loopback-block';
import { GiveUp, until } from '../support/until';

let block: LoopbackBlock;
let fleet: SimFleet;
let agent: Agent;
const sockets: Socket[] = [];

beforeEach(async () => {
  block = await takeLoopbackBlock();
  const home = block.address(1);
  fleet = await createSimFleet({ firstAddress: block.address(11), servers: 1 });
  agent = await startAgent(
    {
      spoe: `${home}:9100`,
      http: `${home}:9101`,
      haproxySocket: '/nowhere/admin.sock',
      config: { servers: [{ name: 'mtx1', address: `${block.address(11)}:8888` }], directory: { interval: '100ms' } },
    },
    'process',
  );
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await agent.stop();
  await fleet.stop();
  await block.release();
});

it.each(['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const)('%s is told in the log and changes nothing', async (signal) => {
  const { child } = agent;
  child.process.kill(signal);
  await until('the line', () => {
    const wrong = child.lines.find((line) => /Debugger|inspector/i.test(line)) ?? child.process.signalCode;
    if (wrong !== null) throw new GiveUp(wrong);
    return child.lines.some((line) => line.includes(`"signal":"${signal}"`));
  });
  expect((await agent.get('/healthz')).status).toBe(200);
  expect(child.lines.join('\n')).not.toMatch(/Debugger|inspector/i);
});

/** Opens so many connections, sends each of them this, and reads nothing; resolves when all of it is on its way. */
async function send(text: string, connections: number): Promise<readonly Socket[]> {
  const { hostname, port } = new URL(agent.url);
  const opened = Array.from({ length: connections }, () => connect(Number(port), hostname));
  sockets.push(...opened);
  const sent = opened.map((socket) => {
    socket.on('error', () => undefined);
    return new Promise<void>((done) => socket.write(text, () => done()));
  });
  await Promise.all(sent);
  return opened;
}

it('SIGTERM ends the agent in its time while others hold connections, unread lists, feeds and requests without end', async () => {
  for (let i = 0; i < 1000; i++) fleet.server('mtx1').publish(`live/${i}`);
  await until('the streams', async () => (await agent.metric('mtxpilot_streams')) === 1000);
  const { hostname } = new URL(agent.url);
  const ask = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\n${more}\r\n`;
  const list = ask('/v1/streams?limit=1000');
  const feed = ask('/v1/events', 'Accept: text/event-stream\r\n');
  for (const text of ['', list.slice(0, -2), list.repeat(8), feed]) await send(text, 20);
  await until('the connections', async () => (await agent.metric('mtxpilot_http_connections_total')) > 80);
  const flood = await send(list.repeat(500), 20);
  // The first of it is being answered.
  await Promise.race(flood.map((socket) => once(socket, 'readable')));
  agent.child.process.kill('SIGTERM');
  const startedMs = performance.now();
  expect(await agent.child.exited).toBe(0);
  // The agent's own limit, after which it would end with 1. Nearly all of it is timers: seven seconds, however busy the machine is.
  expect(performance.now() - startedMs).toBeLessThan(20_000);
});

it('SIGTERM ends the agent at its limit, with 1, when a part of it never ends', async () => {
  const home = block.address(2);
  const hanging = await startAgent(
    {
      spoe: `${home}:9100`,
      http: `${home}:9101`,
      haproxySocket: '/nowhere/admin.sock',
      config: { servers: [{ name: 'mtx1', address: `${block.address(11)}:8888` }] },
      env: { NODE_OPTIONS: `--import=${pathToFileURL(resolve('test/support/never-closing.mjs')).href}` },
    },
    'process',
  );
  hanging.child.process.kill('SIGTERM');
  expect(await hanging.child.exited).toBe(1);
  const messages = hanging.child.lines.map((line) => (JSON.parse(line) as { msg: string }).msg);
  expect(messages.slice(-2)).toEqual(['stopping', 'stopping took too long: ending at once']);
  await hanging.stop();
});
