/**
 * npm run bench watch: what it costs to know who watches, to tell what happened, and to look at it. `-- --part=touches` (or cost, memory,
 * events, deliveries, page) runs one part. What is measured has one core to itself; what drives it shares the others.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { createDelivery, createEventLog, type EventLog, type Webhook } from '../src/events';
import { createLogger } from '../src/log';
import { createSimFleet, type SimFleet } from '../src/sim';
import { openStore, type Store } from '../src/store';
import { launchBrowser, openDashboard } from '../test/support/dashboard-page';
import { startAgent as startAnyAgent, streamsKnown } from './agent';
import { createBench } from './bench';
import { replaced, startShippedHaproxy } from './haproxy';
import { startOrigin } from './origin';
import { haproxyCore, otherCores, type Process, wrk } from './processes';
import { median } from './rows';
import { connectStream, singleTouches, touchesOf } from './table-stream';

const { folder, rounds, secondsEach, add, wait, run } = createBench('watch', { rounds: 5, secondsEach: 2 });
const block = '127.79.0';
const home = `${block}.1`;
const serverAddresses = [11, 12, 13].map((n) => `${block}.${n}`);
const hlsAddresses = serverAddresses.map((address) => `${address}:8888`);
const streamCount = 300;

/** Touches a second that one agent takes when HAProxy has ever more of them, and its processor time for each. */
async function benchTouches(): Promise<void> {
  const fleet = await startFleet(streamCount);
  const agent = await startAgent(haproxyCore);
  const haproxy = await connectStream(home, 9102, 'bench');
  const measure = async (push: () => Promise<unknown>, count: number): Promise<[rate: number, us: number]> => {
    const [cpu, started] = [agent.cpuSeconds(), performance.now()];
    await push();
    return [count / ((performance.now() - started) / 1000), ((agent.cpuSeconds() - cpu) / count) * 1e6];
  };
  const addMedians = (name: string, measured: readonly (readonly [number, number])[]): void => {
    add(name, 'touches/s', median(measured.map(([rate]) => rate)));
    add(name, 'agent-us/touch', median(measured.map(([, us]) => us)));
  };

  const keys = sessionKeys(50_000);
  const known = touchesOf(keys);
  // All join; what comes after is compiled by then.
  await haproxy.push(known, 2);
  const measured: { [name: string]: [number, number][] } = { known: [], fresh: [], single: [] };
  for (let round = 0; round < rounds; round++) {
    // Many at a time: the last ones are acknowledged up to 100 ms after they came.
    measured['known']?.push(await measure(() => haproxy.push(known, 40), 40 * known.count));
    const fresh = touchesOf(sessionKeys(150_000));
    measured['fresh']?.push(await measure(() => haproxy.push(fresh), fresh.count));
  }
  addMedians('touches of 50,000 viewers', measured['known'] ?? []);
  addMedians('touches that are joins', measured['fresh'] ?? []);

  // As on a site with some traffic: the agent is woken for each.
  const singles = singleTouches(keys.slice(0, 10_000));
  for (let round = 0; round < rounds; round++) {
    const paced = async (): Promise<void> => {
      const started = performance.now();
      for (const [i, touch] of singles.entries()) {
        haproxy.pushOne(touch);
        while (performance.now() - started < i / 5) await nextTurn();
      }
      await haproxy.acknowledged();
    };
    measured['single']?.push(await measure(paced, singles.length));
  }
  add('5,000 touches a second, one by one', 'agent-us/touch', median((measured['single'] ?? []).map(([, us]) => us)));
  haproxy.stop();
  await agent.stop();
  await fleet.stop();
}

/**
 * HAProxy's processor time for a request with the agent as its peer and without, in turn within one run; and of a second HAProxy without, which
 * differs from the first by nothing but chance. Sessions of 1 master, 10 media playlists and 100 segments.
 */
