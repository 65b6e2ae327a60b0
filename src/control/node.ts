import type { FleetServer, ServerKind } from '../directory';
import type { Logger } from '../log';
import { inTime } from '../measure';
import type { HaproxyInfo, HaproxyNode, RuntimeError, ServerState } from '../runtime';
import { apply, tablesOf } from './apply';
import { createBackOffs } from './back-offs';
import { afterCommand, type Command, decide, type NodeFacts } from './decide';
import type { ApiUrlFor } from './fleet-servers';
import { emptyNodeMemory, enterProcess, type NodeMemory } from './node-memory';
import { type Backends, createObserver, kindIn, type Observation, type ObserverStats } from './observe';
import type { RoutePush } from './push';
import { createSessionCounts } from './session-counts';

/** One HAProxy that is controlled. */
export interface NodeToControl extends Pick<HaproxyNode, 'name' | 'state' | 'bulk'> {
  /** Fills its routes.map. */
  readonly push?: Pick<RoutePush, 'resync' | 'retry' | 'sent'>;
}

export interface NodeOptions {
  readonly node: NodeToControl;
  readonly backends: Backends;
  readonly apiUrlFor: ApiUrlFor;
  /** A session that asked for nothing for so long is nobody's any more. */
  readonly goneAfterMs: number;
  readonly intervalMs: number;
  /** What HAProxy should be. */
  readonly desired: () => Pick<NodeFacts, 'desired' | 'weights'>;
  /** HAProxy shows something else than at the look before; called before it is acted on. */
  readonly onObserved: () => void;
  readonly onProcess: (haproxy: HaproxyInfo, before: HaproxyInfo | undefined) => void;
  readonly onAction: (command: Command, error: RuntimeError | undefined) => void;
  /** Something is not as it was left: other agents may have done it. Resolves when it is known what they were told; with false when that cannot be known now. Never rejects. */
  readonly onDoubt: () => Promise<boolean>;
  /** Other agents want the same of the same servers. */
  readonly isShared: boolean;
  /** What is remembered became another. */
  readonly onMemory: (memory: NodeMemory) => void;
  readonly log: Logger;
}

export type CommandKind = Command['kind'];

/** Plain counters, read by the metrics. */
export interface NodeStats extends ObserverStats {
  readonly commands: Record<CommandKind, { done: number; failed: number }>;
}

/** Observes one HAProxy, decides, applies, and observes again. */
export interface ControlNode {
  readonly name: string;
  start(): void;
  /** What earlier lives of the agent did. Until that is known HAProxy is only looked at. */
  resume(memory: NodeMemory): void;
  stop(): Promise<void>;
  /** Resolves when HAProxy was looked at, and what it needed was done, after the call; a failing command is tried at once. */
  now(): Promise<void>;
  /** What HAProxy last said; undefined before its first answer. */
  states(): readonly ServerState[] | undefined;
  fleet(): readonly FleetServer[];
  /** Names of the servers that it uses only when no other is left. */
  backups(): ReadonlySet<string>;
  memory(): NodeMemory;
  /** It has not answered lately, so what it last said may be over. */
  isLost(): boolean;
  /** The process is so young that its checks have not told the servers that are down. */
  isYoung(): boolean;
  readonly lastError: RuntimeError | undefined;
  readonly sessions: Pick<ReturnType<typeof createSessionCounts>, 'count'>;
  /** By server, when counted lately: sessions that point there, none at relays; undefined while it is not known. */
  viewers(): ReadonlyMap<string, number> | undefined;
  readonly stats: NodeStats;
}

/** What differs is looked at again after this time. */
const lookAgainMs = 250;
const failuresUntilLost = 3;
const youngSeconds = 5;
/** So long a server that is to be taken out waits for routes.map to name others. */
const routesFirstMs = 500;

/** After these it is not known whether HAProxy hears anything at all; every other answer says something of its one command only. */
const silences: ReadonlySet<RuntimeError['reason']> = new Set([
  'unreachable',
  'timeout',
  'unanswered',
  'truncated',
  'aborted',
]);

