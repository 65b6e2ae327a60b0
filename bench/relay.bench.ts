/**
 * npm run bench relay: what live streams through the relay cost, against a program that only pipes. `-- --part=cost` (or memory, first, shared, gaps, splice) runs one part.
 * The relay has one core to itself; provider and clients share the others.
 */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { stringify } from 'yaml';
import { createPacketReader, packetLength } from '../src/mpegts';
import { isRandomAccess, pidOf, startsUnit } from '../src/mpegts/packet';
import { createClipFolder } from '../test/support/ts-clips';
import { until } from '../test/support/until';
import { createBench } from './bench';
import { haproxyCore, listening, otherCores, type Process, start } from './processes';
import { median } from './rows';

const { folder, rounds, add, wait, run } = createBench('relay', { rounds: 3, secondsEach: 5 });
const host = '127.81.0.1';
const [relayPort, pipePort, providerPort] = [8085, 8086, 8087];
const providerUrl = `http://${host}:${providerPort}`;
const clipSeconds = 6;
/** Of the clip, and of how the provider sends it. */
const [frameMs, gopMs, tickMs] = [40, 2000, 20];
/** A figure that is hardly another on another machine. */
const anyMachine = 'none: the same on all machines';

/** 4 Mbit/s, with a keyframe every two seconds. */
function makeClip(): { readonly file: string; readonly bytesPerSecond: number } {
  const clips = createClipFolder();
  const video = ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '50', '-keyint_min', '50', '-sc_threshold', '0'];
  const rate = ['-b:v', '3800k', '-minrate', '3800k', '-maxrate', '3800k', '-bufsize', '1900k', '-nal-hrd', 'cbr'];
  const bytes = clips.clip({ seconds: clipSeconds, size: '1280x720', video: [...video, ...rate] });
  const file = join(folder, 'live.ts');
  writeFileSync(file, bytes);
  clips.remove();
  return { file, bytesPerSecond: bytes.length / clipSeconds };
}

/** A process that is told something by lines, and answers by lines. */
interface Told {
  tell(line: string): void;
  ask(line: string): Promise<ClientFigures>;
  stop(): Promise<void>;
}

interface ClientFigures {
  readonly bytes: number;
  readonly firstMs: readonly (number | null)[];
  readonly longestMs: readonly number[];
  readonly ended: number;
}

function startTold(script: string, ...args: readonly string[]): Told {
  const child = spawn('taskset', ['-c', otherCores, process.execPath, resolve('bench', script), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout });
  process.once('exit', () => child.kill('SIGKILL'));
  return {
    tell: (line) => void child.stdin.write(`${line}\n`),
    ask(line) {
      const answer = new Promise<ClientFigures>((done) =>
        lines.once('line', (text) => done(JSON.parse(text) as ClientFigures)),
      );
      child.stdin.write(`${line}\n`);
      return answer;
    },
    stop: () =>
      new Promise((done) => {
        child.once('exit', () => done());
        child.kill('SIGKILL');
      }),
  };
}

async function startProvider(): Promise<Told & { readonly bytesPerSecond: number }> {
  const { file, bytesPerSecond } = makeClip();
  const provider = startTold('relay-provider.mjs', host, String(providerPort), file, String(bytesPerSecond));
  await listening(host, providerPort);
  return { ...provider, bytesPerSecond };
}

/** @returns the process, and the URL of a stream with two sources. */
async function startRelay(
  settings: Readonly<Record<string, unknown>> = {},
): Promise<[relay: Process, url: string, id: string]> {
  const file = join(folder, 'relay.yaml');
  const relay = { listen: `${host}:${relayPort}`, allow: [host], hosts: [host], ...settings };
  writeFileSync(file, stringify({ relay, log: { level: 'error' } }));
  const started = start(haproxyCore, process.execPath, [resolve('dist/cli/main.js'), 'relay', '--config', file]);
  await listening(host, relayPort);
  const response = await fetch(`http://${host}:${relayPort}/streams`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ url: `${providerUrl}/one.ts`, failover_urls: [`${providerUrl}/two.ts`] }),
  });
  const { stream_id: id } = (await response.json()) as { stream_id: string };
  return [started, `http://${host}:${relayPort}/stream/${id}`, id];
}

async function startPipe(): Promise<[Process, string]> {
  const args = [resolve('bench/relay-pipe.mjs'), host, String(pipePort), `${providerUrl}/one.ts`];
  const pipe = start(haproxyCore, process.execPath, args);
  await listening(host, pipePort);
  return [pipe, `http://${host}:${pipePort}/`];
}

