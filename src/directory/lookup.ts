import NodeCache from 'node-cache';
import type { RecordTime } from '../measure';
import { isPlayable, type PathReport, type PlayableReport } from '../mediamtx';
import type { createLookupBudget } from './lookup-budget';
import { publisherSince } from './publisher-since';
import { canHold } from './server-kind';
import type { ServerSlot } from './server-slot';

/** A server that said, when asked, that it has the stream. */
export interface FoundHolder {
  readonly slot: ServerSlot;
  readonly report: PlayableReport;
}

/** What the servers said of a stream that the inventory has not got. */
export interface LookupResult {
  /** Who has it live. */
  readonly holders: readonly FoundHolder[];
  /** Who shows a filler. */
  readonly fillers: readonly FoundHolder[];
  /** Every server that could have it has said something; only then is an empty list proof of absence. */
  readonly complete: boolean;
  /** The servers that could have it then, also those that were not asked because they are suspect. */
  readonly among: readonly ServerSlot[];
  /** Monotonic ms at which the servers were asked. */
  readonly askedAt: number;
}

/** Whether the servers of a lookup are all that can have the stream now: one that came into service since was not asked. */
export function isOfFleet({ among }: LookupResult, stream: string, slots: readonly ServerSlot[]): boolean {
  return thatCouldHave(stream, slots).every((slot) => among.includes(slot));
}

function thatCouldHave(stream: string, slots: readonly ServerSlot[]): readonly ServerSlot[] {
  return slots.filter((slot) => slot.usable && canHold(slot.fleet.kind, stream));
}

/** Plain counters, read by the metrics. */
export interface LookupStats {
  /** Asked: found, found nowhere, nobody could say. */
  hit: number;
  miss: number;
  error: number;
  /** Answered at the deadline, before every server had. */
  deadline: number;
  /** Not asked, because the budget was used up. */
  overBudget: number;
  /** Questions that joined a lookup under way. */
  shared: number;
  /** Answers from the cache. */
  cached: number;
  /** Answers older than `ttlMs`, given while they were asked for again. */
  stale: number;
  waiting: number;
}

export interface LookupOptions {
  readonly deadlineMs: number;
  readonly ttlMs: number;
  readonly missTtlMs: number;
  readonly staleForMs: number;
  readonly budget: ReturnType<typeof createLookupBudget>;
  /** Streams kept at most; above it results are used once and forgotten. */
  readonly maxKept: number;
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallNow: () => number;
  /** Told of every lookup that asked servers; failed are those that found no holder and do not know that there is none. */
  readonly recordLookup: RecordTime;
  /** What else is needed of the servers where nobody has the stream; waited for until the deadline. It never rejects. */
  readonly alongside: (slots: readonly ServerSlot[]) => Promise<unknown> | undefined;
  /** Called when servers are asked. @returns what takes each server's answer, late ones too: a report, or undefined where it has not got it. */
  readonly onAsk: (askedAt: number) => (slot: ServerSlot, stream: string, report: PathReport | undefined) => void;
}

export interface Lookups {
  /** What is known without asking; undefined when somebody must be asked. Starts a refresh of what is getting old. */
  known(stream: string, slots: readonly ServerSlot[]): LookupResult | undefined;
  /** Asks all servers that could have the stream; callers for the same stream share one question. Never rejects. */
  ask(stream: string, slots: readonly ServerSlot[]): Promise<LookupResult> | undefined;
  /** What was said of a stream counts no more. */
  forget(stream: string): void;
  /** Kept results. */
  readonly size: number;
  readonly stats: LookupStats;
  stop(): void;
}

// Once somebody has it, the others get this long to say that they have it too.
const gatherMs = 10;

