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
import { decisionCount } from './decision-count';
import { untilMapHas } from './map-entries';
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
const block = '127.77.0';
const home = `${block}.1`;
const originAddresses = [11, 12, 13].map((n) => `${block}.${n}`);
const streamCount = 300;
const rounds = 3;
const secondsEach = 5;
const is32 = Number.parseFloat(haproxyVersion) > 3.0;
const { rows, add } = createRows('route', haproxyVersion);

type Decider =
  | 'static-map'
  | 'spoe'
  | 'spoe-unix'
  | 'lua-bridge'
  | 'lua-api'
  | 'spoe-no-backend'
  | 'spoe-unix-no-backend';

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
 * req/s and processor time of the ways to find a stream's server, in turn, several times; SPOE over TCP, as shipped, and over a Unix socket.
 *
 * What a decision costs the agent is measured where HAProxy asks as fast as it can (it answers by itself then, with no server behind
 * it), and with a backend as well: there HAProxy asks fewer at a time, and each time wakes the agent from its sleep.
 */
async function benchDeciders(): Promise<void> {
  const fleet = await startFleet();
  const origin = await startOrigin(folder, originAddresses);
  const overTcp = { agent: await startDecider(), http: `${home}:9101`, spoe: `${home}:9100` };
  const path = join(folder, 'spoe.sock');
  const unixHttp = `${home}:9151`;
  const overUnix = { agent: await startDecider(path, unixHttp), http: unixHttp, spoe: `unix@${path}` };
  const script = writeScript('masters.lua', mastersScript(streamCount));
  const deciders: Decider[] = [
    'static-map',
    'spoe',
    'spoe-no-backend',
    'spoe-unix',
    'spoe-unix-no-backend',
    'lua-bridge',
    'lua-api',
  ];
  const figures = new Map<string, number[]>();
  const note = (name: string, value: number): void => void figures.set(name, [...(figures.get(name) ?? []), value]);
  for (let round = 0; round < rounds; round++) {
    for (const decider of deciders) {
      const { agent, http, spoe } = decider.startsWith('spoe-unix') ? overUnix : overTcp;
      const haproxy = await startHaproxy({ decider, bind: `${home}:8080`, agent: spoe });
      await wrk(`http://${home}:8080`, script, 1);
      const worker = haproxy.cpuSeconds();
      const decisions = await decisionCount(http);
      const [own, agents] = [process.cpuUsage(), agent.cpuSeconds()];
      const load = await wrk(`http://${home}:8080`, script, secondsEach);
      note(`${decider} req/s`, load.requestsPerSecond);
      note(`${decider} haproxy-us/req`, ((haproxy.cpuSeconds() - worker) / load.requests) * 1e6);
      const { user, system } = process.cpuUsage(own);
      const spent = decider === 'lua-api' ? (user + system) / 1e6 : agent.cpuSeconds() - agents;
      if (decider !== 'static-map') note(`${decider} decider-us/decision`, (spent / load.requests) * 1e6);
      if (decider !== 'static-map' && decider !== 'lua-api')
        mustBeAll(`${decider}: decisions`, (await decisionCount(http)) - decisions, load.requests);
      await haproxy.stop();
    }
  }
  const figure = (decider: Decider, unit: string): number => median(figures.get(`${decider} ${unit}`) ?? []);
  for (const spoe of ['spoe', 'spoe-unix'] as const) {
    add(spoe, 'decider-us/decision', figure(`${spoe}-no-backend`, 'decider-us/decision'), `<=${is32 ? 9 : 4.5}`);
  }
  for (const decider of deciders.filter((name) => !name.endsWith('-no-backend'))) {
    const rate = figure(decider, 'req/s');
    add(decider, 'req/s', rate);
    add(decider, 'haproxy-us/req', figure(decider, 'haproxy-us/req'));
    if (decider === 'static-map') continue;
    const asked = decider.startsWith('spoe') ? `${decider}-with-backend` : decider;
    add(asked, 'decider-us/decision', figure(decider, 'decider-us/decision'));
    add(
      decider,
      'ratio-to-static-map',
      rate / figure('static-map', 'req/s'),
      decider.startsWith('spoe') ? '>=0.75' : undefined,
    );
  }
  add('lua-bridge', 'ratio-to-lua-api', figure('lua-bridge', 'req/s') / figure('lua-api', 'req/s'), '>=1.5');
  for (const process of [overTcp.agent, overUnix.agent, origin]) await process.stop();
  await fleet.stop();
}