async function benchCost(): Promise<void> {
  // Short turns and many of them: what else goes on in the machine meets all kinds alike.
  const turns = Math.ceil(rounds * 2.4);
  const fleet = await startFleet(streamCount, 18888);
  const origin = await startOrigin(folder, serverAddresses);
  const agent = await startAgent(otherCores);
  const kinds = ['without', 'without, again', 'with'] as const;
  const haproxies = new Map<(typeof kinds)[number], { readonly process: Process; readonly url: string }>();
  for (const [i, kind] of kinds.entries()) haproxies.set(kind, await startHaproxy(`lb${i}`, i, kind === 'with'));
  const script = join(folder, 'sessions.lua');
  writeFileSync(script, sessionsScript);
  const costs = new Map<string, number[]>(kinds.map((kind) => [kind, []]));
  const agentCosts: number[] = [];
  const told: number[] = [];
  for (let round = 0; round <= turns; round++) {
    for (let turn = 0; turn < kinds.length; turn++) {
      // Each is first, second and last in turn.
      const kind = kinds[(round + turn) % kinds.length] ?? 'with';
      const haproxy = haproxies.get(kind);
      if (haproxy === undefined) throw new Error(`no HAProxy ${kind}`);
      const [cpu, agentCpu, touches] = [haproxy.process.cpuSeconds(), agent.cpuSeconds(), await touchesTold()];
      const load = await wrk(haproxy.url, script, secondsEach);
      // The first round fills the tables.
      if (round === 0) continue;
      costs.get(kind)?.push(((haproxy.process.cpuSeconds() - cpu) / load.requests) * 1e6);
      if (kind !== 'with') continue;
      agentCosts.push(((agent.cpuSeconds() - agentCpu) / load.requests) * 1e6);
      told.push(((await touchesTold()) - touches) / load.requests);
    }
  }
  const without = costs.get('without') ?? [];
  const ratioTo = (kind: string): number => median((costs.get(kind) ?? []).map((us, i) => us / (without[i] ?? 0)));
  add('a request, no peer', 'haproxy-us/req', median(without));
  add('a request, the agent as peer', 'haproxy-us/req', median(costs.get('with') ?? []));
  add('a request, the agent as peer', 'ratio of haproxy-us', ratioTo('with'), { yardstick: 'a request, no peer' });
  add('a request, no peer, another HAProxy', 'ratio of haproxy-us', ratioTo('without, again'), {
    yardstick: 'a request, no peer',
  });
  add('a request, the agent as peer', 'touches-told/req', median(told));
  add('a request, the agent as peer', 'agent-us/req', median(agentCosts));
  for (const { process: haproxy } of haproxies.values()) await haproxy.stop();
  for (const process of [agent, origin]) await process.stop();
  await fleet.stop();
}

/** Memory of an agent of its own while 200,000 viewers go on watching; the yardstick is a Map of their keys, in a process of its own. */
async function benchMemory(): Promise<void> {
  const viewers = 200_000;
  const fleet = await startFleet(streamCount);
  const agent = await startAgent(haproxyCore);
  const haproxy = await connectStream(home, 9102, 'bench');
  await wait(5);
  const idleMb = agent.rssMb();
  const touches = touchesOf(sessionKeys(viewers));
  const measured: number[] = [];
  for (let pass = 0; pass < rounds; pass++) {
    const started = performance.now();
    await haproxy.push(touches);
    await pause(4000 - (performance.now() - started));
    measured.push(agent.rssMb());
  }
  const count = Number(/^mtxpilot_viewers (\d+)$/m.exec(await metrics())?.[1]);
  if (count !== viewers) throw new Error(`the agent counts ${count} viewers`);
  add('an idle agent', 'rss-MB', idleMb);
  const overIdleMb = Math.max(...measured) - idleMb;
  const floorMb = await mapFloorMb(viewers);
  add('200,000 viewers, at most', 'rss-MB-over-idle', overIdleMb);
  add('a Map of 200,000 keys', 'rss-MB-over-idle', floorMb);
  add('200,000 viewers, at most', 'ratio of rss-over-idle', overIdleMb / floorMb, {
    goal: '<=1',
    yardstick: 'a Map of 200,000 keys',
  });
  haproxy.stop();
  await agent.stop();
  await fleet.stop();
}

