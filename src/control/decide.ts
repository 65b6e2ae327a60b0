import type { AdministrativeState } from '../directory';
import { emptySlotName, type ServerState } from '../runtime';
import type { ActionReason, DesiredServer } from './desired-state';
import type { NodeMemory, OwnState, ServerMemory } from './node-memory';
import { type OwnershipFacts, obey, recognize, type Seen, seenOf } from './ownership';

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
    /** Forget every session and stream, or account, that points there, so that they are located anew. */
    | { readonly kind: 'clear-entries'; readonly serverId: number }
  );

export interface NodeFacts extends OwnershipFacts {
  readonly states: readonly ServerState[];
  readonly desired: ReadonlyMap<string, DesiredServer>;
  /** Entries of the table `sessions` by server, as last counted; undefined while not known. */
  readonly sessions: ReadonlyMap<string, number> | undefined;
}

/** States are what viewers notice; clearing goes through whole tables. */
const order: readonly Command['kind'][] = ['set-state', 'set-weight', 'clear-entries'];

/**
 * Compares one HAProxy with its desired state. Pure. What is as desired, or not control's to change (see ownership.ts), gets no command.
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
    const seen = seenOf(state);
    const desired = facts.desired.get(name);
    const known = recognize(memory, name, seen, desired, facts, nowMs);
    const isInDoubt = known === undefined || known.doubtSinceMs !== undefined;
    lookAgain ||= isInDoubt;
    if (isInDoubt || desired === undefined) {
      if (known !== undefined) servers.set(name, known);
      continue;
    }
    const obeyed = obey(known, seen, desired);
    const found = [
      ...stateCommands(obeyed, seen, desired, name),
      ...weightCommands(obeyed, known, seen, desired, facts.weights, name),
    ];
    const isDone = found.length === 0 && desired.by === 'intent' && !obeyed.isExternal;
    servers.set(name, isDone ? { ...obeyed, intentId: desired.intentId } : obeyed);
    commands.push(...found, ...clearCommands(found, obeyed, seen, desired, state, facts.sessions));
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

function stateCommands(known: ServerMemory, seen: Seen, desired: DesiredServer, server: string): Command[] {
  if (known.isExternal) return [];
  const wanted = desired.state ?? (known.own?.state === seen.state ? 'ready' : seen.state);
  if (wanted === seen.state) return [];
  const by = desired.by === 'intent' ? 'intent' : 'automatic';
  const isRecovery =
    wanted === 'ready' && known.own?.by === 'automatic' && desired.intentId === known.intentId && !desired.isHeldBack;
  const { reason, because } = isRecovery
    ? { reason: 'api-recovered' as const, because: 'its Control API answers again' }
    : desired;
  return [{ kind: 'set-state', server, state: wanted, by, intentId: desired.intentId, reason, because }];
}

function weightCommands(
  known: ServerMemory,
  before: ServerMemory,
  seen: Seen,
  desired: DesiredServer,
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
    const isReady =
      (desired.state ?? seen.state) === 'ready' || (desired.state === undefined && known.own !== undefined);
    return isReady ? set(byLoad, 'load', 'its share of readers and outbound bytes') : [];
  }
  const wasByHand = before.isWeightExternal && desired.state === 'ready';
  const isLeftOver = known.ownWeight === seen.weight;
  return wasByHand || isLeftOver
    ? set(seen.configured, wasByHand ? desired.reason : 'undo', 'the weight of haproxy.cfg')
    : [];
}

/** On entering maint, until it was done; and again while entries are left: an answer that was on its way stores one more. */
function clearCommands(
  found: readonly Command[],
  known: ServerMemory,
  seen: Seen,
  desired: DesiredServer,
  { serverName, serverId }: ServerState,
  sessions: NodeFacts['sessions'],
): Command[] {
  if (desired.by !== 'intent' || desired.state !== 'maint') return [];
  const isEntering = found.some((command) => command.kind === 'set-state' && command.state === 'maint');
  const isLeft = seen.state === 'maint' && (known.isToBeCleared || (sessions?.get(serverName) ?? 0) > 0);
  if (!isEntering && !isLeft) return [];
  return [{ kind: 'clear-entries', server: serverName, serverId, reason: desired.reason, because: desired.because }];
}
