/**
 * npm run bench control: what a routed master costs, how long it takes to push routes, what the agent costs while nothing happens, and how
 * soon the map is right after a publisher has moved. `-- --part=routed` (or fill, idle, moves) runs one part.
 * HAProxy has one core to itself; wrk, the agent, the origin and the stand-ins share the others.
 */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { stringify } from 'yaml';
import { createRoutePush } from '../src/control/push';
import type { ServerView } from '../src/directory';
import { createLogger } from '../src/log';
import { createRuntimeClient, getMap, type RuntimeClient } from '../src/runtime';
import { createSimFleet, type SimFleet } from '../src/sim';
import { decisionCount } from './decision-count';
import { mapEntries, untilMapHas } from './map-entries';
import { startOrigin } from './origin';
import {
  haproxyBin,
  haproxyCore,
  haproxyVersion,
  listening,
  machine,
  otherCores,
  type Process,
  start,
  wrk,
} from './processes';
import { createRows, median, print } from './rows';
import { withServers } from './with-servers';

const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-bench-'));
const block = '127.78.0';
const home = `${block}.1`;
const viewersAddress = `${home}:8080`;
const adminSocket = join(folder, 'admin.sock');
const streamCount = 300;
const rounds = 5;
const secondsEach = 4;
const { rows, add } = createRows('control', haproxyVersion);

async function main(): Promise<void> {
  try {
    const parts = { routed: benchRouted, fill: benchFill, idle: benchIdle, moves: benchMoves };
    const chosen = process.argv.flatMap((arg) => /^--part=(.*)$/.exec(arg)?.[1] ?? []);
    for (const [name, run] of Object.entries(parts)) if (chosen.length === 0 || chosen.includes(name)) await run();
    print(rows, `${machine()}; HAProxy alone on one core; medians of ${rounds} runs`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

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
  add('routed', 'ratio-to-static-map', median(rates.routed) / median(rates['static-map']), '>=0.95');
  await origin.stop();
  await fleet.stop();
}

/** 100,000 routes into an empty map, then as many into a full one, and what others notice of it. */
async function benchFill(): Promise<void> {
  const haproxy = await startHaproxy('routed', 3);
  const client = createRuntimeClient({ address: { path: adminSocket } });
  const routes = new Map(
    Array.from({ length: 100_000 }, (_, i) => [`live/studio-${i % 100}/${i}`, `mtx${(i % 3) + 1}`]),
  );
  const idle = await probing(() => pause(1000));
  const times: Record<'fill' | 'replace', number[]> = { fill: [], replace: [] };
  const longest: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const kind of ['fill', 'replace'] as const) {
      if (kind === 'fill') await client.execute(['clear', 'map', 'routes.map']);
      // Another server for each: a map that is right is left alone.
      else for (const [stream, server] of routes) routes.set(stream, server === 'mtx3' ? 'mtx1' : 'mtx3');
      const push = createRoutePush({
        node: 'bench',
        client,
        directory: {
          route: (stream) => routes.get(stream),
          routes: () => routes.entries(),
          onRouteChange: () => () => undefined,
          servers: (): ServerView[] => [],
        },
        map: 'routes.map',
        log: createLogger('error'),
      });
      longest.push(
        await probing(async () => {
          const started = performance.now();
          push.start();
          await until(() => push.view().state === 'right' && push.view().entries === routes.size);
          times[kind].push(performance.now() - started);
        }),
      );
      await push.stop();
      if ((await mapEntries(client)) !== routes.size) throw new Error('not every route is in the map');
    }
  }
  add('100,000 routes into an empty map', 'ms', median(times.fill), '<=500');
  add('100,000 routes instead of others', 'ms', median(times.replace));
  add('HAProxy meanwhile', 'longest-answer-ms', Math.max(...longest));
  add('HAProxy otherwise', 'longest-answer-ms', idle);
  await haproxy.stop();
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
  await pause(20_000);
  const seconds = 20;
  const [before, haproxyBefore] = [agent.cpuSeconds(), haproxy.cpuSeconds()];
  await pause(seconds * 1000);
  const name = 'idle, 100 servers with 1,000 streams';
  add(name, 'agent-%-of-a-core', ((agent.cpuSeconds() - before) / seconds) * 100);
  add(name, 'haproxy-%-of-a-core', ((haproxy.cpuSeconds() - haproxyBefore) / seconds) * 100);
  add(name, 'agent-rss-MB', agent.rssMb());
  await agent.stop();
  await haproxy.stop();
  await fleet.stop();
}

/** From a publisher's move to the right entry in HAProxy's map. */
async function benchMoves(): Promise<void> {
  const moves = 300;
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
    const goal = evidence === 'inventory' ? '<=1000' : '<=100';
    add(name, 'median-ms', median(times), goal);
    add(name, 'p99-ms', times[Math.ceil(times.length * 0.99) - 1] ?? 0, goal);
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
async function startHaproxy(decider: Decider, servers: number): Promise<Process> {
  const shipped = readFileSync(resolve('haproxy/haproxy.cfg'), 'utf8');
  const question = / {4}http-request set-var\(txn\.mtx\.server\) .*map_str[\s\S]*?\.endif\n/;
  if (!question.test(shipped)) throw new Error('haproxy.cfg is not as it was');
  const own = '    http-request set-var(txn.mtx.server) var(txn.stream),map_str(static.map) if master\n';
  const addresses = Array.from({ length: servers }, (_, i) => `${block}.${i + 11}:8888`);
  const decided = decider === 'routed' ? shipped : shipped.replace(question, own);
  const config = withServers(decided, addresses).replace(/^global\n/m, '$&    nbthread 1\n');
  const file = join(folder, `haproxy-${decider}.cfg`);
  writeFileSync(file, config);
  const map = Array.from({ length: streamCount }, (_, i) => `live/${i} mtx${(i % 3) + 1}\n`).join('');
  writeFileSync(join(folder, 'static.map'), map);
  for (const name of ['spoe.cfg', 'routes.map']) copyFileSync(resolve('haproxy', name), join(folder, name));
  const haproxy = start(haproxyCore, haproxyBin, ['-db', '-f', file], {
    MTX_BIND: viewersAddress,
    MTX_AGENT: `${home}:9100`,
    MTX_AGENT_HTTP: `${home}:9101`,
    MTX_ADMIN_SOCKET: adminSocket,
    MTX_PEER: `${home}:10000`,
    MTX_AGENT_PEER: `${home}:9102`,
  });
  await listening(home, 8080);
  return haproxy;
}

async function startAgent(options: { push: boolean; interval?: string; lookupsPerSecond?: number }): Promise<Process> {
  const file = join(folder, 'agent.yaml');
  writeFileSync(
    file,
    stringify({
      spoe: { listen: `${home}:9100` },
      http: { listen: `${home}:9101`, adminSocket: 'off' },
      peers: { listen: `${home}:9102` },
      haproxy: { socket: adminSocket, map: options.push ? 'routes.map' : 'off' },
      directory: { interval: options.interval ?? '1s' },
      lookup: { budget: options.lookupsPerSecond ?? 100 },
      // Its canaries would be counted among the load.
      check: { atStart: false },
      log: { level: 'error' },
    }),
  );
  const agent = start(otherCores, process.execPath, [resolve('dist/cli/main.js'), 'agent', '--config', file]);
  await listening(home, 9101);
  // Until the agent's health check has passed, HAProxy does not look at the map.
  await pause(1500);
  return agent;
}

void main().then(() => process.exit(0));
