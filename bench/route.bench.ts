/**
 * npm run bench route: what a decision costs, how many API calls viewers cause, what a large fleet costs.
 * `-- --part=deciders` (or sessions, scale) runs one part. HAProxy has one core to itself; wrk, the agent, the origin and the stand-ins share the others.
 */
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createSimFleet, type SimFleet } from '../src/sim';
import { decisionCount, startAgent, streamsKnown } from './agent';
import { createBench } from './bench';
import { replaced, startShippedHaproxy, untilMapHas, writeStaticMap } from './haproxy';
import { startOrigin } from './origin';
import { haproxyVersion, listening, otherCores, type Process, start, wrk } from './processes';
import { median } from './rows';

const { folder, rounds, secondsEach, add, wait, run } = createBench('route', { rounds: 3, secondsEach: 5 });
const block = '127.77.0';
const home = `${block}.1`;
const originAddresses = [11, 12, 13].map((n) => `${block}.${n}`);
const streamCount = 300;
/** Since 3.1, HAProxy makes a stream of its own for each question: that is most of what SPOE costs it. */
const isStreamForEachQuestion = Number.parseFloat(haproxyVersion) > 3.0;

type Decider =
  | 'static-map'
  | 'spoe'
  | 'spoe-floor'
  | 'spoe-unix'
  | 'lua-bridge'
  | 'lua-api'
  | 'spoe-no-backend'
  | 'spoe-floor-no-backend'
  | 'spoe-unix-no-backend'
  | 'spoe-floor-unix-no-backend';

/**
 * req/s and processor time of the ways to find a stream's server, in turn, several times; SPOE over TCP, as shipped, and over a Unix socket.
 *
 * What a decision costs the agent is measured where HAProxy asks as fast as it can (it answers by itself then, with no server behind
 * it), and with a backend as well: there HAProxy asks fewer at a time, and each time wakes the agent from its sleep. The yardstick is the least that
 * an agent in Node can do (spoe-floor.mjs), in its place.
 */