/** What bench/map-floor.mjs needs for so many viewers, in MB. */
async function mapFloorMb(viewers: number): Promise<number> {
  const child = spawn(process.execPath, ['bench/map-floor.mjs', String(viewers), String(streamCount)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  for await (const chunk of child.stdout) text += String(chunk);
  return Number(text);
}

/**
 * What `emit` costs its caller while the events before are being written to a folder, and how soon an event is stored. The yardstick is what a caller would
 * pay who wrote each event to a file himself, without waiting for the disk.
 */
async function benchEvents(): Promise<void> {
  const seconds = Math.min(10, 5 * secondsEach);
  const { store, events } = await openEvents('events');
  const took: number[] = [];
  const floorTook: number[] = [];
  const keptMs: number[] = [];
  const emittedMs: number[] = [];
  events.subscribe(() => keptMs.push(performance.now() - (emittedMs[keptMs.length] ?? 0)));
  const eventOf = (i: number) =>
    ({
      type: i % 2 === 0 ? 'stream.started' : 'stream.ended',
      stream: `live/studio/${i % 1000}`,
      server: 'mtx1',
      reason: 'its publisher left',
      evidence: 'inventory',
      data: { publisherSince: '2026-01-01T00:00:00.000Z' },
    }) as const;
  const emitOne = (i: number): void => {
    const started = performance.now();
    emittedMs.push(started);
    events.emit(eventOf(i));
    took.push(performance.now() - started);
  };
  const file = openSync(join(folder, 'events.jsonl'), 'w');
  const writeOne = (i: number): void => {
    const started = performance.now();
    writeSync(file, `${JSON.stringify({ ...eventOf(i), time: new Date().toISOString() })}\n`);
    floorTook.push(performance.now() - started);
  };
  const addEmit = (name: string, from: number): void => {
    const [p99, floorP99] = [quantile(took.slice(from), 0.99), quantile(floorTook.slice(from), 0.99)];
    add(name, 'emit-p99-ms', p99);
    add(name, 'emit-max-ms', Math.max(...took.slice(from)));
    add(`${name}, each written to a file`, 'emit-p99-ms', floorP99);
    add(name, 'ratio of emit-p99', p99 / floorP99, { goal: '<=3', yardstick: 'each written to a file' });
  };

  const started = performance.now();
  let count = 0;
  while (performance.now() - started < seconds * 1000) {
    // 2,000 a second, in turns of the event loop as they come.
    for (; count < (performance.now() - started) * 2; count++) {
      emitOne(count);
      writeOne(count);
    }
    await pause(1);
  }
  await events.whenStored();
  addEmit('2,000 events a second', 1000);
  add('2,000 events a second', 'stored-p99-ms', quantile(keptMs.slice(1000), 0.99));

  // A server that fails takes all its streams with it.
  took.length = 0;
  floorTook.length = 0;
  for (let burst = 0; burst < 2 * rounds; burst++) {
    for (let i = 0; i < 10_000; i++) emitOne(i);
    await events.whenStored();
    for (let i = 0; i < 10_000; i++) writeOne(i);
  }
  closeSync(file);
  addEmit('10,000 events in one turn', 0);
  if (events.stats.dropped > 0) throw new Error(`${events.stats.dropped} events were dropped`);
  await events.stop();
  await store.close();
}

/** Events from the log to receivers in a process of their own: every one signed, over loopback. */
async function benchDeliveries(): Promise<void> {
  const eventCount = 5000;
  const cases = [
    { name: 'one webhook, 500 streams', webhooks: 1, streams: 500 },
    { name: 'four webhooks, 500 streams', webhooks: 4, streams: 500 },
    { name: 'one webhook, one stream (in order)', webhooks: 1, streams: 1 },
  ];
  for (const [i, { name, webhooks, streams }] of cases.entries()) {
    const { store, events, log } = await openEvents(`deliveries-${i}`);
    const receivers = await Promise.all(Array.from({ length: webhooks }, startReceiver));
    const webhook = (port: number): Webhook => ({
      url: `http://127.0.0.1:${port}/`,
      token: 'a-token-of-the-bench',
      secret: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
      timeoutMs: 10_000,
      types: [],
      giveUpAfterMs: 3_600_000,
    });
    const delivery = createDelivery({
      webhooks: new Map(receivers.map(({ port }, n) => [`receiver-${n}`, webhook(port)])),
      store,
      events,
      log,
    });
    await delivery.start();
    const taken = async (): Promise<number> => {
      const counts = await Promise.all(
        receivers.map(async ({ port }) => Number(await (await fetch(`http://127.0.0.1:${port}/`)).text())),
      );
      return counts.reduce((sum, count) => sum + count, 0);
    };
    const rates: number[] = [];
    for (let round = 1; round <= 1 + Math.min(3, rounds); round++) {
      const before = await taken();
      const started = performance.now();
      for (let n = 0; n < eventCount; n++) {
        events.emit({ type: 'stream.moved', stream: `live/${n % streams}`, server: 'mtx1', evidence: 'inventory' });
      }
      const isDone = (): boolean =>
        [...delivery.stats.values()].every(({ attempts }) => attempts.ok >= round * eventCount);
      while (!isDone()) await pause(5);
      // The first one warms everything up.
      if (round > 1) rates.push(((await taken()) - before) / ((performance.now() - started) / 1000));
    }
    add(name, 'deliveries/s', median(rates));
    await delivery.stop();
    await events.stop();
    await store.close();
    for (const { child } of receivers) child.kill();
  }
}

/** From the start of the navigation to the first streams on the page, with 10,000 of them, in a browser without a cache. */
async function benchPage(): Promise<void> {
  const streams = 10_000;
  const fleet = await startFleet(streams);
  const agent = await startAgent(haproxyCore);
  await until(async () => (await streamsKnown(`${home}:9101`)) === streams);
  const browser = await launchBrowser();
  const times: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const { page, context } = await openDashboard(browser, 'about:blank');
    // Noted by the page itself, in the frame in which the row is there.
    await page.addInitScript(`(() => {
      const look = () => {
        const row = document.querySelector('[role=option] .stream-name');
        if (row === null) requestAnimationFrame(look);
        else requestAnimationFrame(() => { window.firstViewMs = performance.now(); });
      };
      look();
    })()`);
    await page.goto(`http://${home}:9101/#/streams`);
    times.push(
      await page.evaluate<number>(`new Promise((done) => {
        const look = () => (window.firstViewMs === undefined ? setTimeout(look, 20) : done(window.firstViewMs));
        look();
      })`),
    );
    await context.close();
  }
  add('page with 10,000 streams, browser just started', 'first-view-ms', times[0] ?? 0);
  add('page with 10,000 streams', 'first-view-ms', median(times.slice(1)));
  await browser.close();
  await agent.stop();
  await fleet.stop();
}

/** Three stand-ins that share the streams. */
async function startFleet(streams: number, hlsPort = 8888): Promise<SimFleet> {
  const fleet = await createSimFleet({ firstAddress: serverAddresses[0] ?? '', hlsPort, requestLogLimit: 0 });
  for (let i = 0; i < streams; i++) fleet.servers[i % 3]?.publish(`live/${i}`);
  return fleet;
}

function startAgent(cores: string): Promise<Process> {
  return startAnyAgent({
    folder,
    http: `${home}:9101`,
    cores,
    settings: {
      spoe: { listen: `${home}:9100` },
      peers: { listen: `${home}:9102` },
      servers: hlsAddresses.map((address, i) => ({ name: `mtx${i + 1}`, address })),
    },
  });
}

/** The shipped haproxy.cfg on one thread, with or without the agent as its peer; all else, its table and its own peer too, is the same. */
async function startHaproxy(
  name: string,
  number: number,
  hasPeer: boolean,
): Promise<{ readonly process: Process; readonly url: string }> {
  const bind = `${home}:${8080 + number}`;
  const haproxy = await startShippedHaproxy({
    folder,
    name,
    bind,
    edit: (shipped) => (hasPeer ? shipped : replaced(shipped, /^ {4}peer mtxpilot .*\n/m, '')),
    servers: hlsAddresses,
    environment: {
      MTX_NODE: name,
      MTX_AGENT: `${home}:9100`,
      MTX_AGENT_HTTP: `${home}:9101`,
      MTX_ADMIN_SOCKET: join(folder, `${name}.sock`),
      MTX_PEER: `${home}:${10_000 + number}`,
      MTX_AGENT_PEER: `${home}:9102`,
    },
  });
  if (hasPeer) await until(async () => /^mtxpilot_peers_nodes 1$/m.test(await metrics()));
  return { process: haproxy, url: `http://${bind}` };
}

interface BenchEvents {
  readonly store: Store;
  readonly events: EventLog;
  readonly log: ReturnType<typeof createLogger>;
}

/** The log of events over an embedded store in a folder of its own, in this process. */
async function openEvents(name: string): Promise<BenchEvents> {
  const log = createLogger('error');
  const store = await openStore({ folder: join(folder, name), log });
  const keep = { count: 100_000, ageMs: 3_600_000 };
  return { store, log, events: createEventLog({ store, source: '/mtxpilot/bench', log, keep }) };
}

async function startReceiver(): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const child = spawn(process.execPath, ['bench/receiver.mjs'], { stdio: ['ignore', 'pipe', 'inherit'] });
  process.once('exit', () => child.kill());
  const port = await new Promise<number>((told) => child.stdout.once('data', (text: Buffer) => told(Number(text))));
  return { child, port };
}