/** Clients that have all got bytes. */
async function startClients(url: string, count: number, mode = ''): Promise<Told> {
  const clients = startTold('relay-clients.mjs', url, String(count), mode);
  await until('all clients', async () => (await clients.ask('?')).firstMs.every((ms) => ms !== null), 100);
  return clients;
}

interface Cost {
  readonly msPerMb: number;
  readonly kbPerClient: number;
  /** Delivered, of what the provider sends. */
  readonly share: number;
}

/** Of some clients, and nobody else. */
async function costOf(process: Process, url: string, count: number, bytesPerSecond: number): Promise<Cost> {
  const idleMb = process.rssMb();
  const clients = await startClients(url, count);
  await wait(2);
  await clients.ask('?');
  const [cpu, began] = [process.cpuSeconds(), performance.now()];
  await wait(5);
  const { bytes } = await clients.ask('?');
  const [used, seconds] = [process.cpuSeconds() - cpu, (performance.now() - began) / 1000];
  const kbPerClient = ((process.rssMb() - idleMb) * 1024) / count;
  await clients.stop();
  return { msPerMb: (used * 1000) / (bytes / 1e6), kbPerClient, share: bytes / (seconds * bytesPerSecond * count) };
}

/** Processor time and memory of 100 clients with 4 Mbit/s each, relay and pipe by turns; and of 500. */
async function benchCost(): Promise<void> {
  const provider = await startProvider();
  const { bytesPerSecond } = provider;
  const measured: { pipe: Cost[]; relay: Cost[]; shared: Cost[]; many: Cost[]; manyPipe: Cost[] } = {
    pipe: [],
    relay: [],
    shared: [],
    many: [],
    manyPipe: [],
  };
  for (let round = 0; round < rounds; round++) {
    for (const [name, count, settings] of [
      ['pipe', 100, undefined],
      ['relay', 100, {}],
      ['shared', 100, { share: 'stream' }],
      ['manyPipe', 500, undefined],
      ['many', 500, {}],
    ] as const) {
      const [process, url] = settings === undefined ? await startPipe() : await startRelay(settings);
      measured[name].push(await costOf(process, url, count, bytesPerSecond));
      await process.stop();
    }
  }
  await provider.stop();
  const of = (costs: readonly Cost[], key: keyof Cost) => median(costs.map((cost) => cost[key]));
  const pipeMs = of(measured.pipe, 'msPerMb');
  add('100 clients, a pipe', 'cpu-ms/MB', pipeMs);
  add('100 clients', 'cpu-ms/MB', of(measured.relay, 'msPerMb'));
  add('100 clients', 'ratio of cpu', of(measured.relay, 'msPerMb') / pipeMs, { goal: '<=1.2', yardstick: 'a pipe' });
  add('100 clients, shared', 'cpu-ms/MB', of(measured.shared, 'msPerMb'));
  add('100 clients, a pipe', 'KB/client', of(measured.pipe, 'kbPerClient'));
  add('100 clients', 'KB/client', of(measured.relay, 'kbPerClient'), { goal: '<=40', yardstick: anyMachine });
  add('100 clients, shared', 'KB/client', of(measured.shared, 'kbPerClient'), { goal: '<=24', yardstick: anyMachine });
  add('500 clients of 4 Mbit/s, a pipe', 'delivered of sent', of(measured.manyPipe, 'share'));
  add('500 clients of 4 Mbit/s', 'delivered of sent', of(measured.many, 'share'));
  const manyRatio = of(measured.many, 'share') / of(measured.manyPipe, 'share');
  add('500 clients of 4 Mbit/s', 'ratio of delivered', manyRatio, { goal: '>=0.99', yardstick: 'a pipe' });
}

/** Memory of 1,000 clients of a slow stream, and of clients that stopped reading. */
async function benchMemory(): Promise<void> {
  const { file, bytesPerSecond } = makeClip();
  const slow = Math.round(bytesPerSecond / 8);
  const provider = startTold('relay-provider.mjs', host, String(providerPort), file, String(slow));
  await listening(host, providerPort);
  for (const [name, count, mode, settings, goal] of [
    ['1,000 clients, a pipe', 1000, '', undefined, undefined],
    ['1,000 clients', 1000, '', {}, '<=40'],
    ['1,000 clients, shared', 1000, '', { share: 'stream' }, '<=24'],
    ['200 clients that stopped, a pipe', 200, 'stopped', undefined, undefined],
    ['200 clients that stopped', 200, 'stopped', { clientTimeout: '1h' }, '<=64'],
  ] as const) {
    const [process, url] = settings === undefined ? await startPipe() : await startRelay(settings);
    const idleMb = process.rssMb();
    const clients = await startClients(url, count, mode);
    await wait(mode === 'stopped' ? 15 : 5);
    const kbPerClient = ((process.rssMb() - idleMb) * 1024) / count;
    add(name, 'KB/client', kbPerClient, goal === undefined ? undefined : { goal, yardstick: anyMachine });
    await clients.stop();
    await process.stop();
  }
  await provider.stop();
}

