import {
  accountOf,
  chooseHolder,
  createLookupBudget,
  type Directory,
  hashText,
  isSpread,
  type LookupResult,
  pickByRendezvous,
  type ServerSlot,
  type StreamEntry,
} from '../directory';
import { isStreamName } from '../mediamtx';
import type { Decision } from './decision';
import type { Explanation, RuleName } from './explanation';
import { createPlacing } from './placing';

/** The part of the directory that decisions rest on. */
export type RouterDirectory = Pick<
  Directory,
  'quick' | 'entry' | 'known' | 'ask' | 'absence' | 'slots' | 'policyOf' | 'evidence' | 'pathAt' | 'countStaleAnswer'
>;

/** Answers "which server has this stream?". */
export interface Router {
  /**
   * The decision at once where the directory knows the stream, otherwise after one shared lookup. Never throws or rejects.
   *
   * @param session spreads the sessions of a replicated stream; may be empty.
   */
  decide(stream: string, session: string): Decision | Promise<Decision>;
  /** The same decision with the rule that made it and what each server is known to say. */
  explain(stream: string, session: string | undefined): Promise<Explanation>;
}

interface Ruling {
  /** A canary never comes here. */
  readonly rule: Exclude<RuleName, 'canary'>;
  readonly slot: ServerSlot | undefined;
  /** Of a stream that is placed: who has not said whether he could start it. */
  readonly unread?: readonly string[];
  /** Of a relay's stream: how many other relays that can be used have it. */
  readonly others?: number;
}

/** Names that anybody makes up must not be looked for on every server. */
const elsewherePerSecond = 5;

const unknownDecision: Decision = Object.freeze({ state: 'unknown', server: undefined });

/** The decision about a name that no MediaMTX can hold, or when nothing is known. */
export const undecided = unknownDecision;

/** @param now monotonic milliseconds. */
export function createRouter(directory: RouterDirectory, now: () => number = () => performance.now()): Router {
  const located = createInterned((server) => ({ state: 'located', server }));
  const placed = createInterned((server) => ({ state: 'placed', server }));
  const tried = createInterned((server) => ({ state: 'placed', server, isElsewhereAllowed: true }));
  const elsewhere = createLookupBudget(elsewherePerSecond, now);
  const place = createPlacing((slot, stream) => directory.pathAt(slot, stream), now);

  function toDecision(ruling: Ruling): Decision {
    const { rule, slot } = ruling;
    if (slot === undefined) return unknownDecision;
    if (!isPlaced(rule)) return located(slot.name);
    return isOpen(ruling) && elsewhere.take() ? tried(slot.name) : placed(slot.name);
  }

  /** Rules on what is known now; undefined when the servers must be asked. */
  function rule(stream: string, session: string): Ruling | undefined {
    const entry = directory.entry(stream);
    if (entry?.moved !== undefined) return { rule: 'moved-by-operator', slot: entry.moved };
    if (entry?.chosen !== undefined) {
      // What one server said when it was asked is no word about the others.
      if (entry.isFiller && entry.isLookedUp && directory.known(stream) === undefined) return undefined;
      if (entry.chosen.consecutiveFailures > 0) directory.countStaleAnswer();
      // Asks again, when it is time to, beside this answer.
      if (entry.isLookedUp) directory.known(stream);
      return ruleOnEntry(entry, entry.chosen, session);
    }
    if (!isStreamName(stream)) return { rule: 'invalid-name', slot: undefined };
    const known = directory.known(stream);
    return known === undefined ? undefined : ruleOnLookup(stream, session, known);
  }

  function ruleOnLookup(stream: string, session: string, { holders, fillers, complete }: LookupResult): Ruling {
    const policy = directory.policyOf(stream);
    const chosen = chooseHolder(stream, policy, [...holders, ...fillers]);
    if (chosen !== undefined) {
      const usable = holders.filter(({ slot }) => slot.usable);
      return ruleOnHolders(chosen, usable, isSpread(policy, holders), session);
    }
    if (!complete) return { rule: 'no-evidence', slot: undefined };
    return place(
      stream,
      directory.slots().filter(({ fleet }) => fleet.kind === 'mediamtx'),
    );
  }

  async function askAndRule(stream: string, session: string): Promise<Ruling> {
    const asked = directory.ask(stream);
    const result = asked === undefined ? directory.absence(stream) : await asked;
    // Over the budget a filler that was found before is better than nothing.
    const entry = asked === undefined ? directory.entry(stream) : undefined;
    if (entry?.chosen !== undefined) return ruleOnEntry(entry, entry.chosen, session);
    // The inventory may have learned of the stream while the servers were asked, and it knows more.
    return (asked === undefined ? undefined : rule(stream, session)) ?? ruleOnLookup(stream, session, result);
  }

  return {
    decide(stream, session) {
      const quick = directory.quick(stream);
      if (quick !== undefined && quick.consecutiveFailures === 0) return located(quick.name);
      const ruling = rule(stream, session);
      return ruling === undefined ? askAndRule(stream, session).then(toDecision) : toDecision(ruling);
    },
    async explain(stream, session) {
      const ruling = rule(stream, session ?? '') ?? (await askAndRule(stream, session ?? ''));
      const server = ruling.slot?.name;
      const state = server === undefined ? 'unknown' : isPlaced(ruling.rule) ? 'placed' : 'located';
      const lookup = isStreamName(stream) ? directory.known(stream) : undefined;
      const evidence = directory.evidence(stream, lookup);
      const kind = ruling.slot?.fleet.kind ?? directory.entry(stream)?.kind ?? 'mediamtx';
      return { stream, kind, session, state, server, rule: ruling.rule, because: sentence(ruling, stream), evidence };
    },
  };
}

