import { type ApiHealth, type OperationalState, type ServerKind, serverKinds } from '../directory';
import { beginDrain, type Damping, damp, holdDownMs, releaseDrain, undamped } from './damping';
import { intentId, kindInForce } from './intent';
import type { Intent, IntentKind } from './views';

/** What is known of a server, over all HAProxy nodes. */
export interface ServerFacts {
  readonly name: string;
  readonly kind: ServerKind;
  readonly operational: OperationalState;
  /** Some HAProxy sends it new viewers: UP, and neither drained nor in maintenance. */
  readonly takesViewers: boolean;
  /** HAProxy uses it only when no other is left. */
  readonly isBackup: boolean;
  readonly api: ApiHealth;
  readonly intent: Intent | undefined;
}

/** Why a state or a weight is wanted; what actions are counted by. */
export const actionReasons = ['intent', 'deadline', 'api-suspect', 'api-recovered', 'load', 'undo'] as const;
export type ActionReason = (typeof actionReasons)[number];

/** What control wants of a server, on every node. */
export interface DesiredServer {
  /** Undefined: nothing; whatever state HAProxy has is left, but what control itself had set is taken back. */
  readonly state: IntentKind | undefined;
  readonly by: 'intent' | 'automatic' | 'nobody';
  /** Of an intent: tells it from the one before. */
  readonly intentId: string | undefined;
  readonly reason: ActionReason;
  /** In words, for people. */
  readonly because: string;
  /** Automatic action would drain it, but too many are out already. */
  readonly isHeldBack: boolean;
}

export interface DesiredStateOptions {
  readonly onApiFailure: 'suspect' | 'drain';
  /** The servers that are drained automatically, where that is decided already; undefined: to be decided. */
  readonly decided?: ReadonlySet<string> | undefined;
}

const releaseTakesMs = 5000;

/** What is remembered between two rounds, by server. */
export type DesiredStateMemory = ReadonlyMap<
  string,
  { readonly damping: Damping; readonly intentId: string | undefined }
>;

/**
 * What is wanted of each server. Intents come first; without one a server that HAProxy calls UP while its API is suspect is drained, if
 * `onApiFailure` says so and the guard permits. Pure: the same facts, memory and time give the same result.
 *
 * The guard: no automatic drain begins that would leave fewer than half of the servers of a kind (rounded up) with new viewers, whatever took the others out;
 * and when others fall out later, drained ones are given back, the last first. Backups take no new viewers while others do: they count
 * neither way, and one may be drained while some other server still takes viewers.
 */
export function desiredState(
  memory: DesiredStateMemory,
  servers: readonly ServerFacts[],
  options: DesiredStateOptions,
  nowMs: number,
): DesiredState {
  const parts = serverKinds.map((kind) => {
    const ofKind = servers.filter((server) => server.kind === kind);
    return desiredOfKind(memory, ofKind, options, nowMs);
  });
  return {
    desired: new Map(parts.flatMap(({ desired }) => [...desired])),
    memory: new Map(parts.flatMap((part) => [...part.memory])),
  };
}

interface DesiredState {
  readonly desired: ReadonlyMap<string, DesiredServer>;
  readonly memory: DesiredStateMemory;
}

/** No server of one kind does the work of another. */
function desiredOfKind(
  memory: DesiredStateMemory,
  servers: readonly ServerFacts[],
  options: DesiredStateOptions,
  nowMs: number,
): DesiredState {
  const { decided } = options;
  const dampings = new Map(
    servers.map((server) => {
      const damping = nextDamping(memory, server, options, nowMs);
      return [server.name, decided === undefined ? damping : { ...damping, drained: decided.has(server.name) }];
    }),
  );
  const isDrained = ({ name }: ServerFacts): boolean => dampings.get(name)?.drained === true;
  const isOut = (server: ServerFacts): boolean =>
    isDrained(server) || (!server.takesViewers && !isBeingReleased(server, dampings.get(server.name), nowMs));
  const active = servers.filter(({ isBackup }) => !isBackup);
  const most = Math.floor(active.length / 2);
  let out = active.filter(isOut).length;
  const drained = active
    .filter((server) => isDrained(server) && server.operational === 'UP' && isAutomatic(server))
    .sort((a, b) => lastSeen(dampings, b) - lastSeen(dampings, a) || (a.name < b.name ? 1 : -1));
  for (const { name } of decided === undefined ? drained.slice(0, Math.max(0, out - most)) : []) {
    dampings.set(name, releaseDrain(dampings.get(name) ?? undamped, nowMs));
    out--;
  }
  const candidates = (decided === undefined ? servers : [])
    .filter((server) => mayDrain(server, dampings.get(server.name) ?? undamped, options))
    .sort((a, b) => suspectSince(dampings, a) - suspectSince(dampings, b) || (a.name < b.name ? -1 : 1));

  const heldBack = new Set<string>();
  for (const { name, isBackup } of candidates) {
    if (out >= (isBackup ? active.length : most)) heldBack.add(name);
    else {
      dampings.set(name, beginDrain(dampings.get(name) ?? undamped));
      if (!isBackup) out++;
    }
  }

  const desired = servers.map((server): [string, DesiredServer] => {
    const damping = dampings.get(server.name) ?? undamped;
    const guard = heldBack.has(server.name) ? `${out} of ${active.length} servers are out already` : undefined;
    return [server.name, desiredServer(server, damping, guard, nowMs)];
  });
  const next = servers.map(({ name, intent }) => {
    const damping = dampings.get(name) ?? undamped;
    return [name, { damping, intentId: intent === undefined ? undefined : intentId(intent, nowMs) }] as const;
  });
  return { desired: new Map(desired), memory: new Map(next) };
}