/** Until a client has its first byte, one after the other. */
async function benchFirstByte(): Promise<void> {
  const provider = await startProvider();
  const times = { pipe: [] as number[], relay: [] as number[] };
  const [pipe, pipeUrl] = await startPipe();
  const [relay, relayUrl] = await startRelay();
  for (let number = 0; number < 40 * rounds; number++) {
    for (const [name, url] of [
      ['pipe', pipeUrl],
      ['relay', relayUrl],
    ] as const) {
      const began = performance.now();
      const leave = new AbortController();
      const response = await fetch(url, { signal: leave.signal });
      await response.body?.getReader().read();
      times[name].push(performance.now() - began);
      leave.abort();
    }
  }
  for (const one of [pipe, relay, provider]) await one.stop();
  add('first byte, a pipe', 'ms', median(times.pipe));
  add('first byte', 'ms', median(times.relay));
  add('first byte', 'ratio', median(times.relay) / median(times.pipe), { goal: '<=1.3', yardstick: 'a pipe' });
}

/** Until a client has a whole picture: its first key picture, when the next one begins. */
async function firstPictureMs(url: string): Promise<number> {
  const began = performance.now();
  const leave = new AbortController();
  const { body } = await fetch(url, { signal: leave.signal });
  const reader = createPacketReader();
  let hasKeyPicture = false;
  try {
    for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
      for (const run of reader.read(Buffer.from(chunk))) {
        for (let at = 0; at < run.length; at += packetLength) {
          if (pidOf(run, at) !== firstVideoPid || !startsUnit(run, at)) continue;
          if (hasKeyPicture) return performance.now() - began;
          hasKeyPicture = isRandomAccess(run, at);
        }
      }
    }
  } finally {
    leave.abort();
  }
  throw new Error(`${url} ended before a picture came`);
}

/** ffmpeg's. */
const firstVideoPid = 0x100;

/** How long somebody waits for a picture who comes to a stream that is played already, with and without a connection of his own. */
async function benchSecondViewer(): Promise<void> {
  const provider = await startProvider();
  const waits = { own: [] as number[], shared: [] as number[] };
  for (const [name, share] of [
    ['own', 'client'],
    ['shared', 'stream'],
  ] as const) {
    const [relay, url] = await startRelay({ share });
    const first = await startClients(url, 1);
    await wait(3);
    for (let viewer = 0; viewer < 8 * rounds; viewer++) {
      waits[name].push(await firstPictureMs(url));
      // At whatever place of a GOP.
      await wait(0.37);
    }
    await first.stop();
    await relay.stop();
  }
  await provider.stop();
  add('second viewer, a connection of his own', 'first-picture-ms', median(waits.own));
  add('second viewer, shared', 'first-picture-ms', median(waits.shared));
  const ofGop = median(waits.shared) / gopMs;
  add('second viewer, shared', 'first picture, of a GOP', ofGop, { goal: '<=0.15', yardstick: 'a GOP of 2 s' });
}

