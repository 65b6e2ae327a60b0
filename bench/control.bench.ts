/**
 * npm run bench control: what a routed master costs, how long it takes to push routes, what the agent costs while nothing happens, and how
 * soon the map is right after a publisher has moved. `-- --part=routed` (or fill, connections, idle, moves) runs one part.
 * HAProxy has one core to itself; wrk, the agent, the origin and the stand-ins share the others.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createRoutePush } from '../src/control/push';
import type { ServerView } from '../src/directory';
import { createLogger } from '../src/log';
import { createRuntimeClient, getMap, type RuntimeClient } from '../src/runtime';
import { createSimFleet, type SimFleet } from '../src/sim';
import { decisionCount, routesPushed, startAgent as startAnyAgent } from './agent';
import { recordCommands, sendRecorded } from './bare-socket';
import { createBench } from './bench';
import { connectionsAt, mapEntries, replaced, startShippedHaproxy, untilMapHas, writeStaticMap } from './haproxy';
import { startOrigin } from './origin';
import { otherCores, type Process, wrk } from './processes';
import { median } from './rows';

const { folder, rounds, secondsEach, add, wait, run } = createBench('control', { rounds: 5, secondsEach: 4 });
const block = '127.78.0';
const home = `${block}.1`;
const viewersAddress = `${home}:8080`;
const adminSocket = join(folder, 'admin.sock');
const streamCount = 300;

type Decider = 'static-map' | 'routed';

/** req/s and HAProxy's processor time of masters by a map that nobody keeps, and by the agent's one, in turn. */
async function benchRouted(): Promise<void> {
  const fleet = await createSimFleet({ firstAddress: `${block}.11`, hlsPort: 18888, requestLogLimit: 0 });
  for (let i = 0; i < streamCount; i++) fleet.servers[i % 3]?.publish(`live/${i}`);
  const origin = await startOrigin(
    folder,
    [11, 12, 13].map((n) => `${block}.${n}`),
  );
  const script = join(folder, 'masters.lua');
  writeFileSync(
    script,
    `local n = 0
function request()
  n = n + 1
  return "GET /live/" .. (n % ${streamCount}) .. "/index.m3u8 HTTP/1.1\\r\\nHost: bench\\r\\n\\r\\n"
end`,
  );
  const rates: Record<Decider, number[]> = { 'static-map': [], routed: [] };
  const costs: Record<Decider, number[]> = { 'static-map': [], routed: [] };
  for (let round = 0; round < rounds; round++) {
    // Who goes second finds the machine warmer: by turns.
    const order: Decider[] = round % 2 === 0 ? ['static-map', 'routed'] : ['routed', 'static-map'];
    for (const decider of order) {
      const haproxy = await startHaproxy(decider, 3);
      const agent = await startAgent({ push: decider === 'routed' });
      if (decider === 'routed') await untilMapHas(adminSocket, streamCount);
      await wrk(`http://${viewersAddress}`, script, 1);
      const before = haproxy.cpuSeconds();
      const load = await wrk(`http://${viewersAddress}`, script, secondsEach);
      rates[decider].push(load.requestsPerSecond);
      costs[decider].push(((haproxy.cpuSeconds() - before) / load.requests) * 1e6);
      const decisions = await decisionCount(`${home}:9101`);
      if (decisions > 0) throw new Error(`${decider}: the agent was asked ${decisions} times`);
      await agent.stop();
      await haproxy.stop();
    }
  }
  for (const decider of ['static-map', 'routed'] as const) {
    add(decider, 'req/s', median(rates[decider]));
    add(decider, 'haproxy-us/req', median(costs[decider]));
  }
  const ratios = rates.routed.map((rate, i) => rate / (rates['static-map'][i] ?? 0));
  add('routed', 'ratio of req/s', median(ratios), { goal: '>=0.95', yardstick: 'static-map' });
  await origin.stop();
  await fleet.stop();
}

/**
 * 100,000 routes into an empty map, then as many into a full one, and what others notice of it. The yardstick is a socket that knows what it will be
 * asked: the bytes of the first filling, written again as fast as HAProxy takes them.
 */
