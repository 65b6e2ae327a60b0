import { createRoutePush, type RoutePush, type RoutePushOptions } from '../../../src/control/push';
import type { ServerView } from '../../../src/directory';
import type { Logger } from '../../../src/log';
import type { RuntimeError } from '../../../src/runtime';
import { fakeRuntimeClient } from '../../support/fake-runtime-client';

/** HAProxy's maps in memory, with its own words; one map, and a stick table of which only the clearing is seen. */
export interface FakeMap {
  /** The entries that lookups see, with duplicates. */
  entries: [string, string][];
  /** What is listed; undefined: HAProxy has no map. */
  file: string | undefined;
  /** Keys of the table `streams` that were cleared. */
  readonly cleared: string[];
  /** Of the process that answers. */
  pid: number;
  /** Calls instead of the usual answer; undefined lets it through. */
  spoil: ((command: string) => string | RuntimeError | undefined) | undefined;
}

const noSuchMap = 'Unknown map identifier. Please use #<id> or <file>.\n';

export function createFakeMap(entries: Record<string, string> = {}) {
  const map: FakeMap = { entries: Object.entries(entries), file: 'routes.map', cleared: [], pid: 1, spoil: undefined };
  const prepared = new Map<number, [string, string][]>();
  const payloads: string[] = [];
  let version = 0;
  let current = 0;

  const { client, asked } = fakeRuntimeClient((command, payload) => {
    payloads.push(...payload);
    const spoilt = map.spoil?.(command);
    if (spoilt !== undefined) return spoilt;
    const [verb, what, ...rest] = command.split(' ');
    if (verb === 'clear' && what === 'table') {
      map.cleared.push(rest.at(-1) ?? '');
      return '';
    }
    if (command === 'show info') return `Version: 3.0.11\nPid: ${map.pid}\nUptime_sec: 9\n`;
    if (command === 'show map') {
      const count = map.entries.length + [...prepared.values()].flat().length;
      const line = `0 (${map.file}) pattern loaded from file '${map.file}' used by map at file 'h.cfg' line 1. curr_ver=${current} next_ver=${version} entry_cnt=${count}\n`;
      return `# id (file) description\n${map.file === undefined ? '' : line}`;
    }
    const at = rest[0]?.startsWith('@') === true ? Number(rest.shift()?.slice(1)) : undefined;
    const [file, key = '', value = ''] = rest;
    if (map.file === undefined || file !== map.file) return noSuchMap;
    const lines = payload.map((line): [string, string] => {
      const [name = '', server = ''] = line.split(' ');
      return [name, server];
    });
    switch (verb ?? '') {
      case 'show':
        return map.entries.map(([name, server], i) => `0x${i.toString(16)} ${name} ${server}\n`).join('');
      case 'prepare':
        prepared.set(++version, []);
        return `New version created: ${version}\n`;
      case 'add':
        (at === undefined ? map.entries : (prepared.get(at) ?? [])).push(...lines);
        return '';
      case 'commit':
        if (at === undefined || !prepared.has(at)) return 'Version number out of range.\n';
        map.entries = prepared.get(at) ?? [];
        prepared.clear();
        current = at;
        return '';
      case 'set': {
        const found = map.entries.filter(([name]) => name === key);
        for (const entry of found) entry[1] = value;
        return found.length > 0 ? '' : 'entry not found.\n';
      }
      case 'del': {
        const before = map.entries.length;
        map.entries = map.entries.filter(([name]) => name !== key);
        return map.entries.length < before ? '' : 'Key not found.\n';
      }
      case 'clear':
        prepared.delete(at ?? -1);
        return '';
      default:
        throw new Error(`not expected: ${command}`);
    }
  });
  return Object.assign(map, { client, asked, payloads });
}

/** A directory that knows what the test tells it. */
export function createFakeDirectory(routes: Record<string, string> = {}) {
  const listeners = new Set<(stream: string) => void>();
  const known = new Map(Object.entries(routes));
  const servers = [fakeServer('mtx1'), fakeServer('mtx2'), fakeServer('mtx3')];
  return {
    route: (stream: string) => known.get(stream),
    routes: () => known.entries(),
    entry: () => undefined,
    onRouteChange(listener: (stream: string) => void) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    servers: () => servers as unknown as ServerView[],
    fakes: servers,
    listeners,
    /** `undefined`: the stream has no route any more. */
    change(stream: string, server: string | undefined) {
      if (server === undefined) known.delete(stream);
      else known.set(stream, server);
      for (const listener of listeners) listener(stream);
    },
    /** As `change`, but nobody is told. */
    changeQuietly(stream: string, server: string) {
      known.set(stream, server);
    },
  };
}

function fakeServer(name: string) {
  return {
    name,
    operational: 'UP',
    administrative: 'ready',
    streams: 0,
    api: { inventoryAgeMs: 1 as number | undefined },
  };
}

export interface LogLine {
  readonly level: string;
  readonly text: string;
}

export function createFakeLog(): { log: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const write = (level: string) => (fields: unknown, text?: string) => {
    lines.push({ level, text: text ?? String(fields) });
  };
  const log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  return { log: { ...log, isLevelEnabled: () => true }, lines };
}

/** A push between a fake HAProxy and a fake directory. */
export function createPushLab(
  inHaproxy: Record<string, string>,
  inDirectory: Record<string, string>,
  options: Partial<RoutePushOptions> = {},
) {
  const haproxy = createFakeMap(inHaproxy);
  const directory = createFakeDirectory(inDirectory);
  const { log, lines } = createFakeLog();
  const push: RoutePush = createRoutePush({
    node: 'edge',
    client: haproxy.client,
    directory,
    map: 'routes.map',
    log,
    collectMs: 1,
    checkEveryMs: 3_600_000,
    ...options,
  });
  return {
    haproxy,
    directory,
    lines,
    push,
    /** What lookups find. */
    lookups: () => Object.fromEntries([...haproxy.entries].reverse()),
    /** Commands but `show`. */
    orders: () => haproxy.asked.filter((command) => !command.startsWith('show')),
    isIdle: () => push.view().state === 'right',
  };
}