/** API calls at the stand-ins while few and many sessions of 1 master, 10 media playlists and 100 segments play. */
async function benchSessions(): Promise<void> {
  const fleet = await startFleet();
  const origin = await startOrigin(folder, originAddresses);
  const agent = await startDecider();
  const haproxy = await startHaproxy({ decider: 'spoe', bind: `${home}:8080` });
  const lookups = () => fleet.servers.reduce((sum, server) => sum + server.counters()['paths/get'], 0);
  // From list to list of each server: a window that cuts an interval in two would count one call too many or too few.
  const atNextLists = () =>
    Promise.all(
      fleet.servers.map(async (server) => {
        const lists = server.counters()['paths/list'];
        while (server.counters()['paths/list'] === lists) await pause(1);
        return { atMs: performance.now(), calls: server.counters()['paths/list'] + server.counters()['info'] };
      }),
    );
  for (const [name, sessions] of [
    ['sessions-10', 10],
    ['sessions', 10_000],
  ] as const) {
    const script = writeScript('sessions.lua', sessionsScript(sessions, streamCount));
    const [startedMs, lookupsBefore, before] = [performance.now(), lookups(), await atNextLists()];
    // Ten sessions are over at once; background calls need some time to be counted.
    const load = await wrk(`http://${home}:8080`, script, 200);
    await pause(Math.max(0, 10_000 - (performance.now() - startedMs)));
    const after = await atNextLists();
    // When the last request has been sent, wrk is stopped: those of its other connections may be on their way.
    mustBeAll(`${name}: requests`, load.requests, sessions * 111 - 32);
    add(name, 'lookups/session', (lookups() - lookupsBefore) / sessions, '<=0.001');
    const rates = after.map(({ atMs, calls }, i) => {
      const { atMs: fromMs, calls: had } = before[i] ?? { atMs: 0, calls: 0 };
      return (calls - had) / ((atMs - fromMs) / 1000);
    });
    add(name, 'background-calls/s/server', rates.reduce((sum, rate) => sum + rate, 0) / rates.length, '<=1');
  }
  for (const process of [haproxy, agent, origin]) await process.stop();
  await fleet.stop();
}

/**
 * Memory, and the cost of a decision, with 100 streams and with 100,000 streams on 100 servers.
 *
 * Memory and background work are those of an agent that lists the servers as usual, after 30 s of it and a load: of one that is given
 * its servers, and (`scale-with-haproxy`) of one as it is shipped, which reads them from HAProxy, keeps its map of 100,000 routes, and is the
 * peer of its tables. The cost of a decision is measured on agents that list once in ten minutes: a list costs what it costs whether
 * somebody asks or not, and comes in bursts.
 */
