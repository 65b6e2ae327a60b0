import {
  type Directory,
  hashText,
  isPlaceable,
  isStreamName,
  type LookupResult,
  pickByRendezvous,
  type ServerSlot,
  type StreamEntry,
} from '../directory';
import type { Decision, DecisionState } from './decision';
import type { Explanation, RuleName } from './explanation';

/** The part of the directory that decisions rest on. */
export type RouterDirectory = Pick<
  Directory,
  'quick' | 'entry' | 'known' | 'ask' | 'absence' | 'slots' | 'policyOf' | 'evidence' | 'countStaleAnswer'
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
}

const unknownDecision: Decision = Object.freeze({ state: 'unknown', server: undefined });

/** The decision about a name that no MediaMTX can hold, or when nothing is known. */
export const undecided = unknownDecision;

export function createRouter(directory: RouterDirectory): Router {
  const located = createInterned('located');
  const placed = createInterned('placed');

  function toDecision({ rule, slot }: Ruling): Decision {
    if (slot === undefined) return unknownDecision;
    return rule === 'placed-by-hash' ? placed(slot.name) : located(slot.name);
  }

  /** Rules on what is known now; undefined when the servers must be asked. */
  function rule(stream: string, session: string): Ruling | undefined {
    const entry = directory.entry(stream);
    if (entry?.moved !== undefined) return { rule: 'moved-by-operator', slot: entry.moved };
    if (entry?.chosen !== undefined) {
      if (entry.chosen.consecutiveFailures > 0) directory.countStaleAnswer();
      // Asks again, when it is time to, beside this answer.
      if (entry.isLookedUp) directory.known(stream);
      return ruleOnEntry(entry, entry.chosen, session);
    }
    if (!isStreamName(stream)) return { rule: 'invalid-name', slot: undefined };
    const known = directory.known(stream);
    return known === undefined ? undefined : ruleOnLookup(stream, session, known);
  }

  function ruleOnLookup(stream: string, session: string, { holders, complete }: LookupResult): Ruling {
    if (holders.length > 0) {
      const newest = holders.reduce((a, b) => (b.report.publisherSinceMs > a.report.publisherSinceMs ? b : a));
      if (holders.length === 1) return { rule: 'only-holder', slot: newest.slot };
      if (directory.policyOf(stream) === 'newest') return { rule: 'newest-publisher', slot: newest.slot };
      return spread(
        holders.map(({ slot }) => slot),
        session,
      );
    }
    if (!complete) return { rule: 'no-evidence', slot: undefined };
    const slot = pickByRendezvous(hashText(stream), directory.slots().filter(isPlaceable));
    return slot === undefined ? { rule: 'no-server', slot } : { rule: 'placed-by-hash', slot };
  }

  async function askAndRule(stream: string, session: string): Promise<Ruling> {
    const asked = directory.ask(stream);
    const result = asked === undefined ? directory.absence() : await asked;
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
      const { state, server } = toDecision(ruling);
      const lookup = isStreamName(stream) ? directory.known(stream) : undefined;
      const evidence = directory.evidence(stream, lookup);
      return { stream, session, state, server, rule: ruling.rule, because: sentence(ruling, stream), evidence };
    },
  };
}

function ruleOnEntry(entry: StreamEntry, chosen: ServerSlot, session: string): Ruling {
  if (entry.holdings.length === 1) return { rule: 'only-holder', slot: chosen };
  const usable = entry.holdings.filter(({ slot }) => slot.usable);
  if (usable.length === 1) return { rule: 'only-holder', slot: chosen };
  if (entry.policy === 'newest') return { rule: 'newest-publisher', slot: chosen };
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

/** 1 for a server with an average share of the readers, towards 2 for an idle one, never below 1/4. */
function spreadWeight(readers: number, total: number, servers: number): number {
  const average = total / servers;
  if (average === 0) return 1;
  return Math.max(0.25, 2 - readers / average);
}

/** One Decision object a server name, so that bridges can keep prepared answers by identity. Bounded by the fleet's size. */
function createInterned(state: DecisionState): (server: string) => Decision {
  const byServer = new Map<string, Decision>();
  return (server) => {
    const known = byServer.get(server);
    if (known !== undefined) return known;
    if (byServer.size >= maxInterned) byServer.clear();
    const decision: Decision = Object.freeze({ state, server });
    byServer.set(server, decision);
    return decision;
  };
}

const maxInterned = 10_000;

function sentence({ rule, slot }: Ruling, stream: string): string {
  const name = slot?.name ?? '';
  const sentences: Record<Ruling['rule'], string> = {
    'moved-by-operator': `an operator moved ${stream} to ${name}`,
    'only-holder': `${name} has ${stream} live, and nobody else has`,
    'newest-publisher': `several servers have ${stream}; the publisher on ${name} is the newest`,
    'spread-by-session': `${stream} is replicated; this session belongs to ${name}`,
    'placed-by-hash': `nobody has ${stream}; if it starts on demand it belongs on ${name}`,
    'no-server': `nobody has ${stream}, and no server may take it: all are down, draining, in maintenance or suspect`,
    'no-evidence': `nobody is known to have ${stream}, but not every server could be asked; HAProxy uses its own memory`,
    'invalid-name':
      'no MediaMTX path can have this name: letters, digits, _ - . / and no dot segments, at most 200 characters',
  };
  return sentences[rule];
}