/** Viewers that are new, spread over the streams. */
function sessionKeys(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `live/${i % streamCount}|${randomUUID()}`);
}

async function metrics(): Promise<string> {
  return (await fetch(`http://${home}:9101/metrics`)).text();
}

async function touchesTold(): Promise<number> {
  const text = await metrics();
  return Number(/^mtxpilot_peers_updates_total\{kind="live"\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await pause(50);
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * q) - 1)] ?? 0;
}

/** Sessions in groups of 500, new ones all the time: first the masters of a group, then its children. */
const sessionsScript = `
local group, first, step, n = 500, 0, 0, 0
local run = tostring(os.time())
function request()
  local session = first + n
  local name = step == 0 and "index.m3u8" or step <= 10 and "video1_stream.m3u8" or "video1_seg" .. step .. ".mp4"
  n = n + 1
  if n == group then n = 0; step = step + 1 end
  if step == 111 then step = 0; first = first + group end
  return "GET /live/" .. (session % ${streamCount}) .. "/" .. name .. "?mtxs=" .. run .. "-" .. session .. " HTTP/1.1\\r\\nHost: bench\\r\\n\\r\\n"
end`;

run({
  touches: benchTouches,
  cost: benchCost,
  memory: benchMemory,
  events: benchEvents,
  deliveries: benchDeliveries,
  page: benchPage,
});