async function benchFill(): Promise<void> {
  const haproxy = await startHaproxy('routed', 3);
  const client = createRuntimeClient({ address: { path: adminSocket } });
  const routes = new Map(
    Array.from({ length: 100_000 }, (_, i) => [`live/studio-${i % 100}/${i}`, `mtx${(i % 3) + 1}`]),
  );
  const fill = async (through: RuntimeClient, onTurn?: (isOver: boolean) => void): Promise<void> => {
    const push = createRoutePush({
      node: 'bench',
      client: through,
      directory: {
        route: (stream) => routes.get(stream),
        routes: () => routes.entries(),
        entry: () => undefined,
        onRouteChange: () => () => undefined,
        servers: (): ServerView[] => [],
      },
      map: 'routes.map',
      log: createLogger('error'),
    });
    onTurn?.(false);
    push.start();
    await until(() => push.view().state === 'right' && push.view().entries === routes.size);
    onTurn?.(true);
    await push.stop();
    if ((await mapEntries(client)) !== routes.size) throw new Error('not every route is in the map');
  };
  const empty = () => client.execute(['clear', 'map', 'routes.map']);

  const relay = join(folder, 'relay.sock');
  const recording = await recordCommands(relay, adminSocket);
  await empty();
  await fill(createRuntimeClient({ address: { path: relay } }));
  const commands = await recording.stop();

  const idle = await probing(() => pause(1000));
  const times = { fill: [] as number[], replace: [] as number[], bare: [] as number[] };
  const longest: number[] = [];
  const measureFill = async (kind: 'fill' | 'replace'): Promise<void> => {
    longest.push(
      await probing(async () => {
        let started = 0;
        await fill(client, (isOver) => {
          if (isOver) times[kind].push(performance.now() - started);
          else started = performance.now();
        });
      }),
    );
  };
  const measureBare = async (): Promise<void> => {
    await empty();
    longest.push(
      await probing(async () => {
        const started = performance.now();
        await sendRecorded(adminSocket, commands);
        times.bare.push(performance.now() - started);
      }),
    );
    if ((await mapEntries(client)) !== routes.size) throw new Error('the bare socket did not fill the map');
  };
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) await measureBare();
    await empty();
    await measureFill('fill');
    if (round % 2 === 1) await measureBare();
    // Another server for each: a map that is right is left alone.
    for (const [stream, server] of routes) routes.set(stream, server === 'mtx3' ? 'mtx1' : 'mtx3');
    await measureFill('replace');
  }
  add('100,000 routes into an empty map', 'ms', median(times.fill));
  add('the same bytes by a bare socket', 'ms', median(times.bare));
  add('100,000 routes into an empty map', 'ratio of ms', median(times.fill.map((ms, i) => ms / (times.bare[i] ?? 0))), {
    goal: '<=1.3',
    yardstick: 'the same bytes by a bare socket',
  });
  add('100,000 routes instead of others', 'ms', median(times.replace));
  add('HAProxy meanwhile', 'longest-answer-ms', Math.max(...longest));
  add('HAProxy otherwise', 'longest-answer-ms', idle);
  await haproxy.stop();
}

/**
 * How many connections the agent has at HAProxy's Runtime socket at a time, at most: while it starts, fills the map, lists tables, and goes on. HAProxy takes
 * 10 at a time (`stats maxconn`), and operators want some for themselves.
 */
async function benchConnections(): Promise<void> {
  const haproxyLimit = 10;
  const servers = 30;
  const fleet = await createSimFleet({ servers, firstAddress: `${block}.11`, requestLogLimit: 0 });
  fleet.servers.forEach((server, i) => {
    for (let n = 0; n < 1000; n++) server.publish(`live/${i}/${n}`);
  });
  const haproxy = await startHaproxy('routed', servers);
  let most = 0;
  let looks = 0;
  let open = 0;
  const watching = setInterval(() => {
    const connections = connectionsAt(adminSocket);
    most = Math.max(most, connections);
    open += connections;
    looks++;
  }, 1);
  const agent = await startAgent({ push: true });
  // Another connection at the socket would be counted as well: the agent says itself when the map is right.
  await until(async () => (await routesPushed(`${home}:9101`)) === servers * 1000);
  await wait(20);
  clearInterval(watching);
  if (most === 0) throw new Error('nobody was seen at the Runtime socket');
  add('connections at the Runtime socket', 'at most', most);
  add('connections at the Runtime socket', 'mean', open / looks);
  add('connections at the Runtime socket', 'ratio', most / haproxyLimit, {
    goal: '<=0.5',
    yardstick: "HAProxy's limit (stats maxconn): 10",
  });
  await agent.stop();
  await haproxy.stop();
  await fleet.stop();
}

/** Processor time of the agent (and of HAProxy's checks) when 100,000 streams live and nobody comes. */
async function benchIdle(): Promise<void> {
  const servers = 100;
  const fleet = await createSimFleet({ servers, firstAddress: `${block}.11`, requestLogLimit: 0 });
  fleet.servers.forEach((server, i) => {
    for (let n = 0; n < 1000; n++) server.publish(`live/${i}/${n}`);
  });
  const haproxy = await startHaproxy('routed', servers);
  const agent = await startAgent({ push: true });
  await untilMapHas(adminSocket, servers * 1000);
  // The first lists and the filling are over; garbage of them goes in the next seconds.
  await wait(20);
  const [before, haproxyBefore] = [agent.cpuSeconds(), haproxy.cpuSeconds()];
  const seconds = await wait(20);
  const name = 'idle, 100 servers with 1,000 streams';
  add(name, 'agent-%-of-a-core', ((agent.cpuSeconds() - before) / seconds) * 100);
  add(name, 'haproxy-%-of-a-core', ((haproxy.cpuSeconds() - haproxyBefore) / seconds) * 100);
  add(name, 'agent-rss-MB', agent.rssMb());
  await agent.stop();
  await haproxy.stop();
  await fleet.stop();
}

