import type { Directory } from '../directory';
import type { Emit } from '../events';
import type { Logger } from '../log';
import type { Store } from '../store';
import { createAutomatic } from './automatic';
import type { NodeFacts } from './decide';
import { createDesiredEvents } from './desired-events';
import { type DesiredServer, type DesiredStateMemory, desiredState } from './desired-state';
import type { FleetView } from './fleet-view';
import { createFleetWeights } from './fleet-weights';
import { intentId } from './intent';
import type { Intents } from './intents';
import type { ControlNode } from './node';
import type { NodeMemory } from './node-memory';
import { createServerEvents } from './server-events';
import type { Survey } from './survey';
import type { IntentKind } from './views';

/** What every HAProxy should be. */
export type DesiredFleet = Pick<NodeFacts, 'desired' | 'weights'>;

export interface ReconcilerOptions {
  readonly nodes: readonly ControlNode[];
  readonly view: FleetView;
  readonly directory: Pick<Directory, 'servers' | 'setServers'>;
  readonly store: Store;
  readonly intents: Intents;
  readonly survey: Survey;
  readonly emit: Emit;
  readonly onApiFailure: 'suspect' | 'drain';
  readonly weights: 'config' | 'auto';
  /** Whether this agent decides what is done without an operator, of those that share the store. */
  readonly leads: () => boolean;
  /** Somebody looks at the servers: viewers and streams are to be counted all the time. */
  readonly isWatched: () => boolean;
  /** Pause between two looks at what nobody reports: the health of Control APIs, deadlines, the store. */
  readonly intervalMs: number;
  readonly log: Logger;
}

/**
 * Computes once, for all HAProxys, what they should be: when one of them shows something else, an order comes, or time has passed. Each node makes its
 * HAProxy so by itself; none waits for another.
 */
export interface Reconciler {
  /** As last computed. */
  desired(): DesiredFleet;
  /** Computes it anew. Where it became another, every HAProxy is looked at, and made so, at once. */
  reconcile(): void;
  /** Takes over what other agents stored; false where that cannot be known now. Never rejects. */
  reload(): Promise<boolean>;
  start(): void;
  /** Goes on from what was set before the agent was restarted; until then nothing is decided for other agents, and nothing announced. Rejects when the store cannot be read. */
  resume(stored: readonly NodeMemory[]): Promise<void>;
  stop(): void;
  readonly stats: { readonly guardHolds: number; readonly heldBack: number };
}

