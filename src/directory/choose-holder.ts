import type { Feed } from '../mediamtx';
import type { HolderPolicy } from './holder-policy';
import { hashText, pickByRendezvous } from './rendezvous';
import { accountOf, type ServerKind } from './server-kind';
import type { ServerSlot } from './server-slot';

/** A server's claim to a stream, as far as choosing goes. */
export interface Claim {
  readonly slot: ServerSlot;
  readonly report: { readonly feed: Feed | undefined; readonly publisherSinceMs: number };
}

/** A viewer would get the stream itself there, not a filler. */
export function isLive({ report }: Claim): boolean {
  return report.feed === 'publisher' || report.feed === 'pulled';
}

/**
 * Those of the live holders of a stream of which one should be: two of them are a conflict. A copy that a server pulls is no rival of a
 * publisher, nor of another copy, unless the policy is `newest`. Relays that have a stream in their store are no rivals.
 */
export function rivalsOf<T extends Claim>(policy: HolderPolicy, live: readonly T[]): readonly T[] {
  if (policy === 'spread' || kindOf(live) === 'relay') return [];
  return policy === 'newest' ? live : live.filter(({ report }) => report.feed === 'publisher');
}

/** Whether the sessions of a stream are spread over its usable holders: several, and of rivals one at the most. */
export function isSpread(policy: HolderPolicy, live: readonly Claim[]): boolean {
  if (kindOf(live) === 'relay') return false;
  return rivalsOf(policy, live).length < 2 && live.filter(({ slot }) => slot.usable).length > 1;
}

/**
 * The one server for a stream: of its usable holders the newest rival, else the newest copy. Where nobody has it live, one of those that
 * show a filler, the same on every agent. A stream that a relay has is on relays only, and on the one that its account belongs to. Undefined
 * when none is usable.
 */
export function chooseHolder(stream: string, policy: HolderPolicy, claims: readonly Claim[]): ServerSlot | undefined {
  const usable = claims.filter(({ slot }) => slot.usable);
  if (kindOf(claims) === 'relay') return chooseRelay(stream, usable);
  const live = usable.filter(isLive);
  return newestOf(rivalsOf(policy, live)) ?? newestOf(live) ?? chooseFiller(stream, usable);
}

/** Ties go to the smaller name, so that every agent chooses alike. */
function newestOf(claims: readonly Claim[]): ServerSlot | undefined {
  let best: Claim | undefined;
  for (const claim of claims) if (best === undefined || isNewer(claim, best)) best = claim;
  return best?.slot;
}

/** What has a stream: relays where any of them is one, however many servers claim it besides. */
export function kindOf(claims: readonly Pick<Claim, 'slot'>[]): ServerKind {
  return claims.some(({ slot }) => slot.fleet.kind === 'relay') ? 'relay' : 'mediamtx';
}

/** The same for all streams of an account. Relays that drain, and backups, get new viewers only if there is no other. */
function chooseRelay(stream: string, claims: readonly Claim[]): ServerSlot | undefined {
  const relays = claims.map(({ slot }) => slot).filter(({ fleet }) => fleet.kind === 'relay');
  const ready = relays.filter(({ fleet }) => fleet.administrative === 'ready');
  const active = ready.filter(({ fleet }) => !fleet.isBackup);
  const best = [active, ready].find(({ length }) => length > 0) ?? relays;
  return pickByRendezvous(hashText(accountOf(stream)), best);
}

/** A server that drains gets new viewers only if there is no other. */
function chooseFiller(stream: string, fillers: readonly Claim[]): ServerSlot | undefined {
  const slots = fillers.map(({ slot }) => slot);
  const ready = slots.filter(({ fleet }) => fleet.administrative === 'ready');
  return pickByRendezvous(hashText(stream), ready.length > 0 ? ready : slots);
}

/** Whether `a`'s publisher came after `b`'s. */
export function isNewer(a: Claim, b: Claim): boolean {
  const difference = a.report.publisherSinceMs - b.report.publisherSinceMs;
  return difference !== 0 ? difference > 0 : a.slot.name < b.slot.name;
}