/** How long 100 clients wait at a failover: for the next source's first byte, for its picture, and for anything at all. */
async function benchGaps(): Promise<void> {
  const provider = await startProvider();
  const api = `http://${host}:${relayPort}`;
  for (const [name, isCut, settings, goal, yardstick] of [
    ['by hand', false, {}, '<=1', 'a frame'],
    ['a cut', true, {}, `<=${(gopMs + 100) / frameMs}`, 'a frame; a GOP has 50'],
    ['a cut with a hot standby', true, { standby: 'hot' }, '<=1', 'a frame'],
  ] as const) {
    const bytes: number[] = [];
    const bytesP99: number[] = [];
    const pictures: number[] = [];
    const pauses: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const [relay, url, id] = await startRelay(settings);
      const clients = await startClients(url, 100);
      await wait(3);
      await clients.ask('?');
      if (isCut) provider.tell('cut /one.ts');
      else await fetch(`${api}/streams/${id}/failover`, { method: 'POST' });
      await wait(5);
      pauses.push(...(await clients.ask('?')).longestMs);
      await clients.stop();
      const times = await fetch(`${api}/metrics/performance?operation=failover`);
      const { p50, p99 } = (await times.json()) as { readonly p50: number; readonly p99: number };
      bytes.push(p50);
      bytesP99.push(p99);
      const why = (await (await fetch(`${api}/streams/${id}/why`)).json()) as {
        recentFailovers: readonly { readonly pictureGapMs: number }[];
      };
      pictures.push(...why.recentFailovers.map(({ pictureGapMs }) => pictureGapMs));
      await relay.stop();
    }
    const title = `failover, ${name}, 100 clients`;
    const tick = `the provider's ${tickMs} ms`;
    add(title, 'byte-gap-median-ms', median(bytes));
    add(title, 'byte gap, median', median(bytes) / tickMs, { goal: '<=1.25', yardstick: tick });
    add(title, 'byte gap, p99', Math.max(...bytesP99) / tickMs, { goal: '<=5', yardstick: tick });
    add(title, 'picture-gap-longest-ms', Math.max(...pictures));
    add(title, 'picture gap, longest', Math.max(...pictures) / frameMs, { goal, yardstick });
    add(title, 'pause-median-ms', median(pauses));
  }
  await provider.stop();
}

/** Processor time that the packets of a stream cost in this process: as they are, and behind a joint. */
function benchSplice(): Promise<void> {
  // As it runs: what is compiled while it is loaded takes four times as long.
  const built = createRequire(resolve('package.json'))('./dist/mpegts') as typeof import('../src/mpegts');
  const { createEntry, createPacketReader: createReader, createSplicer } = built;
  const { file } = makeClip();
  const clip = readFileSync(file);
  const chunks = Array.from({ length: Math.ceil(clip.length / 65_536) }, (_, n) =>
    clip.subarray(n * 65_536, (n + 1) * 65_536),
  );
  const passes = 200;
  const megabytes = (passes * clip.length) / 1e6;

  /** What is joined is changed in place, so each pass gets bytes of its own, in memory that is there already. */
  const places = Array.from({ length: 64 }, () => Buffer.alloc(65_536));
  let turn = 0;
  const fresh = (chunk: Buffer): Buffer => {
    const place = places[turn++ % places.length] ?? Buffer.alloc(0);
    chunk.copy(place);
    return place.subarray(0, chunk.length);
  };
  const msPerMb = (take: (bytes: Buffer) => unknown): number => {
    const { user, system } = process.cpuUsage();
    for (let pass = 0; pass < passes; pass++) for (const chunk of chunks) take(fresh(chunk));
    const used = process.cpuUsage({ user, system });
    return (used.user + used.system) / 1000 / megabytes;
  };

  const costs: { copy: number[]; parsed: number[]; joined: number[] } = { copy: [], parsed: [], joined: [] };
  for (let round = 0; round <= rounds; round++) {
    const [plain, joined] = [createSplicer(), createSplicer()];
    const entry = createEntry();
    joined.write(clip.subarray(0, Math.floor(clip.length / packetLength / 2) * packetLength));
    entry.write(Buffer.from(clip));
    if (entry.point === undefined) throw new Error('the clip has no keyframe');
    joined.join(entry.point);
    const [plainReader, joinedReader] = [createReader(), createReader()];
    const copy = msPerMb((bytes) => bytes);
    const parsed = msPerMb((bytes) => plainReader.read(bytes).map((packets) => plain.write(packets)));
    const spliced = msPerMb((bytes) => joinedReader.read(bytes).map((packets) => joined.write(packets)));
    // The first round warms up.
    if (round === 0) continue;
    costs.copy.push(copy);
    costs.parsed.push(parsed - copy);
    costs.joined.push(spliced - copy);
  }
  add('a stream as it is', 'parser, cpu-ms/MB', median(costs.parsed));
  add('a stream behind a joint', 'parser and splice, cpu-ms/MB', median(costs.joined));
  const splice = median(costs.joined.map((cost, n) => cost - (costs.parsed[n] ?? 0)));
  add('a stream behind a joint', 'splice, cpu-ms/MB', splice, { goal: '<=0.1', yardstick: anyMachine });
  return Promise.resolve();
}

run({
  cost: benchCost,
  memory: benchMemory,
  first: benchFirstByte,
  shared: benchSecondViewer,
  gaps: benchGaps,
  splice: benchSplice,
});
