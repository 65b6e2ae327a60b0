/**
 * npm run bench route: what a decision costs, how many API calls viewers cause, what a large fleet costs.
 * `-- --part=deciders` (or sessions, scale) runs one part. HAProxy has one core to itself; wrk, the agent, the origin and the stand-ins share the others.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { stringify } from 'yaml';
import { createSimFleet, type SimFleet } from '../src/sim';
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

const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-bench-'));
const block = '127.77.0';
const home = `${block}.1`;
const originAddresses = [11, 12, 13].map((n) => `${block}.${n}`);
const streamCount = 300;
const rounds = 3;
const secondsEach = 5;
const is32 = Number.parseFloat(haproxyVersion) > 3.0;
const { rows, add } = createRows('route', haproxyVersion);

type Decider = 'static-map' | 'spoe' | 'lua-bridge' | 'lua-api' | 'spoe-no-backend';

async function main(): Promise<void> {
  try {
    const parts = { deciders: benchDeciders, sessions: benchSessions, scale: benchScale };
    const chosen = process.argv.flatMap((arg) => /^--part=(.*)$/.exec(arg)?.[1] ?? []);
    for (const [name, run] of Object.entries(parts)) if (chosen.length === 0 || chosen.includes(name)) await run();
    print(rows, `${machine()}; HAProxy alone on one core; medians of ${rounds} runs of ${secondsEach} s`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * req/s and processor time of the four ways to find a stream's server, in turn, several times.
 *
 * What a decision costs the agent is measured where HAProxy asks as fast as it can (it answers by itself then, with no server behind
 * it), and with a backend as well: there HAProxy asks one by one, and each question wakes the agent from its sleep.
 */
async function benchDeciders(): Promise<void> {
  const fleet = await startFleet();
  const origin = await startOrigin(folder, originAddresses);
  const agent = await startAgent(`${home}:9100`, `${home}:9101`, servers(3));
  const script = writeScript('masters.lua', mastersScript(streamCount));
  const deciders: Decider[] = ['static-map', 'spoe', 'spoe-no-backend', 'lua-bridge', 'lua-api'];
  const figures = new Map<string, number[]>();
  const note = (name: string, value: number): void => void figures.set(name, [...(figures.get(name) ?? []), value]);
  for (let round = 0; round < rounds; round++) {
    for (const decider of deciders) {
      const haproxy = await startHaproxy(decider, `${home}:8080`);
      await wrk(`http://${home}:8080`, script, 1);
      const worker = haproxy.cpuSeconds();
      const [own, agents] = [process.cpuUsage(), agent.cpuSeconds()];
      const load = await wrk(`http://${home}:8080`, script, secondsEach);
      if (load.failed > 0) console.error(`${decider}: ${load.failed} of ${load.requests} requests failed`);
      note(`${decider} req/s`, load.requestsPerSecond);
      note(`${decider} haproxy-us/req`, ((haproxy.cpuSeconds() - worker) / load.requests) * 1e6);
      const { user, system } = process.cpuUsage(own);
      const spent = decider === 'lua-api' ? (user + system) / 1e6 : agent.cpuSeconds() - agents;
      if (decider !== 'static-map') note(`${decider} decider-us/decision`, (spent / load.requests) * 1e6);
      await haproxy.stop();
    }
  }
  const figure = (decider: Decider, unit: string): number => median(figures.get(`${decider} ${unit}`) ?? []);
  add('spoe', 'decider-us/decision', figure('spoe-no-backend', 'decider-us/decision'), `<=${is32 ? 9 : 4.5}`);
  for (const decider of deciders.filter((name) => name !== 'spoe-no-backend')) {
    const rate = figure(decider, 'req/s');
    add(decider, 'req/s', rate);
    add(decider, 'haproxy-us/req', figure(decider, 'haproxy-us/req'));
    if (decider === 'static-map') continue;
    const asked = decider === 'spoe' ? 'spoe (with a backend)' : decider;
    add(asked, 'decider-us/decision', figure(decider, 'decider-us/decision'));
    add(
      decider,
      'ratio-to-static-map',
      rate / figure('static-map', 'req/s'),
      decider === 'spoe' ? '>=0.75' : undefined,
    );
  }
  add('lua-bridge', 'ratio-to-lua-api', figure('lua-bridge', 'req/s') / figure('lua-api', 'req/s'), '>=1.5');
  await agent.stop();
  await origin.stop();
  await fleet.stop();
}

