import type { AdministrativeState } from '../directory';
import { emptySlotName, type ServerState } from '../runtime';
import type { NodeMemory, OwnState, ServerMemory } from './node-memory';
import type { ActionReason, Wish } from './wishes';

interface CommandBase {
  readonly server: string;
  readonly reason: ActionReason;
  readonly because: string;
}

/** One thing to be done to one HAProxy. */
export type Command = CommandBase &
  (
    | {
        readonly kind: 'set-state';
        readonly state: AdministrativeState;
        readonly by: OwnState['by'];
        /** The intent that is carried out with it. */
        readonly intentId: string | undefined;
      }
    | { readonly kind: 'set-weight'; readonly weight: number; readonly isConfigured: boolean }
    /** Forget every session and stream that points there, so that they are located anew. */
    | { readonly kind: 'clear-entries'; readonly serverId: number }
  );

export interface NodeFacts {
  readonly states: readonly ServerState[];
  /** Seconds since the process started. */
  readonly uptimeSeconds: number;
  readonly wishes: ReadonlyMap<string, Wish>;
  /** Weights that follow load; a server without one has that of haproxy.cfg. Undefined: not known yet, so that all are left as they are. */
  readonly weights: ReadonlyMap<string, number> | undefined;
  /** Entries of the table `sessions` by server id, as last counted; undefined while not known. */
  readonly sessions: ReadonlyMap<number, number> | undefined;
  /** Other agents carry out the same wishes, maybe on the same HAProxy: what is as wanted is no stranger's doing. */
  readonly isShared?: boolean | undefined;
  /** False while it cannot be known what other agents were told: then a difference stays a doubt. */
  readonly knowsOthers?: boolean | undefined;
}

/**
 * So young a process may still share its socket with the one that it replaces: what was set may have reached the old one. A difference is
 * then taken for that, and not for somebody's hand.
 */
const settlingSeconds = 3;
/** A difference must be seen twice, this far apart, to count as somebody's hand. */
const believeAfterMs = 200;
/** States are what viewers notice; clearing goes through whole tables. */
const order: readonly Command['kind'][] = ['set-state', 'set-weight', 'clear-entries'];

/**
 * Compares one HAProxy with what is wanted of it. Pure.
 *
 * A state or a weight that neither control nor the configuration set was set by somebody else: it is left alone (`isExternal`) until a new intent
 * comes. No command is given for a server that is as wanted.
 *
 * @returns the commands: states, then weights, then what is to be cleared, each in the order of HAProxy's servers; what to remember (before the commands: see afterCommand); and whether
 * something was seen that must be looked at again soon.
 */
export function decide(
  memory: NodeMemory,
  facts: NodeFacts,
  nowMs: number,
): { readonly commands: readonly Command[]; readonly memory: NodeMemory; readonly lookAgain: boolean } {
  const commands: Command[] = [];
  const servers = new Map<string, ServerMemory>();
  let lookAgain = false;
  for (const state of facts.states) {
    const name = state.serverName;
    if (emptySlotName(state) !== undefined) {
      // No server, so nothing is wanted of it; but what was set stays with the slot, and is not taken for a stranger's when the next server comes.
      const left = memory.servers.get(name);
      if (left !== undefined) servers.set(name, left);
      continue;
    }
    const seen: Seen = {
      state: forcedState(state.adminBits),
      weight: state.weight,
      configured: state.configuredWeight,
    };
    const wish = facts.wishes.get(name);
    const others = facts.isShared === true ? ownedByOthers(seen, wish, facts.weights?.get(name)) : {};
    const known = memory.servers.get(name);
    if (known === undefined && facts.knowsOthers === false && isUnexplained(memory, name, seen, wish)) {
      lookAgain = true;
      continue;
    }
    const compared =
      known === undefined
        ? { ...firstSight(memory, name, seen), ...others }
        : compare(
            known.isExternal ? known : { ...known, ...others },
            seen,
            {
              isSettling: facts.uptimeSeconds < settlingSeconds,
              isNewIntent: isNew(wish, known),
              knowsOthers: facts.knowsOthers !== false,
            },
            nowMs,
          );
    if (compared.doubtSinceMs !== undefined || wish === undefined) {
      lookAgain ||= compared.doubtSinceMs !== undefined;
      servers.set(name, compared);
      continue;
    }
    const obeyed = obey(compared, seen, wish);
    const found = [
      ...stateCommands(obeyed, seen, wish, name),
      ...weightCommands(obeyed, compared, seen, wish, facts.weights, name),
    ];
    const isSettled = found.length === 0 && wish.by === 'intent' && !obeyed.isExternal;
    servers.set(name, isSettled ? { ...obeyed, intentId: wish.intentId } : obeyed);
    commands.push(...found, ...clearCommands(found, obeyed, seen, wish, state, facts.sessions));
  }
  commands.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
  return { commands, memory: { ...memory, servers }, lookAgain };
}

