import type { AdministrativeState } from '../directory';
import type { ServerState } from '../runtime';
import type { DesiredServer } from './desired-state';
import type { NodeMemory, OwnState, ServerMemory } from './node-memory';

/*
 * Who set what a HAProxy shows: its configuration, control, another agent, or somebody by hand. What somebody set by hand is left alone (`isExternal`) until a
 * new intent comes.
 *
 * Agents that share a store share its orders too, and maybe a HAProxy. No lease says whose it is: each agent makes every HAProxy of its configuration as it
 * should be, which does no harm twice. Three rules keep it from taking another agent's doing for somebody's hand:
 *
 * 1. What is as desired is nobody's hand, whoever did it; and what was decided without an operator, any agent may undo.
 * 2. A difference is believed only after the store was read again, so that what other agents were told is known. While the store is away it
 *    stays a doubt, and the server is left alone.
 * 3. What is decided without an operator is in the store before a HAProxy is told (see automatic.ts).
 *
 * docs/operations.md, "Several agents", says why there is no lease.
 */

/**
 * So young a process may still share its socket with the one that it replaces: what was set may have reached the old one. A difference is
 * then taken for that, and not for somebody's hand.
 */
const youngSeconds = 3;
/** A difference must be seen twice, this far apart, to count as somebody's hand. */
const believeAfterMs = 200;

/** What ownership depends on beside what is seen and desired. */
export interface OwnershipFacts {
  /** Seconds since the process started. */
  readonly uptimeSeconds: number;
  /** Weights that follow load; a server without one has that of haproxy.cfg. Undefined: not known yet, so that all are left as they are. */
  readonly weights: ReadonlyMap<string, number> | undefined;
  /** Other agents make the same of the same servers, maybe in the same HAProxy. */
  readonly isShared?: boolean | undefined;
  /** False while it cannot be known what other agents were told. */
  readonly knowsOthers?: boolean | undefined;
}

/** What HAProxy shows of a server. */
export interface Seen {
  /** As set on the server itself. What it inherits from another one, or has because its name has no address, nobody can set. */
  readonly state: AdministrativeState;
  readonly weight: number;
  readonly configured: number;
}

const forcedMaint = 0x01;
const forcedDrain = 0x08;

export function seenOf(state: ServerState): Seen {
  return { state: forcedState(state.adminBits), weight: state.weight, configured: state.configuredWeight };
}

function forcedState(adminBits: number): AdministrativeState {
  if ((adminBits & forcedMaint) !== 0) return 'maint';
  return (adminBits & forcedDrain) !== 0 ? 'drain' : 'ready';
}

/**
 * What to remember of a server after a look at it. Pure.
 *
 * @returns undefined where it is seen for the first time and cannot be explained yet. With `doubtSinceMs`, or undefined, it is to be left alone and
 * looked at again soon.
 */
export function recognize(
  memory: NodeMemory,
  name: string,
  seen: Seen,
  desired: DesiredServer | undefined,
  facts: OwnershipFacts,
  nowMs: number,
): ServerMemory | undefined {
  const { isShared, knowsOthers = true, uptimeSeconds, weights } = facts;
  const others = isShared === true ? ownedByOthers(seen, desired, weights?.get(name)) : {};
  const known = memory.servers.get(name);
  if (known === undefined) {
    const first = firstSight(memory, name, seen);
    const isExplained = (!first.isExternal || desired?.state === seen.state) && !first.isWeightExternal;
    return knowsOthers || isExplained ? { ...first, ...others } : undefined;
  }
  const expected = known.isExternal ? known : { ...known, ...others };
  const isYoung = uptimeSeconds < youngSeconds;
  return compare(expected, seen, { isYoung, isNewIntent: isNew(desired, known), knowsOthers }, nowMs);
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

/** What another agent did on behalf of the same decision, which this one may have to undo some day. */
function ownedByOthers(
  seen: Seen,
  desired: DesiredServer | undefined,
  byLoad: number | undefined,
): Partial<ServerMemory> {
  const isState = desired?.by === 'automatic' && desired.state === seen.state;
  const isWeight = byLoad === seen.weight && seen.weight !== seen.configured;
  return {
    ...(isState ? { own: { state: seen.state, by: 'automatic' }, isExternal: false } : {}),
    ...(isWeight ? { ownWeight: seen.weight, isWeightExternal: false } : {}),
  };
}

function isNew(desired: DesiredServer | undefined, { intentId }: ServerMemory): boolean {
  return desired?.by === 'intent' && desired.intentId !== intentId;
}

function compare(
  known: ServerMemory,
  seen: Seen,
  {
    isYoung,
    isNewIntent,
    knowsOthers,
  }: { readonly isYoung: boolean; readonly isNewIntent: boolean; readonly knowsOthers: boolean },
  nowMs: number,
): ServerMemory {
  // What control began to set, and whose end it did not see, is no foreign hand either.
  const isForeign = known.state !== undefined && seen.state !== known.state && seen.state !== known.own?.state;
  const isForeignWeight = known.weight !== undefined && seen.weight !== known.weight && seen.weight !== known.ownWeight;
  const current = { ...known, state: seen.state, weight: seen.weight, doubtSinceMs: undefined };
  if (!isForeign && !isForeignWeight) return current;
  // It overrides whoever it was.
  if (isNewIntent && !isForeignWeight) return current;
  if (isYoung) {
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
export function obey(known: ServerMemory, seen: Seen, desired: DesiredServer): ServerMemory {
  const isNewIntent = isNew(desired, known);
  const isAsWanted =
    desired.by === 'intent' ? seen.state === desired.state : seen.state === 'ready' && desired.state === undefined;
  const isExternal = known.isExternal && !isNewIntent && !isAsWanted;
  const isReadyAgain = isNewIntent && desired.state === 'ready';
  const isWeightExternal = known.isWeightExternal && !isReadyAgain && seen.weight !== seen.configured;
  const isIntentDone = desired.by === 'intent' && seen.state === desired.state && seen.state !== 'ready';
  const own: OwnState | undefined = isIntentDone ? { state: seen.state, by: 'intent' } : known.own;
  const isToBeCleared = desired.by === 'intent' && desired.state === 'maint' && (isNewIntent || known.isToBeCleared);
  return {
    ...known,
    isExternal,
    isWeightExternal,
    isToBeCleared,
    own: seen.state === 'ready' && desired.state === undefined ? undefined : own,
  };
}