function nextDamping(
  memory: DesiredStateMemory,
  { name, api, intent }: ServerFacts,
  options: DesiredStateOptions,
  nowMs: number,
) {
  const old = memory.get(name);
  const damping = damp(old?.damping ?? undamped, api, nowMs);
  if (options.onApiFailure === 'suspect') return { ...damping, drained: false };
  const isNewReady = intent?.kind === 'ready' && intentId(intent, nowMs) !== old?.intentId;
  // At the first round after a start nothing is new.
  return isNewReady && old !== undefined ? { ...damping, drained: false, flaps: 0 } : damping;
}

/** An operator who said `ready` while the API was suspect already knows better than automatic action, until the API has answered again. */
function mayDrain({ operational, api, intent }: ServerFacts, damping: Damping, options: DesiredStateOptions): boolean {
  if (options.onApiFailure !== 'drain' || damping.drained || api !== 'suspect' || operational !== 'UP') return false;
  if (intent === undefined) return true;
  return intent.kind === 'ready' && (damping.suspectSinceMs ?? 0) > Date.parse(intent.since);
}

function suspectSince(dampings: ReadonlyMap<string, Damping>, { name }: ServerFacts): number {
  return dampings.get(name)?.suspectSinceMs ?? 0;
}

/** Since when it is suspect, or answers again: that one is the first to come back. */
function lastSeen(dampings: ReadonlyMap<string, Damping>, server: ServerFacts): number {
  return dampings.get(server.name)?.okSinceMs ?? suspectSince(dampings, server);
}

/** Whether a drain of it is automatic action's, and not what an operator wants as well. */
function isAutomatic({ intent }: ServerFacts): boolean {
  return intent === undefined || intent.kind === 'ready';
}

/** HAProxy is told in the next second or two; until then it is on its way back. */
function isBeingReleased({ operational }: ServerFacts, damping: Damping | undefined, nowMs: number): boolean {
  return operational === 'UP' && damping?.releasedMs !== undefined && nowMs - damping.releasedMs < releaseTakesMs;
}

function desiredServer(server: ServerFacts, damping: Damping, guard: string | undefined, nowMs: number) {
  const { api, intent, operational } = server;
  const isHeldBack = guard !== undefined;
  if (damping.drained && isAutomatic(server)) {
    const because =
      damping.okSinceMs === undefined
        ? 'its Control API does not answer, so nobody can tell what it holds'
        : `its Control API answers again; made ready after ${holdDownMs(damping.flaps) / 1000} s without a failure`;
    return {
      state: 'drain',
      by: 'automatic',
      intentId: undefined,
      reason: 'api-suspect',
      because,
      isHeldBack,
    } as const;
  }
  if (intent !== undefined) {
    const kind = kindInForce(intent, nowMs);
    const isPastDeadline = kind !== intent.kind;
    const because = `${isPastDeadline ? 'the deadline of the drain has passed; ' : ''}${intent.operator}: ${intent.reason}`;
    const reason = isPastDeadline ? 'deadline' : 'intent';
    return { state: kind, by: 'intent', intentId: intentId(intent, nowMs), reason, because, isHeldBack } as const;
  }
  const because =
    guard !== undefined
      ? `its Control API does not answer; not drained, because ${guard}`
      : api === 'suspect' && operational === 'UP'
        ? 'its Control API does not answer: no new streams are placed there'
        : 'no order says otherwise';
  return { state: undefined, by: 'nobody', intentId: undefined, reason: 'undo', because, isHeldBack } as const;
}
