import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createRuntimeClient, type RuntimeClient, showMaps } from '../src/runtime';
import { haproxyBin, haproxyCore, listening, type Process, start } from './processes';

export interface ShippedHaproxyOptions {
  /** Takes the configuration and everything that it names. */
  readonly folder: string;
  /** Tells apart the HAProxys of one folder: `lb1`. */
  readonly name: string;
  /** Where viewers connect: `127.0.0.1:8080`. */
  readonly bind: string;
  /** What is different from the shipped haproxy.cfg. */
  readonly edit?: (config: string) => string;
  /** Servers mtx1, mtx2, … instead of its three, as `address:port`. */
  readonly servers: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** The shipped haproxy.cfg on one thread, with a core of its own, when it has checked the agent. */
export async function startShippedHaproxy(options: ShippedHaproxyOptions): Promise<Process> {
  const { folder, name, bind, edit = (config: string) => config, servers, environment } = options;
  const shipped = readFileSync(resolve('haproxy/haproxy.cfg'), 'utf8');
  const config = withServers(edit(shipped), servers).replace(/^global\n/m, '$&    nbthread 1\n');
  const file = join(folder, `haproxy-${name}.cfg`);
  writeFileSync(file, config);
  for (const part of ['spoe.cfg', 'routes.map']) copyFileSync(resolve('haproxy', part), join(folder, part));
  const haproxy = start(haproxyCore, haproxyBin, ['-db', '-f', file], { MTX_BIND: bind, ...environment });
  const [host = '', port = ''] = bind.split(':');
  await listening(host, Number(port));
  // Until the agent's health check has passed, HAProxy neither asks it nor looks at its map.
  await pause(1500);
  return haproxy;
}

function withServers(config: string, addresses: readonly string[]): string {
  const list = addresses.map((address, i) => `    server mtx${i + 1} ${address}\n`).join('');
  return replaced(config, / {4}server mtx1 .*\n {4}server mtx2 .*\n {4}server mtx3 .*\n/, list);
}

/**
 * A part of haproxy.cfg is replaced.
 *
 * @throws Error when it is not there: then another HAProxy would be measured than the table says.
 */
export function replaced(config: string, part: RegExp, by: string): string {
  if (!part.test(config)) throw new Error(`haproxy.cfg has no ${part.source} any more`);
  return config.replace(part, () => by);
}

/** For haproxy.cfg: streams are looked up in `static.map`, which nobody keeps; writes that map for `live/0`, `live/1`, … on three servers. */
export function writeStaticMap(folder: string, streamCount: number): string {
  const map = Array.from({ length: streamCount }, (_, i) => `live/${i} mtx${(i % 3) + 1}\n`).join('');
  writeFileSync(join(folder, 'static.map'), map);
  return '    http-request set-var(txn.mtx.server) var(txn.stream),map_str(static.map) if master\n';
}

/** How many entries HAProxy's routes.map has; 0 where it cannot be told. */
export async function mapEntries(client: RuntimeClient): Promise<number> {
  const maps = await showMaps(client);
  return (maps.ok && maps.value.find(({ file }) => file === 'routes.map')?.entryCount) || 0;
}

/** Waits until HAProxy's routes.map has so many entries; `socket` is its Runtime API. */
export async function untilMapHas(socket: string, count: number): Promise<void> {
  const client = createRuntimeClient({ address: { path: socket } });
  while ((await mapEntries(client)) !== count) await pause(2);
}

/** Connections that HAProxy holds open at this moment on the Unix socket at `path`, as the kernel lists them. */
export function connectionsAt(path: string): number {
  // Num, RefCount, Protocol, Flags, Type, St (3: connected), Inode, Path. HAProxy binds to a name beside it, which it then renames.
  return readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .map((line) => line.split(/ +/))
    .filter(([, , , , , state, , name]) => state === '03' && name?.startsWith(path) === true).length;
}