async function benchDeciders(): Promise<void> {
  const fleet = await startFleet();
  const origin = await startOrigin(folder, originAddresses);
  const overTcp = { agent: await startDecider(), http: `${home}:9101`, spoe: `${home}:9100` };
  const unixPath = join(folder, 'spoe.sock');
  const unixHttp = `${home}:9151`;
  const overUnix = { agent: await startDecider(unixPath, unixHttp), http: unixHttp, spoe: `unix@${unixPath}` };
  const floor = await startFloor();
  const askedBy = (decider: Decider) => {
    if (decider.startsWith('spoe-floor-unix')) return floor.overUnix;
    if (decider.startsWith('spoe-floor')) return floor.overTcp;
    return decider.startsWith('spoe-unix') ? overUnix : overTcp;
  };
  const script = writeScript('masters.lua', mastersScript(streamCount));
  const deciders: Decider[] = [
    'static-map',
    'spoe',
    'spoe-floor',
    'spoe-no-backend',
    'spoe-floor-no-backend',
    'spoe-unix',
    'spoe-unix-no-backend',
    'spoe-floor-unix-no-backend',
    'lua-bridge',
    'lua-api',
  ];
  const figures = new Map<string, number[]>();
  const note = (name: string, value: number): void => void figures.set(name, [...(figures.get(name) ?? []), value]);
  for (let round = 0; round < rounds; round++) {
    // Who goes second finds the machine warmer: by turns.
    for (const decider of round % 2 === 0 ? deciders : deciders.toReversed()) {
      const { agent, http, spoe } = askedBy(decider);
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
  /** The median of the ratios of each round: what goes on in the machine meanwhile meets both. */
  const ratio = (decider: Decider, to: Decider, unit: string): number => {
    const others = figures.get(`${to} ${unit}`) ?? [];
    return median((figures.get(`${decider} ${unit}`) ?? []).map((value, i) => value / (others[i] ?? 0)));
  };

  const costs = [
    ['spoe', 'spoe-no-backend', 'spoe-floor-no-backend'],
    ['spoe-unix', 'spoe-unix-no-backend', 'spoe-floor-unix-no-backend'],
    ['spoe-with-backend', 'spoe', 'spoe-floor'],
  ] as const;
  for (const [name, decider, its] of costs) {
    const unit = 'decider-us/decision';
    add(name, unit, figure(decider, unit));
    add(`${name}, spoe-floor`, unit, figure(its, unit));
    add(name, 'ratio of decider-us', ratio(decider, its, unit), {
      // With a backend, most of it is Node's waking up, which both pay.
      goal: '<=1.3',
      yardstick: 'spoe-floor: the least agent in Node',
    });
    add(name, 'decider-us per haproxy-us', figure(decider, unit) / figure('static-map', 'haproxy-us/req'), {
      goal: `<=${isStreamForEachQuestion ? 0.3 : 0.2}`,
      yardstick: "HAProxy's own cost of a request, static map",
    });
  }
  for (const decider of deciders.filter((name) => !name.endsWith('-no-backend'))) {
    add(decider, 'req/s', figure(decider, 'req/s'));
    add(decider, 'haproxy-us/req', figure(decider, 'haproxy-us/req'));
    if (decider.startsWith('lua')) add(decider, 'decider-us/decision', figure(decider, 'decider-us/decision'));
    if (decider === 'static-map') continue;
    add(decider, 'ratio of req/s', ratio(decider, 'static-map', 'req/s'), {
      goal: /^spoe(-unix)?$/.test(decider) && !isStreamForEachQuestion ? '>=0.9' : undefined,
      yardstick: 'static-map',
    });
  }
  add('spoe', 'ratio of req/s', ratio('spoe', 'spoe-floor', 'req/s'), {
    goal: '>=0.95',
    yardstick: 'spoe-floor: the least agent in Node',
  });
  add('lua-bridge', 'ratio of req/s', ratio('lua-bridge', 'lua-api', 'req/s'), { goal: '>=1.5', yardstick: 'lua-api' });
  for (const process of [overTcp.agent, overUnix.agent, floor.process, origin]) await process.stop();
  await fleet.stop();
}

/** The least agent, on a core with everything else but HAProxy, over TCP and over a Unix socket. */
async function startFloor() {
  const http = `${home}:9171`;
  const [spoe, path] = [`${home}:9170`, join(folder, 'floor.sock')];
  const floor = start(otherCores, process.execPath, [resolve('bench/spoe-floor.mjs'), http, spoe, path]);
  await listening(home, 9171);
  return {
    process: floor,
    overTcp: { agent: floor, http, spoe },
    overUnix: { agent: floor, http, spoe: `unix@${path}` },
  };
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
    add(name, 'lookups/session', (lookups() - lookupsBefore) / sessions, {
      goal: '<=0.001',
      yardstick: 'its sessions: 111 requests each',
    });
    const rates = after.map(({ atMs, calls }, i) => {
      const { atMs: fromMs, calls: had } = before[i] ?? { atMs: 0, calls: 0 };
      return (calls - had) / ((atMs - fromMs) / 1000);
    });
    add(name, 'calls/interval/server', rates.reduce((sum, rate) => sum + rate, 0) / rates.length, {
      goal: '<=1',
      yardstick: 'the interval of lists: 1 s',
    });
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
    const running = async (at: number, options: { isShipped?: boolean; directory?: object } = {}) => {
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
      const agent = await startKnowing(streams, spoe, http, { ...knows, directory });
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
    labs.push({ name, port, fleet, running });
  }

  const [, large] = labs;
  if (large === undefined) throw new Error('no large fleet');
  const runs = [
    ...labs.map(({ name, port, running }) => ({ name, start: () => running(port) })),
    { name: 'scale-with-haproxy', start: () => large.running(large.port + 50, { isShipped: true }) },
  ];
  let rssMbOfFew = 0;
  for (const { name, start } of runs) {
    const { agent, load, stop } = await start();
    await wait(30);
    const before = agent.cpuSeconds();
    const seconds = await wait(10);
    add(name, 'background-cpu-%', ((agent.cpuSeconds() - before) / seconds) * 100);
    await load(secondsEach);
    const rssMb = agent.rssMb();
    add(name, 'rss-MB', rssMb);
    if (rssMbOfFew === 0) rssMbOfFew = rssMb;
    else add(name, 'ratio of rss', rssMb / rssMbOfFew, { goal: '<=1.45', yardstick: 'scale-100-streams' });
    await stop();
  }

  const costs = await Promise.all(
    labs.map(async ({ name, port, running }) => ({
      name,
      running: await running(port + 10, { directory: { interval: '10m' } }),
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
  add('scale', 'ratio of decider-us', median(ofMany ?? []) / median(ofFew ?? []), {
    goal: '<=1.2',
    yardstick: 'scale-100-streams',
  });
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
function startHaproxy({ decider, bind, agent, peer, list = servers(3) }: HaproxyOptions): Promise<Process> {
  const question = /\.if streq\("\$\{MTX_BRIDGE-spoe\}",lua\)\n {4}http-request[\s\S]*?\.endif\n/;
  const answered = `    filter spoe engine mtx config spoe.cfg
    http-request send-spoe-group mtx route if master agent_up
    http-request return status 200 if { var(txn.mtx.state) -m found }
`;
  const ownQuestion = (): string | undefined => {
    if (decider === 'static-map') return writeStaticMap(folder, streamCount);
    if (decider === 'lua-api') return '    http-request lua.ask_every_server if master\n';
    return decider.endsWith('-no-backend') ? answered : undefined;
  };
  const own = ownQuestion();
  const load = `    lua-load-per-thread ${resolve('bench/lua/ask-every-server.lua')}\n`;
  const [host = '', port = ''] = bind.split(':');
  return startShippedHaproxy({
    folder,
    name: `${decider}-${port}`,
    bind,
    edit: (shipped) => {
      const decided = own === undefined ? shipped : replaced(shipped, question, own);
      return decider === 'lua-api' ? replaced(decided, /^global\n/m, `global\n${load}`) : decided;
    },
    servers: list.map(({ address }) => address),
    environment: {
      MTX_BRIDGE: decider === 'lua-bridge' ? 'lua' : 'spoe',
      MTX_LUA: resolve('lua-bridge/mtxpilot.lua'),
      MTX_AGENT: agent ?? `${home}:9100`,
      MTX_AGENT_HTTP: `${home}:9101`,
      MTX_ADMIN_SOCKET: adminSocket(bind),
      MTX_PEER: `${host}:${Number(port) + 10_000}`,
      ...(peer === undefined ? {} : { MTX_AGENT_PEER: peer }),
      MTX_APIS: [11, 12, 13].map((n) => `mtx${n - 10}=${block}.${n}:9997`).join(','),
    },
  });
}

/** An agent that has listed so many streams. */
async function startKnowing(
  streams: number,
  spoe: string,
  http: string,
  settings: Readonly<Record<string, unknown>>,
): Promise<Process> {
  const agent = await startAgent({ folder, http, settings: { spoe: { listen: spoe }, ...settings } });
  while ((await streamsKnown(http)) < streams) await pause(100);
  return agent;
}

/** An agent of the three stand-ins, by itself: whatever HAProxy asks, it is asked over SPOE or HTTP. */
function startDecider(spoe = `${home}:9100`, http = `${home}:9101`): Promise<Process> {
  return startKnowing(streamCount, spoe, http, { servers: servers(3), peers: { listen: 'off' } });
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

run({ deciders: benchDeciders, sessions: benchSessions, scale: benchScale });
