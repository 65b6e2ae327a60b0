import type { FleetServer } from '../directory';
import type { Logger } from '../log';
import {
  emptySlotName,
  type HaproxyInfo,
  isAnotherProcess,
  isResolved,
  type RuntimeClient,
  type RuntimeError,
  type RuntimeResult,
  type ServerState,
  showInfo,
  showServersState,
  showStat,
} from '../runtime';
import { errorText } from '../wire';
import { type ApiUrlFor, fleetServers, type KindOf } from './fleet-servers';

/** HAProxy's names of the backends, by what their servers are; no relays are looked for where they have none. */
export type Backends = { readonly mediamtx: string; readonly relay: string | undefined };

/** What a server is, by its backend. */
export function kindIn(backends: Backends): KindOf {
  return ({ backendName }) => (backendName === backends.relay ? 'relay' : 'mediamtx');
}

/** One look at one HAProxy. */
export interface Observation {
  readonly haproxy: HaproxyInfo;
  /** Another process than at the look before, or the first look. */
  readonly isNewProcess: boolean;
  readonly states: readonly ServerState[];
  /** Names of the servers that are used only when no other is left. */
  readonly backups: ReadonlySet<string>;
}

export interface ObserverOptions {
  readonly client: RuntimeClient;
  /** HAProxy's names of the backends that hold the MediaMTX servers and the relays; a HAProxy may have no backend of relays. */
  readonly backends: Backends;
  readonly apiUrlFor: ApiUrlFor;
  /** The whole fleet, on the first answer and whenever anything in it changed. Not called while HAProxy cannot be asked. */
  readonly onServers: (servers: readonly FleetServer[]) => void;
  /** The process that answers, on the first answer and after each reload or restart (a new pid, or a younger uptime). */
  readonly onHaproxy: (haproxy: HaproxyInfo, before: HaproxyInfo | undefined) => void;
  /**
   * Acts on a look, after the other two were called; the next look waits for it. It resolves with the pause in milliseconds until that next
   * look where the usual one is too long. It must not reject.
   */
  readonly act?: (observation: Observation) => Promise<number | undefined>;
  readonly log: Logger;
  /** Pause between two polls. Default 1000. */
  readonly intervalMs?: number;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

export interface ObserverStats {
  polls: number;
  /** Polls without an answer that could be used. */
  failures: number;
  /** Times that another HAProxy process than before answered. */
  reloads: number;
  /** Times that the fleet was reported. */
  changes: number;
  /** The last poll was answered. */
  isUp: boolean;
}

export interface Observer {
  /** Polls now, and then again and again. A second call does nothing. */
  start(): void;
  /**
   * Resolves when a poll that began after the call has ended, with what was acted on it and the look that `act` wanted at once after it; it begins as
   * soon as one that runs is over.
   */
  pollNow(): Promise<void>;
  /** Gives up what is under way and stops for good; afterwards there is no timer, no connection and no further report. */
  stop(): Promise<void>;
  /** Why the last poll failed; undefined when it did not. */
  readonly lastError: RuntimeError | undefined;
  readonly failuresInRow: number;
  readonly stats: ObserverStats;
}

const noBackups: ReadonlySet<string> = new Set();

/** Estimates of one process's start differ by the rounding of its uptime and by how long an answer was on its way. */
const startToleranceMs = 5000;
/** Between two looks where addresses come from DNS: a server that gets one is to be in service within a second. */
const namesEveryMs = 250;
const resolvingSeconds = 5;

const nameOf = ({ serverName }: ServerState): string => serverName;

/**
 * Watches HAProxy's view of the fleet through the Runtime API. While the socket is away, the last report stands:
 * HAProxy serves viewers whether or not it can be asked.
 */
export function createObserver(options: ObserverOptions): Observer {
  const { client, backends, log, intervalMs = 1000, now: clock = () => performance.now() } = options;
  const stats: ObserverStats = { polls: 0, failures: 0, reloads: 0, changes: 0, isUp: false };
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let wake: (() => void) | undefined;
  let isWanted = false;
  const waiting: (() => void)[] = [];
  const served: (() => void)[] = [];
  let haproxy: HaproxyInfo | undefined;
  /** When that process started, by the monotonic clock. */
  let startedMs = 0;
  let reported: string | undefined;
  let lastFleet: readonly FleetServer[] = [];
  /** Servers that this process has had an address for: if one loses it, that is news and not a matter of its start. */
  let resolved = new Set<string>();
  let lastError: RuntimeError | undefined;
  let failuresInRow = 0;
  const kindOf = kindIn(backends);
  /** The process that has no backend of relays. */
  let withoutRelays: HaproxyInfo | undefined;
  let backups: ReadonlySet<string> | undefined;
  /** Of which servers that is known; undefined when it must be asked again. */
  let backupsAmong: string | undefined;

  type Look = { readonly error: RuntimeError } | { readonly pauseMs: number | undefined };

  const isStopped = (): boolean => stopping.signal.aborted;

  const observe = async (): Promise<Look> => {
    const info = await showInfo(client, { signal: stopping.signal });
    if (!info.ok) return { error: info.error };
    const answeredAt = clock();
    const states = await allServers(info.value);
    if (!states.ok) return { error: states.error };
    if (stopping.signal.aborted) return { pauseMs: undefined };
    // Between the two answers HAProxy may have been reloaded. A process that has only just started resolves its servers anew; an older one has lost them.
    if (states.value.some((state) => emptySlotName(state) !== undefined && resolved.has(state.serverName))) {
      const again = await showInfo(client, { signal: stopping.signal });
      if (!again.ok) return { error: again.error };
      if (isAnotherProcess(info.value, again.value)) return { pauseMs: 0 };
    }

    const before = haproxy;
    const startedBefore = startedMs;
    haproxy = info.value;
    startedMs = answeredAt - haproxy.uptimeSeconds * 1000;
    // One that was away for long may be older than the other was when last seen.
    const isAnother =
      before !== undefined && (isAnotherProcess(before, haproxy) || startedMs - startedBefore > startToleranceMs);
    if (isAnother) {
      stats.reloads += 1;
      log.info({ pid: haproxy.pid, before: before.pid, version: haproxy.version }, 'HAProxy was reloaded or restarted');
    }
    const isNewProcess = before === undefined || isAnother;
    if (isNewProcess) options.onHaproxy(haproxy, before);

    await lookForBackups(states.value, isNewProcess);
    if (isStopped()) return { pauseMs: undefined };
    if (isNewProcess) resolved = new Set();
    const found = fleetServers(states.value, { kindOf, apiUrlFor: options.apiUrlFor }, backups);
    for (const { name } of found) resolved.add(name);
    const servers = [...found, ...stillResolving(states.value, haproxy, found)];
    const isEmpty = (state: ServerState) => emptySlotName(state) !== undefined;
    const isLeftOut = (state: ServerState) => !isEmpty(state) && !servers.some(({ name }) => name === state.serverName);
    noteLeftOut(states.value.filter(isLeftOut).map(nameOf));
    noteEmpty(states.value.filter(isEmpty).map(nameOf));
    const now = JSON.stringify(servers);
    if (now !== reported) {
      log.debug({ servers }, 'the fleet, as HAProxy sees it');
      options.onServers(servers);
      reported = now;
      lastFleet = servers;
      stats.changes += 1;
    }
    const wanted = await options.act?.({
      haproxy,
      isNewProcess,
      states: states.value,
      backups: backups ?? noBackups,
    });
    const isWatched = states.value.some(isResolved);
    return { pauseMs: isWatched ? Math.min(wanted ?? namesEveryMs, namesEveryMs) : wanted };
  };

  /** The servers of both backends: those of MediaMTX first, then the relays whose name no other has. */
  const allServers = async (process: HaproxyInfo): Promise<RuntimeResult<ServerState[]>> => {
    const servers = await showServersState(client, backends.mediamtx, { signal: stopping.signal });
    if (!servers.ok) return servers;
    if (withoutRelays !== undefined && !isAnotherProcess(withoutRelays, process)) {
      withoutRelays = process;
      return servers;
    }
    withoutRelays = undefined;
    if (backends.relay === undefined) return servers;
    const relays = await showServersState(client, backends.relay, { signal: stopping.signal });
    if (!relays.ok && relays.error.reason !== 'not-found') return relays;
    if (!relays.ok) {
      withoutRelays = process;
      noteTwice([]);
      return servers;
    }
    const taken = new Set(servers.value.map(nameOf));
    noteTwice(relays.value.map(nameOf).filter((name) => taken.has(name)));
    return { ok: true, value: [...servers.value, ...relays.value.filter((state) => !taken.has(nameOf(state)))] };
  };

  /**
   * A process that has only just started asks for all names anew: what a server held is no more forgotten than its address, unless the process has given
   * the address to another slot.
   */
  const stillResolving = (
    states: readonly ServerState[],
    { uptimeSeconds }: HaproxyInfo,
    found: readonly FleetServer[],
  ): FleetServer[] => {
    if (uptimeSeconds >= resolvingSeconds) return [];
    const empty = new Set(states.filter((state) => emptySlotName(state) !== undefined).map(nameOf));
    const taken = new Set(found.map(({ apiUrl }) => apiUrl));
    return lastFleet.flatMap((known) =>
      empty.has(known.name) && !resolved.has(known.name) && !taken.has(known.apiUrl)
        ? [{ ...known, operational: 'DOWN' as const }]
        : [],
    );
  };

  /** Which servers are backups is a matter of the configuration: asked once for each process, and when there are others than before. */
  const lookForBackups = async (states: readonly ServerState[], isNewProcess: boolean): Promise<void> => {
    const among = states.map(({ serverName }) => serverName).join(' ');
    if (isNewProcess) backupsAmong = undefined;
    if (among === backupsAmong) return;
    const found = new Set<string>();
    for (const backend of new Set(states.map(({ backendName }) => backendName))) {
      const stat = await showStat(client, backend, { signal: stopping.signal });
      // What was known stands, and it is asked again at the next look.
      if (!stat.ok) {
        log.debug({ backend, reason: stat.error.reason }, 'which servers are backups is not known');
        return;
      }
      for (const { isBackup, server } of stat.value) if (isBackup) found.add(server);
    }
    backups = found;
    backupsAmong = among;
  };

  const noteLeftOut = whenOthers((names) => {
    if (names.length === 0) log.info({ socket: client.name }, 'every server has an address again');
    else {
      const text = 'servers without an address are left out, give their API URLs in mediamtx.servers';
      log.warn({ servers: names }, text);
    }
  });

  const noteTwice = whenOthers((names) => {
    const { mediamtx, relay } = backends;
    if (names.length === 0) log.info({ socket: client.name }, 'every server has a name of its own again');
    else {
      const text = `a server of ${mediamtx} and one of ${relay ?? ''} have the same name: the relay is left out until its name is another`;
      log.warn({ servers: names }, text);
    }
  });

  const noteEmpty = whenOthers((names) => {
    if (names.length === 0) log.info({ socket: client.name }, 'every slot has an address');
    else log.info({ slots: names }, 'slots without an address are no servers until HAProxy has one');
  });

  // An error is logged when it begins, when it becomes another, and when it ends; not at every poll.
  const note = (error: RuntimeError | undefined) => {
    const before = lastError;
    lastError = error;
    stats.isUp = error === undefined;
    failuresInRow = error === undefined ? 0 : failuresInRow + 1;
    if (error === undefined) {
      if (before !== undefined) log.info({ socket: client.name }, 'HAProxy answers again');
      return;
    }
    stats.failures += 1;
    if (error.reason === before?.reason) return;
    const standing = reported === undefined ? 'no servers are known yet' : 'the last known servers stay in use';
    log.warn({ socket: client.name, reason: error.reason }, `${error.message}; ${standing}`);
  };

  const pause = (pauseMs: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => wake?.(), pauseMs);
      wake = () => {
        clearTimeout(timer);
        wake = undefined;
        resolve();
      };
      if (isWanted || stopping.signal.aborted) wake();
    });

  /** A look must never end the watch: what it met is a bug, or a configuration that nobody thought of. */
  const unforeseen = (error: unknown): Look => {
    const message = `what ${client.name} said cannot be used: ${errorText(error)}`;
    log.debug({ socket: client.name, error }, message);
    return { error: { reason: 'unexpected', message } };
  };

  const loop = async (): Promise<void> => {
    while (!isStopped()) {
      isWanted = false;
      served.push(...waiting.splice(0));
      stats.polls += 1;
      const look = await observe().catch(unforeseen);
      const error = 'error' in look ? look.error : undefined;
      if (!isStopped()) note(error);
      const pauseMs = 'error' in look ? undefined : look.pauseMs;
      // What was done is seen at the look that follows at once.
      if (pauseMs !== 0 || isStopped()) for (const resolve of served.splice(0)) resolve();
      if (!isStopped()) await pause(Math.min(intervalMs, pauseMs ?? intervalMs));
    }
    for (const resolve of waiting.splice(0)) resolve();
  };

  return {
    start() {
      if (running === undefined && !stopping.signal.aborted) running = loop();
    },
    pollNow() {
      if (running === undefined || stopping.signal.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        waiting.push(resolve);
        isWanted = true;
        wake?.();
      });
    },
    async stop() {
      stopping.abort();
      wake?.();
      await running;
    },
    get lastError() {
      return lastError;
    },
    get failuresInRow() {
      return failuresInRow;
    },
    stats,
  };
}

/** Calls `log` when the names are others than before; at first there are none. */
function whenOthers(log: (names: readonly string[]) => void): (names: readonly string[]) => void {
  let before = '';
  return (names) => {
    const now = names.join(' ');
    if (now !== before) log(names);
    before = now;
  };
}