async function benchScale(): Promise<void> {
  const sizes = [
    { name: 'scale-100-streams', perServer: 1, first: 11, port: 9200 },
    { name: 'scale', perServer: 1000, first: 111, port: 9300 },
  ];
  const labs = [];
  for (const { name, perServer, first, port } of sizes) {
    const fleet = await createSimFleet({ servers: 100, firstAddress: `${block}.${first}`, requestLogLimit: 0 });
    fleet.servers.forEach((server, i) => {
      for (let n = 0; n < perServer; n++) server.publish(`live/${i}/${n}`);
    });
    const script = writeScript(`scale-${port}.lua`, scaleScript(100, perServer));
    const streams = 100 * perServer;
    const list = servers(100, first);
    const run = async (at: number, options: { isShipped?: boolean; directory?: object } = {}) => {
      const [spoe, http, viewers, peer] = [0, 1, 2, 3].map((n) => `${home}:${at + n}`) as [
        string,
        string,
        string,
        string,
      ];
      // As shipped, the agent needs HAProxy to know its servers; by itself, it is there before it is asked.
      const proxy = { decider: 'spoe-no-backend', bind: viewers, agent: spoe } as const;
      const { isShipped = false, directory = {} } = options;
      const shipped = isShipped ? await startHaproxy({ ...proxy, peer, list }) : undefined;
      const knows = isShipped
        ? { haproxy: { socket: adminSocket(viewers) }, peers: { listen: peer } }
        : { servers: list, peers: { listen: 'off' } };
      const agent = await startAgent({ spoe, http, streams, settings: { ...knows, directory } });
      if (isShipped) await untilMapHas(adminSocket(viewers), streams);
      const haproxy = shipped ?? (await startHaproxy(proxy));
      const stop = async () => {
        await haproxy.stop();
        await agent.stop();
      };
      const load = async (seconds: number) => {
        const before = await decisionCount(http);
        const { requests } = await wrk(`http://${viewers}`, script, seconds);
        mustBeAll(`${name}: decisions`, (await decisionCount(http)) - before, requests);
        return requests;
      };
      return { agent, stop, load };
    };
    labs.push({ name, port, fleet, run });
  }

  const [, large] = labs;
  if (large === undefined) throw new Error('no large fleet');
  const runs = [
    ...labs.map(({ name, port, run }) => ({ name, isShipped: false, running: () => run(port) })),
    { name: 'scale-with-haproxy', isShipped: true, running: () => large.run(large.port + 50, { isShipped: true }) },
  ];
  for (const { name, running } of runs) {
    const { agent, load, stop } = await running();
    await pause(30_000);
    const before = agent.cpuSeconds();
    await pause(10_000);
    add(name, 'background-cpu-%', ((agent.cpuSeconds() - before) / 10) * 100);
    await load(secondsEach);
    add(name, 'rss-MB', agent.rssMb(), name === 'scale-100-streams' ? undefined : '<=150');
    await stop();
  }

  const costs = await Promise.all(
    labs.map(async ({ name, port, run }) => ({
      name,
      running: await run(port + 10, { directory: { interval: '10m' } }),
      us: [] as number[],
    })),
  );
  for (let round = 0; round < rounds; round++) {
    for (const { running, us } of costs) {
      await running.load(1);
      const before = running.agent.cpuSeconds();
      const requests = await running.load(secondsEach);
      us.push(((running.agent.cpuSeconds() - before) / requests) * 1e6);
    }
  }
  for (const { name, us } of costs) add(name, 'decider-us/decision', median(us));
  const [ofFew, ofMany] = costs.map(({ us }) => us);
  add('scale', 'cost-ratio', median(ofMany ?? []) / median(ofFew ?? []), '<=1.2');
  for (const { running } of costs) await running.stop();
  for (const { fleet } of labs) await fleet.stop();
}

/** A figure of a load that was not carried out says nothing. */
function mustBeAll(what: string, count: number, expected: number): void {
  if (count < expected) throw new Error(`${what}: ${count}, expected at least ${expected}`);
}

/** Three stand-ins whose Control API is asked; their HLS ports belong to the origin. */
async function startFleet(): Promise<SimFleet> {
  const fleet = await createSimFleet({ firstAddress: `${block}.11`, hlsPort: 18888, requestLogLimit: 0 });
  for (let i = 0; i < streamCount; i++) fleet.servers[i % 3]?.publish(`live/${i}`);
  return fleet;
}

interface HaproxyOptions {
  readonly decider: Decider;
  readonly bind: string;
  /** The agent's SPOE address. */
  readonly agent?: string;
  /** The agent's peers address. */
  readonly peer?: string;
  /** Servers instead of the three. */
  readonly list?: readonly Server[];
}

/** The Runtime API of the HAProxy that listens on `bind`. */
function adminSocket(bind: string): string {
  return join(folder, `admin-${bind.split(':')[1] ?? ''}.sock`);
}