export function createReconciler(options: ReconcilerOptions): Reconciler {
  const { nodes, view, directory, store, intents, survey, emit, onApiFailure, log } = options;
  const automatic = store.isShared ? createAutomatic(store, log, reconcile) : undefined;
  const followsLoad = options.weights === 'auto';
  const weights = createFleetWeights(view, directory, survey);
  const announceServers = createServerEvents(emit);
  const announceDesired = createDesiredEvents(emit, log);
  let memory: DesiredStateMemory = new Map();
  let current: DesiredFleet = { desired: new Map(), weights: followsLoad ? undefined : new Map() };
  let currentText = '';
  let reported = '';
  let timer: NodeJS.Timeout | undefined;
  let isResumed = false;

  function reconcile(): void {
    try {
      reconcileNow();
    } catch (error) {
      // A bug, or a configuration that nobody thought of: HAProxy stays as it is, and what is known of it is still shown.
      log.error({ err: error }, 'the desired state of HAProxy cannot be computed');
    }
  }

  function reconcileNow(): void {
    intents.loadIfDue();
    automatic?.loadIfDue();
    if (!view.isKnown()) return;
    const nowMs = Date.now();
    const desired = compute(nowMs);
    if (isResumed) announceDesired.note(desired);
    reportFleet(desired);
    const isAnyOut = [...desired.values()].some(({ state }) => state === 'drain' || state === 'maint');
    if (isAnyOut || followsLoad || options.isWatched()) void survey.look('ifDue');
    if (options.isWatched()) for (const node of nodes) void node.sessions.count('ifDue');
    if (followsLoad) weights.update(nowMs);
    current = { desired, weights: weightsInForce() };
    const text = JSON.stringify([[...desired], [...(current.weights ?? [])]]);
    if (text === currentText) return;
    currentText = text;
    for (const node of nodes) void node.now();
  }

  function compute(nowMs: number): ReadonlyMap<string, DesiredServer> {
    const facts = view.facts();
    const decided = automatic?.inForce().drained;
    const decides = automatic === undefined || (isResumed && options.leads());
    const made = desiredState(memory, facts, { onApiFailure, decided: decides ? undefined : decided }, nowMs);
    // Of another agent's decisions too: to go on from, should this one come to decide.
    memory = made.memory;
    if (automatic === undefined) return made.desired;
    if (!decides) {
      if (followsLoad) weights.takeOver(weightsInForce());
      return made.desired;
    }
    const drained = [...made.memory].flatMap(([name, { damping }]) => (damping.drained ? [name] : []));
    const found = followsLoad ? (weights.current() ?? automatic.inForce().weights) : new Map<string, number>();
    automatic.decide({ drained: new Set(drained), weights: found });
    // Until the store has it, what was decided before is in force; but what is held back can be told.
    const inForce = desiredState(memory, facts, { onApiFailure, decided }, nowMs).desired;
    return new Map([...inForce].map(([name, each]) => [name, withGuard(each, made.desired.get(name))]));
  }

  /** Weights by load, as this agent or the one that decides for all has found them. */
  function weightsInForce(): NodeFacts['weights'] {
    if (automatic === undefined) return followsLoad ? weights.current() : new Map();
    const { weights: decided } = automatic.inForce();
    // Nobody has decided anything yet.
    return followsLoad && decided.size === 0 ? undefined : decided;
  }

  /** Tells the directory of the fleet when it became another, and everybody of servers that came and went. */
  function reportFleet(desired: ReadonlyMap<string, DesiredServer>): void {
    const out = [...desired].flatMap(([name, { state }]): [string, IntentKind][] =>
      (state === 'drain' || state === 'maint') && !view.isExternal(name) ? [[name, state]] : [],
    );
    const fleet = view.fleet(new Map(out));
    const api = new Map(directory.servers().map((server) => [server.name, server.api]));
    const text = JSON.stringify(fleet);
    if (text !== reported) {
      directory.setServers(fleet);
      reported = text;
    }
    const seen = fleet.map(({ name, operational, administrative }) => ({
      name,
      operational,
      isMaint: administrative === 'maint',
      api: api.get(name)?.health ?? ('unknown' as const),
      apiError: api.get(name)?.lastError,
    }));
    announceServers(
      seen,
      view.heard().some((node) => node.isYoung()),
    );
  }

  return {
    desired: () => current,
    reconcile,
    async reload() {
      if (!store.isShared) return true;
      try {
        await Promise.all([intents.load(), automatic?.load()]);
        return true;
      } catch {
        // The store tells that it is away.
        return false;
      }
    },
    start() {
      timer = setInterval(reconcile, options.intervalMs);
    },
    async resume(stored) {
      await automatic?.load();
      memory = drainedBefore(automatic?.inForce().drained ?? drainedIn(stored), intents);
      if (followsLoad) weights.takeOver(weightsInForce());
      announceDesired.start(stored);
      isResumed = true;
    },
    stop: () => clearInterval(timer),
    stats: announceDesired.stats,
  };
}

function withGuard(inForce: DesiredServer, decided: DesiredServer | undefined): DesiredServer {
  return decided?.isHeldBack === true ? { ...inForce, isHeldBack: true, because: decided.because } : inForce;
}

/** Servers that the agent drained on its own before it was restarted. */
function drainedIn(stored: readonly NodeMemory[]): Set<string> {
  const all = stored.flatMap((memory) => [...memory.servers]);
  return new Set(all.flatMap(([name, { own }]) => (own?.by === 'automatic' && own.state === 'drain' ? [name] : [])));
}

/** They stay so until their API answers. */
function drainedBefore(drained: ReadonlySet<string>, intents: Intents): DesiredStateMemory {
  const damping = { drained: true, flaps: 1, okSinceMs: undefined, suspectSinceMs: undefined, releasedMs: undefined };
  return new Map(
    [...drained].map((name) => {
      const intent = intents.get(name);
      return [name, { damping, intentId: intent === undefined ? undefined : intentId(intent, Date.now()) }];
    }),
  );
}