/** What to remember after a command: what it set, or that nobody knows how it ended. */
export function afterCommand(memory: NodeMemory, command: Command, isDone: boolean): NodeMemory {
  const known = memory.servers.get(command.server);
  if (known === undefined) return memory;
  const servers = new Map(memory.servers);
  servers.set(command.server, isDone ? afterSuccess(known, command) : afterFailure(known, command));
  return { ...memory, servers };
}

function afterSuccess(known: ServerMemory, command: Command): ServerMemory {
  if (command.kind === 'clear-entries') return { ...known, isToBeCleared: false };
  if (command.kind === 'set-weight') {
    const { weight, isConfigured } = command;
    return { ...known, weight, ownWeight: isConfigured ? undefined : weight };
  }
  const { state, by, intentId } = command;
  return { ...known, state, own: state === 'ready' ? undefined : { state, by }, intentId: intentId ?? known.intentId };
}

/** It may have been carried out although no good answer came: if it was, it was our doing. */
function afterFailure(known: ServerMemory, command: Command): ServerMemory {
  if (command.kind === 'clear-entries') return known;
  if (command.kind === 'set-weight') {
    return { ...known, weight: undefined, ownWeight: command.isConfigured ? known.weight : command.weight };
  }
  const { state, by } = command;
  return { ...known, state: undefined, own: state === 'ready' ? known.own : { state, by } };
}

/** What HAProxy shows of a server. */
interface Seen {
  /** As set on the server itself. What it inherits from another one, or has because its name has no address, nobody can set. */
  readonly state: AdministrativeState;
  readonly weight: number;
  readonly configured: number;
}

const forcedMaint = 0x01;
const forcedDrain = 0x08;

function forcedState(adminBits: number): AdministrativeState {
  if ((adminBits & forcedMaint) !== 0) return 'maint';
  return (adminBits & forcedDrain) !== 0 ? 'drain' : 'ready';
}

/** A server that this process was not seen to have: what is not as configured was set by somebody else, unless control set the same before a reload. */
function firstSight(memory: NodeMemory, name: string, seen: Seen): ServerMemory {
  const before = memory.before.get(name);
  const own = seen.state !== 'ready' && before?.own?.state === seen.state ? before.own : undefined;
  const isOwnWeight = seen.weight !== seen.configured && before?.ownWeight === seen.weight;
  return {
    state: seen.state,
    weight: seen.weight,
    own,
    ownWeight: isOwnWeight ? seen.weight : undefined,
    intentId: undefined,
    isExternal: seen.state !== 'ready' && own === undefined,
    isWeightExternal: seen.weight !== seen.configured && !isOwnWeight,
    isToBeCleared: false,
    doubtSinceMs: undefined,
  };
}

/** At the first sight of a server: neither this process nor what is known to be wanted accounts for its state or weight. */
function isUnexplained(memory: NodeMemory, name: string, seen: Seen, wish: Wish | undefined): boolean {
  const { isExternal, isWeightExternal } = firstSight(memory, name, seen);
  return (isExternal && wish?.state !== seen.state) || isWeightExternal;
}

/** What another agent did on behalf of the same decision, which this one may have to undo some day. */
function ownedByOthers(seen: Seen, wish: Wish | undefined, byLoad: number | undefined): Partial<ServerMemory> {
  const isState = wish?.by === 'automatic' && wish.state === seen.state;
  const isWeight = byLoad === seen.weight && seen.weight !== seen.configured;
  return {
    ...(isState ? { own: { state: seen.state, by: 'automatic' }, isExternal: false } : {}),
    ...(isWeight ? { ownWeight: seen.weight, isWeightExternal: false } : {}),
  };
}

function isNew(wish: Wish | undefined, { intentId }: ServerMemory): boolean {
  return wish?.by === 'intent' && wish.intentId !== intentId;
}