/** The shipped haproxy.cfg on one thread; only who decides is changed, and its list of servers where one is given. */
async function startHaproxy({ decider, bind, agent, peer, list }: HaproxyOptions): Promise<Process> {
  const shipped = readFileSync(resolve('haproxy/haproxy.cfg'), 'utf8');
  const question = /\.if streq\("\$\{MTX_BRIDGE-spoe\}",lua\)\n {4}http-request[\s\S]*?\.endif\n/;
  if (!question.test(shipped)) throw new Error('the question to the agent was not found in haproxy.cfg');
  const answered = `    filter spoe engine mtx config spoe.cfg
    http-request send-spoe-group mtx route if master agent_up
    http-request return status 200 if { var(txn.mtx.state) -m found }
`;
  const ownQuestion: Partial<Record<Decider, string>> = {
    'static-map': '    http-request set-var(txn.mtx.server) var(txn.stream),map_str(static.map) if master\n',
    'lua-api': '    http-request lua.ask_every_server if master\n',
    'spoe-no-backend': answered,
    'spoe-unix-no-backend': answered,
  };
  const own = ownQuestion[decider];
  const load = decider === 'lua-api' ? `    lua-load-per-thread ${resolve('bench/lua/ask-every-server.lua')}\n` : '';
  const decided = own === undefined ? shipped : shipped.replace(question, own);
  const addressed =
    list === undefined
      ? decided
      : withServers(
          decided,
          list.map(({ address }) => address),
        );
  const config = addressed.replace(/^global\n/m, `global\n    nbthread 1\n${load}`);
  const [host = '', port = ''] = bind.split(':');
  const file = join(folder, `haproxy-${decider}-${port}.cfg`);
  writeFileSync(file, config);
  const map = Array.from({ length: streamCount }, (_, i) => `live/${i} mtx${(i % 3) + 1}\n`).join('');
  writeFileSync(join(folder, 'static.map'), map);
  for (const file of ['spoe.cfg', 'routes.map']) copyFileSync(resolve('haproxy', file), join(folder, file));
  const haproxy = start(haproxyCore, haproxyBin, ['-db', '-f', file], {
    MTX_BIND: bind,
    MTX_BRIDGE: decider === 'lua-bridge' ? 'lua' : 'spoe',
    MTX_LUA: resolve('lua-bridge/mtxpilot.lua'),
    MTX_AGENT: agent ?? `${home}:9100`,
    MTX_AGENT_HTTP: `${home}:9101`,
    MTX_ADMIN_SOCKET: adminSocket(bind),
    MTX_PEER: `${host}:${Number(port) + 10_000}`,
    ...(peer === undefined ? {} : { MTX_AGENT_PEER: peer }),
    MTX_APIS: [11, 12, 13].map((n) => `mtx${n - 10}=${block}.${n}:9997`).join(','),
    ...Object.fromEntries([1, 2, 3].map((n) => [`MTX${n}`, `${block}.${n + 10}:8888`])),
  });
  await listening(host, Number(port));
  // Until the agent's health check has passed, HAProxy does not ask it.
  await pause(1500);
  return haproxy;
}

interface AgentOptions {
  readonly spoe: string;
  readonly http: string;
  /** How many streams it must know before it counts as started. */
  readonly streams: number;
  readonly settings: object;
}

async function startAgent({ spoe, http, streams, settings }: AgentOptions): Promise<Process> {
  const file = join(folder, `agent-${http}.yaml`);
  const listen = { spoe: { listen: spoe }, http: { listen: http, adminSocket: 'off' } };
  writeFileSync(file, stringify({ ...listen, ...settings, check: { atStart: false }, log: { level: 'warn' } }));
  const agent = start(otherCores, process.execPath, [resolve('dist/cli/main.js'), 'agent', '--config', file]);
  const [host = '', port = ''] = http.split(':');
  await listening(host, Number(port));
  for (;;) {
    const { total } = (await (await fetch(`http://${http}/v1/streams?limit=1`)).json()) as { total: number };
    if (total >= streams) return agent;
    await pause(100);
  }
}

/** An agent of the three stand-ins, by itself: whatever HAProxy asks, it is asked over SPOE or HTTP. */
function startDecider(spoe = `${home}:9100`, http = `${home}:9101`): Promise<Process> {
  const settings = { servers: servers(3), peers: { listen: 'off' } };
  return startAgent({ spoe, http, streams: streamCount, settings });
}

interface Server {
  readonly name: string;
  readonly address: string;
}

function servers(count: number, first = 11): Server[] {
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