/** Lookups by `paths/get` with single flight, a bounded cache and a budget. */
export function createLookups(options: LookupOptions): Lookups {
  const { now, ttlMs, missTtlMs, staleForMs, maxKept } = options;
  const kept = new NodeCache({ useClones: false, checkperiod: 1 });
  const underWay = new Map<string, Promise<LookupResult>>();
  const stats: LookupStats = {
    hit: 0,
    miss: 0,
    error: 0,
    deadline: 0,
    overBudget: 0,
    shared: 0,
    cached: 0,
    stale: 0,
    waiting: 0,
  };

  function keep(stream: string, result: LookupResult): void {
    const key = keyOf(stream);
    if (kept.getStats().keys >= maxKept && !kept.has(key)) return;
    kept.set(key, result, (result.holders.length > 0 ? staleForMs : missTtlMs) / 1000);
  }

  function ask(stream: string, slots: readonly ServerSlot[]): Promise<LookupResult> | undefined {
    const joined = underWay.get(stream);
    if (joined !== undefined) {
      stats.shared++;
      return joined;
    }
    if (!options.budget.take()) {
      stats.overBudget++;
      return undefined;
    }
    const lookup = askAll(stream, slots, options, stats, (late) => keep(stream, late)).then((result) => {
      underWay.delete(stream);
      keep(stream, result);
      return result;
    });
    underWay.set(stream, lookup);
    return lookup;
  }

  return {
    ask,
    known(stream, slots) {
      const result = kept.get<LookupResult>(keyOf(stream));
      if (result === undefined) return undefined;
      if (result.holders.length === 0 && !isOfFleet(result, stream, slots)) return undefined;
      const isGood = ({ slot }: FoundHolder): boolean => !isContradicted(slot, result.askedAt);
      const usable = result.holders.filter(isGood);
      const fillers = result.fillers.filter(isGood);
      if (result.holders.length + result.fillers.length > 0 && usable.length + fillers.length === 0) return undefined;
      if (result.holders.length > 0 && now() - result.askedAt > ttlMs) {
        stats.stale++;
        if (!underWay.has(stream)) void ask(stream, slots);
      } else stats.cached++;
      const isWhole = usable.length === result.holders.length && fillers.length === result.fillers.length;
      return isWhole ? result : { ...result, holders: usable, fillers };
    },
    forget: (stream) => void kept.del(keyOf(stream)),
    get size() {
      return kept.getStats().keys;
    },
    stats,
    stop: () => kept.close(),
  };
}

/** node-cache keeps its entries in a plain object, which inherits some; none of these begins with a slash, and no stream does. */
function keyOf(stream: string): string {
  return `/${stream}`;
}

/** A newer inventory of that server, which does not list the stream (or it would not be looked up), beats the old answer. */
function isContradicted(slot: ServerSlot, askedAt: number): boolean {
  return !slot.usable || (slot.inventoryAt !== undefined && slot.inventoryAt > askedAt);
}

/**
 * One `paths/get` to each server that could have the stream. Resolves when all have answered, shortly after the first holder did,
 * or at the deadline with what is known then. Answers that come later still reach `onLate`.
 */
function askAll(
  stream: string,
  slots: readonly ServerSlot[],
  { deadlineMs, now, wallNow, onAsk, alongside, recordLookup }: LookupOptions,
  stats: LookupStats,
  onLate: (result: LookupResult) => void,
): Promise<LookupResult> {
  const askedAt = now();
  const usable = thatCouldHave(stream, slots);
  const asked = usable.filter((slot) => slot.health !== 'suspect');
  const onAnswer = onAsk(askedAt);
  const beside = alongside(asked);
  const holders: FoundHolder[] = [];
  const fillers: FoundHolder[] = [];
  // A suspect server is not asked, and so nobody knows that it has not got the stream.
  let silent = usable.length;
  let pending = asked.length;
  stats.waiting++;

  return new Promise((resolve) => {
    let settled = false;
    let gatherTimer: NodeJS.Timeout | undefined;
    const deadlineTimer = setTimeout(() => finish(true), deadlineMs);

    function current(): LookupResult {
      return { holders: [...holders], fillers: [...fillers], complete: silent === 0, among: usable, askedAt };
    }
    function finish(atDeadline: boolean): void {
      if (settled) return;
      settled = true;
      clearTimeout(deadlineTimer);
      clearTimeout(gatherTimer);
      stats.waiting--;
      if (atDeadline) {
        stats.deadline++;
        // A server whose list is good and fresh has, in effect, said that it has not got the stream.
        silent -= asked.filter((slot) => slot.health === 'ok' && !answered.has(slot)).length;
      }
      const result = current();
      const isFound = result.holders.length + result.fillers.length > 0;
      if (isFound) stats.hit++;
      else if (result.complete) stats.miss++;
      else stats.error++;
      recordLookup(now() - askedAt, 1, isFound || result.complete ? 0 : 1);
      resolve(result);
    }

    function finishWithout(): void {
      const more = holders.length > 0 || fillers.length > 0 ? undefined : beside;
      if (more === undefined) finish(false);
      else void more.then(() => finish(false));
    }

    const answered = new Set<ServerSlot>();
    for (const slot of asked) {
      void slot.client.getPath(stream).then((answer) => {
        pending--;
        answered.add(slot);
        if (answer.ok) {
          silent--;
          onAnswer(slot, stream, answer.value);
          const report = answer.value;
          if (report !== undefined && isPlayable(report)) {
            const publisherSinceMs = publisherSince(slot, report.publisherSinceMs, wallNow());
            (report.live ? holders : fillers).push({ slot, report: { ...report, publisherSinceMs } });
          }
          if (report?.live === true) {
            if (settled) onLate(current());
            else gatherTimer ??= setTimeout(() => finish(false), gatherMs);
          }
        }
        if (pending === 0) finishWithout();
      });
    }
    if (pending === 0) finishWithout();
  });
}