export function createNode(options: NodeOptions): ControlNode {
  const { node, backends, goneAfterMs, log } = options;
  const kindOf = kindIn(backends);
  const { state: client, bulk } = node;
  const stopping = new AbortController();
  const sessions = createSessionCounts({
    client: bulk,
    signal: stopping.signal,
    log,
    goneAfterMs,
    serverIds: () => serverIds('mediamtx'),
    now: () => performance.now(),
  });
  const commands: NodeStats['commands'] = {
    'set-state': { done: 0, failed: 0 },
    'set-weight': { done: 0, failed: 0 },
    'clear-entries': { done: 0, failed: 0 },
  };
  let memory = emptyNodeMemory;
  let isResumed = false;
  let states: readonly ServerState[] | undefined;
  let fleet: readonly FleetServer[] = [];
  let backups: ReadonlySet<string> = new Set();
  let uptimeSeconds = 0;
  let observed = '';
  let wasFollowedUp = false;
  let knowsOthers = !options.isShared;
  const backOffs = createBackOffs(() => performance.now());
  /** Servers whose entries are being cleared, one after the other. */
  const clearing = new Set<string>();
  /** When that is done; false after a silence, when HAProxy is to be looked at again first. */
  let cleared = Promise.resolve(true);

  const observer = createObserver({
    client,
    backends,
    apiUrlFor: options.apiUrlFor,
    onServers: (servers) => {
      fleet = servers;
    },
    onHaproxy: options.onProcess,
    act,
    log,
    intervalMs: options.intervalMs,
  });

  /** HAProxy's numbers, which are of one backend each. */
  function serverIds(kind: ServerKind): ReadonlyMap<string, number> {
    const ofKind = (states ?? []).filter((state) => kindOf(state) === kind);
    return new Map(ofKind.map(({ serverName, serverId }) => [serverName, serverId]));
  }

  /** Who plays from a relay has no session. */
  function viewers(): ReadonlyMap<string, number> | undefined {
    const counts = sessions.latest();
    if (counts === undefined) return undefined;
    const ids = serverIds('mediamtx');
    const viewersOf = (name: string): number => {
      const id = ids.get(name);
      return id === undefined ? 0 : (counts.get(id) ?? 0);
    };
    return new Map((states ?? []).map(({ serverName }) => [serverName, viewersOf(serverName)]));
  }

  async function act(observation: Observation): Promise<number | undefined> {
    const isFirst = states === undefined;
    states = observation.states;
    backups = observation.backups;
    uptimeSeconds = observation.haproxy.uptimeSeconds;
    if (observation.isNewProcess) enter(observation.haproxy);
    // At the first look the map is read anyway.
    if (observation.isNewProcess && !isFirst) node.push?.resync('another HAProxy process answers');
    else if (isFirst || observer.lastError !== undefined) node.push?.retry();
    noteObserved();
    const { desired, weights } = options.desired();
    if ([...desired.values()].some(({ state }) => state === 'drain' || state === 'maint')) void sessions.count('ifDue');
    const { isShared } = options;
    const facts = {
      ...{ states, uptimeSeconds, desired, weights, sessions: viewers(), isShared },
      knowsOthers: knowsOthers || !isResumed,
    };
    const decision = decide(memory, facts, Date.now());
    if (!isResumed) {
      // To be shown; nothing of it is carried out or stored.
      memory = decision.memory;
      return undefined;
    }
    remember(decision.memory);
    // Whoever is there is located anew, and then the map must not lead him back: HAProxy would send him to any server.
    if (decision.commands.some(leadsElsewhere)) await inTime(node.push?.sent() ?? Promise.resolve(), routesFirstMs);
    const isAnyDone = await carryOut(decision.commands);
    knowsOthers = decision.lookAgain ? await options.onDoubt() : !isShared;
    // What was done is looked at once more, at once; but what will not stay as it was set is no reason for haste.
    const isFollowedUp = isAnyDone && !wasFollowedUp;
    wasFollowedUp = isFollowedUp;
    if (isFollowedUp) return 0;
    return decision.lookAgain ? lookAgainMs : undefined;
  }

  /** A relay that drains loses its accounts, while a MediaMTX keeps the streams that are live there. */
  function leadsElsewhere(command: Command): boolean {
    if (command.kind !== 'set-state' || command.state === 'ready') return false;
    return command.state === 'maint' || kindOfServer(command.server) === 'relay';
  }

  function kindOfServer(server: string): ServerKind {
    const state = states?.find(({ serverName }) => serverName === server);
    return state === undefined ? 'mediamtx' : kindOf(state);
  }

  function noteObserved(): void {
    const now = JSON.stringify([states, [...backups], fleet, isYoung()], (key, value: unknown) =>
      key === 'secondsSinceLastChange' ? undefined : value,
    );
    if (now !== observed) options.onObserved();
    observed = now;
  }

  function isYoung(): boolean {
    return uptimeSeconds < youngSeconds;
  }

  /** All is to be done again where it is another process than the one that is remembered. */
  function enter({ pid, uptimeSeconds: uptime }: HaproxyInfo): void {
    memory = enterProcess(memory, { pid, startedMs: Date.now() - uptime * 1000 });
    sessions.forget();
    backOffs.forget();
  }

  function remember(next: NodeMemory): void {
    memory = next;
    options.onMemory(memory);
  }

  /**
   * One command after the other. A refusal holds up its own server only; after a silence HAProxy is looked at again first. Tables are cleared beside
   * the looks, for that may take seconds.
   *
   * @returns whether something was done to a state or a weight.
   */
  async function carryOut(all: readonly Command[]): Promise<boolean> {
    let isAnyDone = false;
    const failed = new Set<string>();
    for (const command of all.filter(({ kind }) => kind !== 'clear-entries')) {
      const error = backOffs.isDue(command) ? await carryOutOne(command) : 'not now';
      if (error === undefined) isAnyDone = true;
      else failed.add(command.server);
      if (stopping.signal.aborted || (error !== undefined && error !== 'not now' && silences.has(error.reason)))
        return isAnyDone;
    }
    // Who is sent there still would be there again.
    const clears = all.filter(
      ({ kind, server }) => kind === 'clear-entries' && !failed.has(server) && !clearing.has(server),
    );
    for (const command of clears) {
      const before = clearing.size === 0 ? Promise.resolve(true) : cleared;
      clearing.add(command.server);
      cleared = clearAfter(before, command).finally(() => clearing.delete(command.server));
    }
    return isAnyDone;
  }

  async function clearAfter(before: Promise<boolean>, command: Command): Promise<boolean> {
    if (!(await before)) return false;
    if (!backOffs.isDue(command)) return true;
    const error = await carryOutOne(command);
    if (error === undefined) sessions.forget();
    return error === undefined || !silences.has(error.reason);
  }

  async function carryOutOne(command: Command): Promise<RuntimeError | undefined> {
    const process = memory.process;
    const kind = kindOfServer(command.server);
    const result = await apply(command, {
      client,
      bulk,
      backend: backends[kind] ?? backends.mediamtx,
      tables: tablesOf[kind],
      serverIds: serverIds(kind),
      signal: stopping.signal,
    });
    const error = result.ok ? undefined : result.error;
    // Also of what was given up: it may have been carried out. What was done to another process is over.
    if (memory.process === process) remember(afterCommand(memory, command, result.ok));
    if (stopping.signal.aborted) return error;
    commands[command.kind][result.ok ? 'done' : 'failed']++;
    options.onAction(command, error);
    const isNews = backOffs.note(command, error);
    if (error !== undefined && isNews)
      log.warn({ node: node.name, server: command.server, command: command.kind, reason: error.reason }, error.message);
    return error;
  }

  return {
    name: node.name,
    start: () => observer.start(),
    resume(stored) {
      const { process } = memory;
      memory = process === undefined ? stored : enterProcess(stored, process);
      isResumed = true;
    },
    async stop() {
      stopping.abort();
      await observer.stop();
      await cleared;
    },
    async now() {
      backOffs.hurry();
      await observer.pollNow();
      await cleared;
    },
    states: () => states,
    fleet: () => fleet,
    backups: () => backups,
    memory: () => memory,
    isLost: () => states === undefined || observer.failuresInRow >= failuresUntilLost,
    isYoung: isYoung,
    get lastError() {
      return observer.lastError;
    },
    sessions,
    viewers,
    stats: Object.assign(observer.stats, { commands }),
  };
}