/** From a publisher's move to the right entry in HAProxy's map; lists come at their interval, hooks at once. */
async function benchMoves(): Promise<void> {
  // 75 a second of the usual load.
  const moves = Math.ceil(Math.min(300, 75 * secondsEach));
  const intervalMs = 1000;
  const medians = { inventory: 0, hook: 0 };
  for (const evidence of ['inventory', 'hook'] as const) {
    const fleet = await createSimFleet({ firstAddress: `${block}.11`, requestLogLimit: 0 });
    for (let i = 0; i < moves; i++) fleet.server('mtx1').publish(`live/${i}`);
    const haproxy = await startHaproxy('routed', 3);
    const agent = await startAgent({
      push: true,
      lookupsPerSecond: 10_000,
      ...(evidence === 'hook' ? { interval: '1h' } : {}),
    });
    await untilMapHas(adminSocket, moves);
    const client = createRuntimeClient({ address: { path: adminSocket }, maxWaiting: 10_000 });
    const waiting: Promise<number>[] = [];
    for (let i = 0; i < moves; i++) {
      waiting.push(timeOfMove(fleet, client, `live/${i}`, evidence));
      // No multiple of a list's second.
      await pause(37);
    }
    const times = (await Promise.all(waiting)).sort((a, b) => a - b);
    const name = `publisher moves, told by ${evidence}`;
    const p99 = times[Math.ceil(times.length * 0.99) - 1] ?? 0;
    medians[evidence] = median(times);
    add(name, 'median-ms', median(times));
    add(name, 'p99-ms', p99);
    if (evidence === 'inventory') {
      add(name, 'p99 per interval', p99 / intervalMs, { goal: '<=1', yardstick: 'the interval of lists: 1 s' });
    } else {
      add(name, 'ratio of median-ms', medians.hook / medians.inventory, {
        goal: '<=0.1',
        yardstick: 'publisher moves, told by inventory',
      });
    }
    await agent.stop();
    await haproxy.stop();
    await fleet.stop();
  }
}

async function timeOfMove(
  fleet: SimFleet,
  client: RuntimeClient,
  stream: string,
  evidence: 'inventory' | 'hook',
): Promise<number> {
  const started = performance.now();
  fleet.move(stream, 'mtx2');
  if (evidence === 'hook') {
    const response = await fetch(`http://${home}:9101/v1/hooks/mediamtx`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ stream, server: 'mtx2', event: 'ready' }),
    });
    if (!response.ok) throw new Error(`the hook was answered ${response.status}`);
  }
  await until(async () => {
    const route = await getMap(client, 'routes.map', stream);
    return route.ok && route.value === 'mtx2';
  });
  return performance.now() - started;
}

/** The longest of the answers (ms) that a probe got while `work` went on. */
async function probing(work: () => Promise<unknown>): Promise<number> {
  const probe = spawn(
    'taskset',
    ['-c', otherCores, 'nice', '-n', '-10', process.execPath, 'bench/probe.mjs', viewersAddress],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  await pause(300);
  await work();
  probe.stdin.end();
  let text = '';
  for await (const chunk of probe.stdout) text += String(chunk);
  // Its own first requests are those of a program that is being compiled.
  return Math.max(...(JSON.parse(text) as number[]).slice(20));
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(2);
}

/** The shipped haproxy.cfg on one thread; for a static map, without anything about the agent. */
function startHaproxy(decider: Decider, servers: number): Promise<Process> {
  const question = / {4}http-request set-var\(txn\.mtx\.server\) .*map_str[\s\S]*?\.endif\n/;
  return startShippedHaproxy({
    folder,
    name: decider,
    bind: viewersAddress,
    edit: (shipped) =>
      decider === 'routed' ? shipped : replaced(shipped, question, writeStaticMap(folder, streamCount)),
    servers: Array.from({ length: servers }, (_, i) => `${block}.${i + 11}:8888`),
    environment: {
      MTX_AGENT: `${home}:9100`,
      MTX_AGENT_HTTP: `${home}:9101`,
      MTX_ADMIN_SOCKET: adminSocket,
      MTX_PEER: `${home}:10000`,
      MTX_AGENT_PEER: `${home}:9102`,
    },
  });
}

async function startAgent(options: { push: boolean; interval?: string; lookupsPerSecond?: number }): Promise<Process> {
  const agent = await startAnyAgent({
    folder,
    http: `${home}:9101`,
    settings: {
      spoe: { listen: `${home}:9100` },
      peers: { listen: `${home}:9102` },
      haproxy: { socket: adminSocket, map: options.push ? 'routes.map' : 'off' },
      directory: { interval: options.interval ?? '1s' },
      lookup: { budget: options.lookupsPerSecond ?? 100 },
    },
  });
  // Until the agent's health check has passed, HAProxy does not look at the map.
  await pause(1500);
  return agent;
}

run({
  routed: benchRouted,
  fill: benchFill,
  connections: benchConnections,
  idle: benchIdle,
  moves: benchMoves,
});
