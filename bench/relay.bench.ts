/**
 * npm run bench relay: what live streams through the relay cost, against a program that only pipes. `-- --part=cost` (or memory, first, gaps) runs one part.
 * The relay has one core to itself; provider and clients share the others.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { stringify } from 'yaml';
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
  add('100 clients', 'KB/client', of(measured.relay, 'kbPerClient'));
  add('100 clients, shared', 'KB/client', of(measured.shared, 'kbPerClient'));
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
  for (const [name, count, mode, settings] of [
    ['1,000 clients', 1000, '', {}],
    ['1,000 clients, shared', 1000, '', { share: 'stream' }],
    ['200 clients that stopped', 200, 'stopped', { clientTimeout: '1h' }],
  ] as const) {
    const [relay, url] = await startRelay(settings);
    const idleMb = relay.rssMb();
    const clients = await startClients(url, count, mode);
    await wait(mode === 'stopped' ? 15 : 5);
    add(name, 'KB/client', ((relay.rssMb() - idleMb) * 1024) / count);
    await clients.stop();
    await relay.stop();
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

/** How long no byte comes at a failover, as 100 clients see it. */
async function benchGaps(): Promise<void> {
  const provider = await startProvider();
  for (const [name, isCut] of [
    ['by hand', false],
    ['a cut', true],
  ] as const) {
    const pauses: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const [relay, url, id] = await startRelay();
      const clients = await startClients(url, 100);
      await wait(3);
      await clients.ask('?');
      if (isCut) provider.tell('cut /one.ts');
      else await fetch(`http://${host}:${relayPort}/streams/${id}/failover`, { method: 'POST' });
      await wait(5);
      pauses.push(...(await clients.ask('?')).longestMs);
      await clients.stop();
      const metrics = await (await fetch(`http://${host}:${relayPort}/metrics`)).text();
      const sum = /^mtxpilot_relay_failover_byte_gap_seconds_sum (\S+)/m.exec(metrics)?.[1];
      const count = /^mtxpilot_relay_failover_byte_gap_seconds_count (\S+)/m.exec(metrics)?.[1];
      add(`failover, ${name}, 100 clients`, 'mean-byte-gap-ms', (Number(sum) / Number(count)) * 1000);
      await relay.stop();
    }
    pauses.sort((a, b) => a - b);
    add(`failover, ${name}, 100 clients`, 'pause-median-ms', median(pauses));
    add(`failover, ${name}, 100 clients`, 'pause-p99-ms', pauses[Math.ceil(pauses.length * 0.99) - 1] ?? 0);
  }
  await provider.stop();
}

run({ cost: benchCost, memory: benchMemory, first: benchFirstByte, gaps: benchGaps });
