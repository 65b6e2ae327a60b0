import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Child, startChild } from './child-process';
import { GiveUp, until } from './until';

/** The HAProxy under test; the matrix sets it to other versions. */
export const haproxyBin = process.env['HAPROXY_BIN'] || 'haproxy';

export const haproxyVersion =
  /version (\d+\.\d+)/.exec(execFileSync(haproxyBin, ['-v'], { encoding: 'utf8' }))?.[1] ?? '?';

export type Bridge = 'spoe' | 'lua';

export interface Haproxy {
  readonly child: Child;
  /** Where viewers come in, `http://address:port`. */
  readonly url: string;
  readonly socket: string;
  /** One Runtime API command and its reply. */
  runtime(command: string): Promise<string>;
  /** Reloads as `systemctl reload` does, and waits until the new worker answers. */
  reload(): Promise<void>;
  /** The same however old the process is, whether its tables are in sync or not. */
  reloadNow(): Promise<void>;
  /** Ends it and starts it anew, with the same addresses: nothing is passed on. */
  restart(signal?: NodeJS.Signals): Promise<void>;
  /** HAProxy's own log lines about requests. */
  requests(): RequestLine[];
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface RequestLine {
  readonly server: string;
  readonly status: number;
  readonly stream: string;
  readonly session: string;
  readonly state: string;
  readonly error: string;
  readonly retries: string;
  /** Milliseconds from the first byte of the request to the last of the answer. */
  readonly totalMs: number;
  readonly path: string;
  readonly line: string;
}

export interface HaproxyOptions {
  readonly bind: string;
  readonly servers: readonly string[];
  readonly env?: Record<string, string>;
  /** Another configuration file than the shipped one. */
  readonly config?: string;
}

/**
 * The log lines of `count` requests, once they have come. HAProxy drops a line rather than wait for whoever reads it, so some may be
 * missing: up to a tenth, when no more have come for a second.
 */
export async function logLines(read: () => RequestLine[], count: number): Promise<RequestLine[]> {
  let last = { length: 0, at: performance.now() };
  return until(`the log lines of ${count} requests`, () => {
    const lines = read();
    if (lines.length !== last.length) last = { length: lines.length, at: performance.now() };
    const isOver = lines.length >= count * 0.9 && performance.now() - last.at > 1000;
    return (lines.length >= count || isOver) && lines;
  });
}

/** Starts the shipped haproxy.cfg in master-worker mode with the given addresses, and waits until it listens. */
export async function startHaproxy(options: HaproxyOptions): Promise<Haproxy> {
  const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-haproxy-'));
  const socket = join(folder, 'admin.sock');
  const masterSocket = join(folder, 'master.sock');
  const [host = '', port = ''] = options.bind.split(':');
  const env: Record<string, string> = {
    MTX_BIND: options.bind,
    MTX_ADMIN_SOCKET: socket,
    MTX_PEER: `${host}:10000`,
    MTX_AGENT_PEER: `${host}:9102`,
    MTX_LUA: resolve('lua-bridge/mtxpilot.lua'),
    ...Object.fromEntries(options.servers.map((server, i) => [`MTX${i + 1}`, server])),
    ...options.env,
  };
  const run = (): Child =>
    startChild(
      haproxyBin,
      ['-W', '-S', masterSocket, '-db', '-f', options.config ?? resolve('haproxy/haproxy.cfg')],
      env,
      folder,
    );
  let child = run();
  /**
   * Whether the master has loaded the configuration more than so many times and does its work. It replaces itself at the end of each loading,
   * and a signal that comes before it is done (HAProxy up to 3.0) is lost.
   */
  const isMasterReady = async (loadings: number): Promise<boolean> =>
    loadingsOf(child) > loadings &&
    (await runtimeCommand(masterSocket, 'show proc; quit').catch(() => '')).includes('worker');
  const answers = () =>
    until(`HAProxy on ${options.bind}`, async () => {
      if (child.process.exitCode !== null) throw new GiveUp(child.lines.join('\n'));
      return (await isMasterReady(0)) && (await canConnect(host, Number(port))) && (await workerPid(socket));
    });
  let isReloaded = false;
  const haproxy: Haproxy = {
    get child() {
      return child;
    },
    url: `http://${options.bind}`,
    socket,
    runtime: (command) => runtimeCommand(socket, command),
    async reload() {
      // Until 5 s after a start without a predecessor, HAProxy 2.6 does not count its tables as in sync, and would not pass them on.
      await until('HAProxy to be in sync', async () => isReloaded || (await uptimeSeconds(socket)) >= 6, 100);
      isReloaded = true;
      await haproxy.reloadNow();
    },
    async reloadNow() {
      const [before, loadings] = [await workerPid(socket), loadingsOf(child)];
      child.process.kill('SIGUSR2');
      await until('the new HAProxy worker', async () => {
        const pid = (await isMasterReady(loadings)) ? await workerPid(socket) : undefined;
        return pid !== undefined && pid !== before;
      });
    },
    async restart(signal) {
      await child.stop(signal);
      isReloaded = false;
      child = run();
      await answers();
    },
    requests: () => child.lines.map(parseRequestLine).filter((line) => line !== undefined),
    async stop(signal) {
      await child.stop(signal);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await answers().catch(async (error: unknown) => {
    await haproxy.stop('SIGKILL');
    throw error;
  });
  return haproxy;
}

function loadingsOf({ lines }: Child): number {
  return lines.filter((line) => line.endsWith('Loading success.')).length;
}

async function workerPid(socket: string): Promise<string | undefined> {
  return /^Pid: (\d+)$/m.exec(await runtimeCommand(socket, 'show info').catch(() => ''))?.[1];
}

async function uptimeSeconds(socket: string): Promise<number> {
  return Number(/^Uptime_sec: (\d+)$/m.exec(await runtimeCommand(socket, 'show info'))?.[1]);
}

function canConnect(host: string, port: number): Promise<boolean> {
  return new Promise((done) => {
    const connection = connect(port, host, () => {
      connection.destroy();
      done(true);
    });
    connection.once('error', () => done(false));
  });
}

function runtimeCommand(socket: string, command: string): Promise<string> {
  return new Promise((done, fail) => {
    let reply = '';
    const connection = connect(socket, () => connection.write(`${command}\n`));
    connection.setEncoding('utf8').on('data', (text: string) => {
      reply += text;
    });
    connection.once('error', fail).once('end', () => done(reply));
  });
}

const requestLine =
  /\[(?<at>[^\]]+)\] viewers \S+\/(?<server>\S+) \S+\/\S+\/\S+\/\S+\/\+?(?<total>-?\d+) (?<status>-?\d+) \S+ \S+ (?<retries>\S+) stream=(?<stream>\S*) session=(?<session>\S*) state=(?<state>\S*) decided=\S* error=(?<error>\S*) "(?<method>[A-Z]+) (?<path>\S+)/;

export function parseRequestLine(line: string): RequestLine | undefined {
  const groups = requestLine.exec(line)?.groups;
  if (groups === undefined) return undefined;
  const {
    server = '',
    status = '',
    stream = '',
    session = '',
    state = '',
    error = '',
    retries = '',
    total = '',
    path = '',
  } = groups;
  return { server, status: Number(status), stream, session, state, error, retries, totalMs: Number(total), path, line };
}