/** Nobody has the stream: the server is where it should start. */
function isPlaced(rule: RuleName): boolean {
  return rule.startsWith('placed-');
}

/** Nobody knows where the stream can start, and more than one server may be the one. */
function isOpen({ rule, unread = [] }: Ruling): boolean {
  return rule === 'placed-unsure' && unread.length > 1;
}

function ruleOnEntry(entry: StreamEntry, chosen: ServerSlot, session: string): Ruling {
  const usable = entry.holdings.filter(({ slot }) => slot.usable);
  return ruleOnHolders(chosen, usable, entry.isSpread, session);
}

/** @param usable who has the stream live, or in its store, and can be chosen. */
function ruleOnHolders(
  chosen: ServerSlot,
  usable: readonly { readonly slot: ServerSlot }[],
  isSpread: boolean,
  session: string,
): Ruling {
  if (chosen.fleet.kind === 'relay') return { rule: 'relay-of-account', slot: chosen, others: usable.length - 1 };
  if (usable.length === 0) return { rule: 'filler', slot: chosen };
  if (usable.length === 1) return { rule: 'only-holder', slot: chosen };
  if (!isSpread) return { rule: 'newest-publisher', slot: chosen };
  return spread(
    usable.map(({ slot }) => slot),
    session,
  );
}

/** Replicas share the sessions, those with fewer readers get more of the new ones; draining ones only if nobody else is left. */
function spread(slots: readonly ServerSlot[], session: string): Ruling {
  const ready = slots.filter((slot) => slot.fleet.administrative === 'ready');
  const candidates = ready.length > 0 ? ready : slots;
  const total = candidates.reduce((sum, { readers }) => sum + allReaders(readers), 0);
  const slot = pickByRendezvous(hashText(session), candidates, ({ readers }) =>
    spreadWeight(allReaders(readers), total, candidates.length),
  );
  return { rule: 'spread-by-session', slot };
}

function allReaders(readers: ServerSlot['readers']): number {
  return Object.values(readers).reduce((sum, count) => sum + count, 0);
}

/** So many more readers are reckoned with on each server: the two by which replicas pull a stream say nothing about the load of the one that they pull it from. */
const fewReaders = 10;

/** 1 for a server with an average share of the readers, towards 2 for an idle one where there are many, never below 1/4. */
function spreadWeight(readers: number, total: number, servers: number): number {
  return Math.max(0.25, 2 - (readers + fewReaders) / (total / servers + fewReaders));
}

/** One Decision object a server name, so that bridges can keep prepared answers by identity. Bounded by the fleet's size. */
function createInterned(make: (server: string) => Decision): (server: string) => Decision {
  const byServer = new Map<string, Decision>();
  return (server) => {
    const known = byServer.get(server);
    if (known !== undefined) return known;
    if (byServer.size >= maxInterned) byServer.clear();
    const decision: Decision = Object.freeze(make(server));
    byServer.set(server, decision);
    return decision;
  };
}

const maxInterned = 10_000;

function sentence(ruling: Ruling, stream: string): string {
  const { rule, slot, unread = [], others = 0 } = ruling;
  const name = slot?.name ?? '';
  const sentences: Record<Ruling['rule'], string> = {
    'moved-by-operator': `an operator moved ${stream} to ${name}`,
    'only-holder': `${name} has ${stream} live, and nobody else has`,
    'newest-publisher': `several servers have ${stream}; the publisher on ${name} is the newest`,
    'spread-by-session': `${stream} is replicated; this session belongs to ${name}`,
    'relay-of-account':
      others === 0
        ? `${name} has ${stream}, and no other relay that can be used has it`
        : `relays have ${stream}; the streams of its account, ${accountOf(stream)}, go to ${name}`,
    filler: `nobody has ${stream} live, its publisher is away; the path is always available on ${name}, which shows its filler`,
    'placed-on-demand': `nobody has ${stream}, and ${name} can start it on demand`,
    'placed-unsure': `nobody has ${stream}, nobody is known to be able to start it, and the configuration of ${listed(unread)} is not known; ${name} is asked${isOpen(ruling) ? ' first' : ''}`,
    'placed-as-configured': `nobody has ${stream} or can start it on demand; ${name} is configured to have it`,
    'placed-by-hash': `nobody has ${stream}, and nobody is known to be able to start it; it belongs on ${name}`,
    'no-server': `nobody has ${stream}, and no server may take it: all are down, draining, in maintenance or suspect`,
    'no-evidence': `nobody is known to have ${stream}, but not every server could be asked; HAProxy uses its own memory`,
    'invalid-name':
      'no MediaMTX path can have this name: letters, digits, _ - . / and no dot segments, at most 200 characters',
  };
  return sentences[rule];
}

function listed(names: readonly string[]): string {
  return names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ');
}
