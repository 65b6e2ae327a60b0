import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { cpus } from 'node:os';

/** The core that HAProxy has to itself; everything else runs on the others. */
export const haproxyCore = '0';
export const otherCores = cpus().length > 1 ? `1-${cpus().length - 1}` : '0';

// The bench itself keeps off HAProxy's core as well, with the stand-ins that it holds; threads that come later inherit it.
execFileSync('taskset', ['-a', '-c', '-p', otherCores, String(process.pid)], {
  stdio: ['ignore', 'ignore', 'inherit'],
});

/** The HAProxy that is measured. */
export const haproxyBin = process.env['HAPROXY_BIN'] ?? 'haproxy';

export const haproxyVersion = /version (\S+)/.exec(execFileSync(haproxyBin, ['-v'], { encoding: 'utf8' }))?.[1] ?? '?';

/** A line about the machine, for the head of a table. */
export function machine(): string {
  const gib = Number(/MemTotal:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) / 2 ** 20;
  return `${cpus().length} cores ${cpus()[0]?.model ?? ''}, ${gib.toFixed(0)} GiB, Linux, Node ${process.version}, HAProxy ${haproxyVersion}`;
}

export interface Process {
  readonly pid: number;
  /** Seconds of processor time used so far, user and system. */
  cpuSeconds(): number;
  rssMb(): number;
  stop(): Promise<void>;
}

process.setMaxListeners(50);

/** Starts a program on the given cores; its output is shown only when it ends with an error. */
export function start(
  cores: string,
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Process {
  const child = spawn('taskset', ['-c', cores, command, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-4000);
  });
  let stopping = false;
  const exited = new Promise<void>((done) =>
    child.once('exit', (code) => {
      if (!stopping && code !== 0) console.error(`${command} ended with ${code}: ${errors}`);
      done();
    }),
  );
  process.once('exit', () => child.kill('SIGKILL'));
  return { ...observe(pidOf(child)), stop: () => ((stopping = true), child.kill('SIGKILL'), exited) };
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('taskset could not be started');
  // taskset becomes the program: the process id stays.
  return child.pid;
}

/** Figures of any process, from /proc. */
export function observe(pid: number): Pick<Process, 'pid' | 'cpuSeconds' | 'rssMb'> {
  return {
    pid,
    // The scheduler counts nanoseconds for each thread; /proc/PID/stat only ticks of 10 ms, some percent of a short load.
    cpuSeconds: () => readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + nanoseconds(pid, thread), 0) / 1e9,
    rssMb: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024,
  };
}

function nanoseconds(pid: number, thread: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  } catch {
    // It ended since it was listed.
    return 0;
  }
}

/** Waits until somebody listens. */
export async function listening(host: string, port: number): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const open = await new Promise<boolean>((done) => {
      const connection = connect(port, host, () => {
        connection.destroy();
        done(true);
      });
      connection.once('error', () => done(false));
    });
    if (open) return;
    await new Promise((next) => setTimeout(next, 20));
  }
  throw new Error(`nobody listens on ${host}:${port}`);
}

export interface Load {
  readonly requests: number;
  readonly seconds: number;
  readonly requestsPerSecond: number;
}

/**
 * Runs wrk (asynchronously, so that stand-ins in this process go on answering) and reads its report.
 *
 * @throws Error when a request failed (an answer that is not 2xx or 3xx, or a socket error), or none was made: such a load says nothing.
 */
export async function wrk(url: string, script: string, seconds: number, connections = 32): Promise<Load> {
  const args = ['-c', otherCores, 'wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '-s', script, url];
  const child = spawn('taskset', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let report = '';
  for await (const chunk of child.stdout) report += String(chunk);
  const [, requests = '0', took = '0', unit = 's'] = /(\d+) requests in ([\d.]+)(m?s?)/.exec(report) ?? [];
  const errors =
    /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(report)?.slice(1).map(Number) ?? [];
  const bad = Number(/Non-2xx or 3xx responses: (\d+)/.exec(report)?.[1] ?? 0);
  const failed = bad + errors.reduce((sum, count) => sum + count, 0);
  if (failed > 0 || Number(requests) === 0) throw new Error(`${failed} of ${requests} requests failed:\n${report}`);
  const duration = Number(took) * (unit === 'm' ? 60 : 1);
  return {
    requests: Number(requests),
    seconds: duration,
    requestsPerSecond: Number(requests) / duration,
  };
}