/** API calls at the stand-ins while few and many sessions of 1 master, 10 media playlists and 100 segments play. */
async function benchSessions(): Promise<void> {
  const fleet = await startFleet();
  const origin = await startOrigin(folder, originAddresses);
  const agent = await startAgent(`${home}:9100`, `${home}:9101`, servers(3));
  const haproxy = await startHaproxy('spoe', `${home}:8080`);
  const count = (endpoint: 'paths/get' | 'paths/list' | 'info') =>
    fleet.servers.reduce((sum, server) => sum + server.counters()[endpoint], 0);
  for (const sessions of [10, 10_000]) {
    const script = writeScript('sessions.lua', sessionsScript(sessions, streamCount));
    const lists = fleet.servers[0]?.counters()['paths/list'] ?? 0;
    while (fleet.servers[0]?.counters()['paths/list'] === lists) await pause(1);
    const [lookups, background, started] = [count('paths/get'), count('paths/list') + count('info'), performance.now()];
    // Ten sessions are over at once; background calls need some time to be counted.
    const load = await wrk(`http://${home}:8080`, script, 200);
    await pause(Math.max(0, 10_000 - (performance.now() - started)));
    if (load.failed > 0 || load.requests < sessions * 111 - 32)
      console.error(`sessions: ${load.failed} of ${load.requests} requests failed`);
    const seconds = (performance.now() - started) / 1000;
    add(`sessions (${sessions})`, 'lookups/session', (count('paths/get') - lookups) / sessions, '<=0.001');
    add(
      `sessions (${sessions})`,
      'background-calls/s/server',
      (count('paths/list') + count('info') - background) / seconds / fleet.servers.length,
      '<=1',
    );
  }
  for (const process of [haproxy, agent, origin]) await process.stop();
  await fleet.stop();
}

/**
 * Memory, and the cost of a decision, with 100 streams and with 100,000 streams on 100 servers.
 *
 * Memory and background work are those of an agent that lists the servers as usual, after 30 s of it and a load. The cost of a decision
 * is measured on agents that list once in ten minutes: a list costs what it costs whether somebody asks or not, and comes in bursts.
 */
async function benchScale(): Promise<void> {
  const sizes = [
    { name: '100 streams', perServer: 1, first: 11, port: 9200 },
    { name: '100,000 streams', perServer: 1000, first: 111, port: 9300 },
  ];
  const labs = [];
  for (const { name, perServer, first, port } of sizes) {
    const fleet = await createSimFleet({ servers: 100, firstAddress: `${block}.${first}`, requestLogLimit: 0 });
    fleet.servers.forEach((server, i) => {
      for (let n = 0; n < perServer; n++) server.publish(`live/${i}/${n}`);
    });
    const script = writeScript(`scale-${port}.lua`, scaleScript(100, perServer));
    const streams = 100 * perServer;
    const run = async (at: number, directory?: object) => {
      const agent = await startAgent(`${home}:${at}`, `${home}:${at + 1}`, servers(100, first), streams, directory);
      const haproxy = await startHaproxy('spoe-no-backend', `${home}:${at + 2}`, `${home}:${at}`);
      const stop = async () => {
        await haproxy.stop();
        await agent.stop();
      };
      return { agent, stop, load: (seconds: number) => wrk(`http://${home}:${at + 2}`, script, seconds) };
    };
    labs.push({ name, port, fleet, run });
  }

  for (const { name, port, run } of labs) {
    const { agent, load, stop } = await run(port);
    await pause(30_000);
    const before = agent.cpuSeconds();
    await pause(10_000);
    add(`scale (${name})`, 'background-cpu-%', ((agent.cpuSeconds() - before) / 10) * 100);
    await load(secondsEach);
    add(`scale (${name})`, 'rss-MB', agent.rssMb(), name === '100,000 streams' ? '<=150' : undefined);
    await stop();
  }

  const costs = await Promise.all(
    labs.map(async ({ name, port, run }) => ({
      name,
      running: await run(port + 10, { interval: '10m' }),
      us: [] as number[],
    })),
  );
  for (let round = 0; round < rounds; round++) {
    for (const { running, us } of costs) {
      await running.load(1);
      const before = running.agent.cpuSeconds();
      const { requests } = await running.load(secondsEach);
      us.push(((running.agent.cpuSeconds() - before) / requests) * 1e6);
    }
  }
  for (const { name, us } of costs) add(`scale (${name})`, 'decider-us/decision', median(us));
  const [small, large] = costs.map(({ us }) => us);
  add('scale', 'cost-ratio', median(large ?? []) / median(small ?? []), '<=1.2');
  for (const { running } of costs) await running.stop();
  for (const { fleet } of labs) await fleet.stop();
}

/** Three stand-ins whose Control API is asked; their HLS ports belong to the origin. */
async function startFleet(): Promise<SimFleet> {
  const fleet = await createSimFleet({ firstAddress: `${block}.11`, hlsPort: 18888, requestLogLimit: 0 });
  for (let i = 0; i < streamCount; i++) fleet.servers[i % 3]?.publish(`live/${i}`);
  return fleet;
}