function compare(
  known: ServerMemory,
  seen: Seen,
  {
    isSettling,
    isNewIntent,
    knowsOthers,
  }: { readonly isSettling: boolean; readonly isNewIntent: boolean; readonly knowsOthers: boolean },
  nowMs: number,
): ServerMemory {
  // What control began to set, and whose end it did not see, is no foreign hand either.
  const isForeign = known.state !== undefined && seen.state !== known.state && seen.state !== known.own?.state;
  const isForeignWeight = known.weight !== undefined && seen.weight !== known.weight && seen.weight !== known.ownWeight;
  const current = { ...known, state: seen.state, weight: seen.weight, doubtSinceMs: undefined };
  if (!isForeign && !isForeignWeight) return current;
  // It overrides whoever it was.
  if (isNewIntent && !isForeignWeight) return current;
  if (isSettling) {
    // The new process as it came up. What was neither asked for nor configured is somebody's all the same.
    const isStrange = seen.state !== 'ready' && known.own?.state !== seen.state;
    if (isStrange && !known.isExternal && !knowsOthers) return { ...known, doubtSinceMs: known.doubtSinceMs ?? nowMs };
    return { ...current, isExternal: known.isExternal || isStrange };
  }
  const doubtSinceMs = known.doubtSinceMs ?? nowMs;
  const isBelieved = knowsOthers && (isNewIntent || Math.abs(nowMs - doubtSinceMs) >= believeAfterMs);
  if (!isBelieved) return { ...known, doubtSinceMs };
  return {
    ...current,
    own: isForeign ? undefined : known.own,
    ownWeight: isForeignWeight ? undefined : known.ownWeight,
    isExternal: known.isExternal || isForeign,
    isWeightExternal: known.isWeightExternal || isForeignWeight,
  };
}

/** A new intent overrides what was set by hand; and what is again as it would be without that hand is nobody's any more. */
function obey(known: ServerMemory, seen: Seen, wish: Wish): ServerMemory {
  const isNewIntent = isNew(wish, known);
  const isAsWanted =
    wish.by === 'intent' ? seen.state === wish.state : seen.state === 'ready' && wish.state === undefined;
  const isExternal = known.isExternal && !isNewIntent && !isAsWanted;
  const isReadyAgain = isNewIntent && wish.state === 'ready';
  const isWeightExternal = known.isWeightExternal && !isReadyAgain && seen.weight !== seen.configured;
  const isIntentDone = wish.by === 'intent' && seen.state === wish.state && seen.state !== 'ready';
  const own: OwnState | undefined = isIntentDone ? { state: seen.state, by: 'intent' } : known.own;
  const isToBeCleared = wish.by === 'intent' && wish.state === 'maint' && (isNewIntent || known.isToBeCleared);
  return {
    ...known,
    isExternal,
    isWeightExternal,
    isToBeCleared,
    own: seen.state === 'ready' && wish.state === undefined ? undefined : own,
  };
}

function stateCommands(known: ServerMemory, seen: Seen, wish: Wish, server: string): Command[] {
  if (known.isExternal) return [];
  const wanted = wish.state ?? (known.own?.state === seen.state ? 'ready' : seen.state);
  if (wanted === seen.state) return [];
  const by = wish.by === 'intent' ? 'intent' : 'automatic';
  const isRecovery =
    wanted === 'ready' && known.own?.by === 'automatic' && wish.intentId === known.intentId && !wish.isHeldBack;
  const { reason, because } = isRecovery
    ? { reason: 'api-recovered' as const, because: 'its Control API answers again' }
    : wish;
  return [{ kind: 'set-state', server, state: wanted, by, intentId: wish.intentId, reason, because }];
}

function weightCommands(
  known: ServerMemory,
  before: ServerMemory,
  seen: Seen,
  wish: Wish,
  weights: NodeFacts['weights'],
  server: string,
): Command[] {
  const set = (weight: number, reason: ActionReason, because: string): Command[] =>
    weight === seen.weight
      ? []
      : [{ kind: 'set-weight', server, weight, isConfigured: weight === seen.configured, reason, because }];
  if (weights === undefined || known.isExternal || known.isWeightExternal) return [];
  const byLoad = weights.get(server);
  if (byLoad !== undefined && seen.configured > 0) {
    // A server that takes no new viewers has no use for a weight.
    const isReady = (wish.state ?? seen.state) === 'ready' || (wish.state === undefined && known.own !== undefined);
    return isReady ? set(byLoad, 'load', 'its share of readers and outbound bytes') : [];
  }
  const wasByHand = before.isWeightExternal && wish.state === 'ready';
  const isLeftOver = known.ownWeight === seen.weight;
  return wasByHand || isLeftOver
    ? set(seen.configured, wasByHand ? wish.reason : 'undo', 'the weight of haproxy.cfg')
    : [];
}

/** On entering maint, until it was done; and again while entries are left: an answer that was on its way stores one more. */
function clearCommands(
  found: readonly Command[],
  known: ServerMemory,
  seen: Seen,
  wish: Wish,
  { serverName, serverId }: ServerState,
  sessions: NodeFacts['sessions'],
): Command[] {
  if (wish.by !== 'intent' || wish.state !== 'maint') return [];
  const isEntering = found.some((command) => command.kind === 'set-state' && command.state === 'maint');
  const isLeft = seen.state === 'maint' && (known.isToBeCleared || (sessions?.get(serverId) ?? 0) > 0);
  if (!isEntering && !isLeft) return [];
  return [{ kind: 'clear-entries', server: serverName, serverId, reason: wish.reason, because: wish.because }];
}
