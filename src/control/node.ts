import type { FleetServer } from '../directory/views';
import type { Logger } from '../log';
import type { HaproxyInfo, RuntimeClient, RuntimeError, ServerState } from '../runtime';
import { apply } from './apply';
import { afterCommand, type Command, decide } from './decide';
import type { ApiUrlFor } from './fleet-servers';
import { emptyNodeMemory, enterProcess, type NodeMemory } from './node-memory';
import { createObserver, type Observation, type ObserverStats } from './observe';
import { createSessionCounts } from './session-counts';
import type { Wish } from './wishes';

/** One HAProxy, as it is named in the settings. */
export interface HaproxyNode {
  readonly name: string;
  readonly client: RuntimeClient;
  /** A client of the same HAProxy for commands that go through whole tables, so that nothing waits behind them. Default: `client`. */
  readonly bulk?: RuntimeClient;
  /** Fills its routes.map. */
  readonly push?: { resync(reason: string): void };
}

export interface NodeOptions {
  readonly node: HaproxyNode;
  readonly backend: string;
  readonly apiUrlFor: ApiUrlFor;
  /** A session that asked for nothing for so long is nobody's any more. */
  readonly goneAfterMs: number;
  readonly intervalMs: number;
  /** What is wanted now, made from what all nodes were last seen to have. */
  readonly think: () => { readonly wishes: ReadonlyMap<string, Wish>; readonly weights: ReadonlyMap<string, number> };
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
  start(memory: NodeMemory): void;
  stop(): Promise<void>;
  /** Resolves when HAProxy was looked at, and what it needed was done, after the call; a failing command is tried at once. */
  now(): Promise<void>;
  /** What HAProxy last said; undefined before its first answer. */
  states(): readonly ServerState[] | undefined;
  fleet(): readonly FleetServer[];
  memory(): NodeMemory;
  /** It has not answered lately, so what it last said may be over. */
  isLost(): boolean;
  /** The process is so young that its checks have not told the servers that are down. */
  isSettling(): boolean;
  readonly trouble: RuntimeError | undefined;
  readonly sessions: ReturnType<typeof createSessionCounts>;
  readonly stats: NodeStats;
}

/** What differs is looked at again after this time. */
const lookAgainMs = 250;
const failuresUntilLost = 3;
const settlingSeconds = 5;
const firstBackOffMs = 1000;
const longestBackOffMs = 15_000;

export function createNode(options: NodeOptions): ControlNode {
  const { node, backend, goneAfterMs, log } = options;
  const { client, bulk = client } = node;
  const stopping = new AbortController();
  const sessions = createSessionCounts({
    client: bulk,
    signal: stopping.signal,
    log,
    goneAfterMs,
    now: () => performance.now(),
  });
  const commands: NodeStats['commands'] = {
    'set-state': { done: 0, failed: 0 },
    'set-weight': { done: 0, failed: 0 },
    'clear-entries': { done: 0, failed: 0 },
  };
  let memory = emptyNodeMemory;
  let states: readonly ServerState[] | undefined;
  let fleet: readonly FleetServer[] = [];
  let uptimeSeconds = 0;
  let failures = 0;
  let notBefore = Number.NEGATIVE_INFINITY;
  let complaint: string | undefined;
  let wasFollowedUp = false;
  let knowsOthers = !options.isShared;

  const observer = createObserver({
    client,
    backend,
    apiUrlFor: options.apiUrlFor,
    onServers: (servers) => {
      fleet = servers;
    },
    onHaproxy: options.onProcess,
    act,
    log,
    intervalMs: options.intervalMs,
  });

  async function act(observation: Observation): Promise<number | undefined> {
    states = observation.states;
    uptimeSeconds = observation.haproxy.uptimeSeconds;
    if (observation.isNewProcess) greet(observation.haproxy);
    const { wishes, weights } = options.think();
    if ([...wishes.values()].some(({ state }) => state === 'drain' || state === 'maint')) void sessions.count('ifDue');
    const { isShared } = options;
    const facts = { states, uptimeSeconds, wishes, weights, sessions: sessions.latest(), isShared, knowsOthers };
    const decision = decide(memory, facts, Date.now());
    remember(decision.memory);
    const isDone = await carryOut(decision.commands);
    knowsOthers = decision.lookAgain ? await options.onDoubt() : !isShared;
    // What was done is looked at once more, at once; but what will not stay as it was set is no reason for haste.
    const isFollowedUp = decision.commands.length > 0 && isDone && !wasFollowedUp;
    wasFollowedUp = isFollowedUp;
    if (isFollowedUp) return 0;
    return decision.lookAgain ? lookAgainMs : undefined;
  }

  /** All is to be done again where it is another process than the one that is remembered. */
  function greet({ pid, uptimeSeconds: uptime }: HaproxyInfo): void {
    memory = enterProcess(memory, { pid, startedMs: Date.now() - uptime * 1000 });
    sessions.forget();
    forgive();
    node.push?.resync('another HAProxy process answers');
  }

  function remember(next: NodeMemory): void {
    memory = next;
    options.onMemory(memory);
  }

  /** One command after the other; after one that failed nothing is sure, so HAProxy is looked at again first. */
  async function carryOut(all: readonly Command[]): Promise<boolean> {
    if (all.length === 0) return true;
    if (performance.now() < notBefore) return false;
    for (const command of all) {
      const result = await apply(command, { client, bulk, backend, signal: stopping.signal });
      if (stopping.signal.aborted) return false;
      commands[command.kind][result.ok ? 'done' : 'failed']++;
      remember(afterCommand(memory, command, result.ok));
      options.onAction(command, result.ok ? undefined : result.error);
      if (!result.ok) {
        backOff(command, result.error);
        return false;
      }
      if (command.kind === 'clear-entries') sessions.forget();
    }
    forgive();
    return true;
  }

  function backOff(command: Command, { reason, message }: RuntimeError): void {
    const pauseMs = Math.min(longestBackOffMs, firstBackOffMs * 2 ** Math.min(failures, 10));
    failures++;
    // The first second is the pause between two looks anyway.
    notBefore = performance.now() + pauseMs - firstBackOffMs;
    if (complaint === message) return;
    complaint = message;
    log.warn({ node: node.name, server: command.server, command: command.kind, reason }, message);
  }

  function forgive(): void {
    failures = 0;
    notBefore = Number.NEGATIVE_INFINITY;
    complaint = undefined;
  }

  return {
    name: node.name,
    start(kept) {
      memory = kept;
      observer.start();
    },
    async stop() {
      stopping.abort();
      await observer.stop();
    },
    now() {
      notBefore = Number.NEGATIVE_INFINITY;
      return observer.pollNow();
    },
    states: () => states,
    fleet: () => fleet,
    memory: () => memory,
    isLost: () => states === undefined || observer.failuresInRow >= failuresUntilLost,
    isSettling: () => uptimeSeconds < settlingSeconds,
    get trouble() {
      return observer.trouble;
    },
    sessions,
    stats: Object.assign(observer.stats, { commands }),
  };
}