/** The shipped haproxy.cfg on one thread; only who decides is changed. */
async function startHaproxy(decider: Decider, bind: string, agent = `${home}:9100`): Promise<Process> {
  const shipped = readFileSync(resolve('haproxy/haproxy.cfg'), 'utf8');
  const question = /\.if streq\("\$\{MTX_BRIDGE-spoe\}",lua\)\n {4}http-request[\s\S]*?\.endif\n/;
  if (!question.test(shipped)) throw new Error('the question to the agent was not found in haproxy.cfg');
  const ownQuestion: Partial<Record<Decider, string>> = {
    'static-map': '    http-request set-var(txn.mtx.server) var(txn.stream),map_str(static.map) if master\n',
    'lua-api': '    http-request lua.ask_every_server if master\n',
    'spoe-no-backend': `    filter spoe engine mtx config spoe.cfg
    http-request send-spoe-group mtx route if master agent_up
    http-request return status 200 if { var(txn.mtx.state) -m found }
`,
  };
  const own = ownQuestion[decider];
  const load = decider === 'lua-api' ? `    lua-load-per-thread ${resolve('bench/lua/ask-every-server.lua')}\n` : '';
  const config = (own === undefined ? shipped : shipped.replace(question, own)).replace(
    /^global\n/m,
    `global\n    nbthread 1\n${load}`,
  );
  const file = join(folder, `haproxy-${decider}.cfg`);
  writeFileSync(file, config);
  const map = Array.from({ length: streamCount }, (_, i) => `live/${i} mtx${(i % 3) + 1}\n`).join('');
  writeFileSync(join(folder, 'static.map'), map);
  for (const file of ['spoe.cfg', 'routes.map']) copyFileSync(resolve('haproxy', file), join(folder, file));
  const [host = '', port = ''] = bind.split(':');
  const haproxy = start(haproxyCore, haproxyBin, ['-db', '-f', file], {
    MTX_BIND: bind,
    MTX_BRIDGE: decider === 'lua-bridge' ? 'lua' : 'spoe',
    MTX_LUA: resolve('lua-bridge/mtxpilot.lua'),
    MTX_AGENT: agent,
    MTX_AGENT_HTTP: `${home}:9101`,
    MTX_ADMIN_SOCKET: join(folder, `admin-${port}.sock`),
    MTX_PEER: `${host}:${Number(port) + 10_000}`,
    MTX_APIS: [11, 12, 13].map((n) => `mtx${n - 10}=${block}.${n}:9997`).join(','),
    ...Object.fromEntries([1, 2, 3].map((n) => [`MTX${n}`, `${block}.${n + 10}:8888`])),
  });
  await listening(host, Number(port));
  // Until the agent's health check has passed, HAProxy does not ask it.
  await pause(1500);
  return haproxy;
}

async function startAgent(
  spoe: string,
  http: string,
  list: object[],
  streams = streamCount,
  directory: object = {},
): Promise<Process> {
  const file = join(folder, `agent-${spoe}.yaml`);
  writeFileSync(
    file,
    stringify({
      spoe: { listen: spoe },
      http: { listen: http },
      peers: { listen: 'off' },
      servers: list,
      directory,
      log: { level: 'warn' },
    }),
  );
  const agent = start(otherCores, process.execPath, [resolve('dist/cli/main.js'), 'agent', '--config', file]);
  const [host = '', port = ''] = http.split(':');
  await listening(host, Number(port));
  for (;;) {
    const { total } = (await (await fetch(`http://${http}/v1/streams?limit=1`)).json()) as { total: number };
    if (total >= streams) return agent;
    await pause(100);
  }
}

function servers(count: number, first = 11): object[] {
  return Array.from({ length: count }, (_, i) => ({ name: `mtx${i + 1}`, address: `${block}.${first + i}:8888` }));
}

function writeScript(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const mastersScript = (streams: number): string => `
local n = 0
function request()
  n = n + 1
  return "GET /live/" .. (n % ${streams}) .. "/index.m3u8 HTTP/1.1\\r\\nHost: bench\\r\\n\\r\\n"
end`;

/** Sessions in groups of 500: first the masters of a group, then its children, so that no child comes before its master's answer. */
const sessionsScript = (sessions: number, streams: number): string => `
local group, first, step, n = math.min(500, ${sessions}), 0, 0, 0
function request()
  -- wrk itself would wait until its time is over.
  if first >= ${sessions} and not over then over = true; os.execute("(sleep 0.1; kill -INT $PPID) &") end
  local session = first + n
  local name = step == 0 and "index.m3u8" or step <= 10 and "video1_stream.m3u8" or "video1_seg" .. step .. ".mp4"
  n = n + 1
  if n == group then n = 0; step = step + 1 end
  if step == 111 then step = 0; first = first + group end
  return "GET /live/" .. (session % ${streams}) .. "/" .. name .. "?mtxs=session-" .. session .. " HTTP/1.1\\r\\nHost: bench\\r\\n\\r\\n"
end`;

const scaleScript = (servers: number, perServer: number): string => `
local n = 0
function request()
  n = (n + 7919) % ${servers * perServer}
  return "GET /live/" .. (n % ${servers}) .. "/" .. math.floor(n / ${servers}) .. "/index.m3u8 HTTP/1.1\\r\\nHost: bench\\r\\n\\r\\n"
end`;

void main().then(() => process.exit(0));
