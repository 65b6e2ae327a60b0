import type { PathReport } from '../mediamtx';
import type { HolderPolicy } from './holder-policy';
import type { Holding, KeptReport, ServerSlot, StreamEntry } from './server-slot';

export interface StreamIndex {
  get(stream: string): StreamEntry | undefined;
  names(): IterableIterator<string>;
  readonly size: number;
  /** Streams that more than one server claims. */
  readonly contested: ReadonlySet<StreamEntry>;
  /** Begins to take over a list of `slot`; lists of other servers may come in at the same time. */
  list(slot: ServerSlot, at: number): ListRound;
  /** `slot` holds nothing any more. */
  clear(slot: ServerSlot): void;
  /** Chooses again for everything on `slot`, after its usability changed. */
  rechoose(slot: ServerSlot): void;
}

/**
 * One list of one server while it comes in. Figures of streams that the server already held are taken over at once; what came and
 * what went changes only with `finish`, in one turn, so that half a list changes nothing.
 */
export interface ListRound {
  note(report: PathReport): void;
  finish(): void;
}

/**
 * Who holds what, over all servers.
 *
 * @param maxStreams streams that are not yet known are refused above this number; `onRefused` counts them.
 */
export function createStreamIndex(
  policyOf: (stream: string) => HolderPolicy,
  maxStreams: number,
  onRefused: (count: number) => void,
): StreamIndex {
  const byName = new Map<string, StreamEntry>();
  const contested = new Set<StreamEntry>();

  let lastRound = 0;

  function set(entry: StreamEntry, holdings: readonly Holding[]): void {
    entry.holdings = holdings;
    entry.chosen = newestUsable(holdings);
    if (holdings.length > 1) contested.add(entry);
    else contested.delete(entry);
    if (holdings.length === 0) byName.delete(entry.name);
  }

  function entryFor(name: string): StreamEntry | undefined {
    const known = byName.get(name);
    if (known !== undefined || byName.size >= maxStreams) return known;
    const entry: StreamEntry = { name, policy: policyOf(name), holdings: [], chosen: undefined };
    byName.set(name, entry);
    return entry;
  }

  /** A stream that `slot` did not hold before. False when there is no room for it. */
  function add(slot: ServerSlot, report: PathReport, at: number, round: number): boolean {
    const entry = entryFor(report.name);
    if (entry === undefined) return false;
    const { publisherSinceMs, sourceType, readers, tracks, bytesReceived, bytesSent } = report;
    const kept: KeptReport = { publisherSinceMs, sourceType, readers, tracks, bytesReceived, bytesSent };
    const holding: Holding = { slot, entry, report: kept, seenAt: at, round };
    slot.live.set(entry.name, holding);
    // A literal of one takes one place; a spread leaves room for sixteen more, 100,000 times.
    set(entry, entry.holdings.length === 0 ? [holding] : entry.holdings.concat(holding));
    return true;
  }

  function confirm(holding: Holding, report: PathReport, at: number, round: number): void {
    const isSamePublisher = holding.report.publisherSinceMs === report.publisherSinceMs;
    holding.round = round;
    holding.report.publisherSinceMs = report.publisherSinceMs;
    holding.report.sourceType = report.sourceType;
    holding.report.readers = report.readers;
    holding.report.tracks = report.tracks;
    holding.report.bytesReceived = report.bytesReceived;
    holding.report.bytesSent = report.bytesSent;
    if (isSamePublisher) return;
    holding.seenAt = at;
    set(holding.entry, holding.entry.holdings);
  }

  function remove(gone: Holding): void {
    gone.slot.live.delete(gone.entry.name);
    set(
      gone.entry,
      gone.entry.holdings.filter((holding) => holding !== gone),
    );
  }

  return {
    get: (stream) => byName.get(stream),
    names: () => byName.keys(),
    get size() {
      return byName.size;
    },
    contested,
    list(slot, at) {
      const round = ++lastRound;
      const arrivals: PathReport[] = [];
      return {
        note(report) {
          const holding = slot.live.get(report.name);
          if (holding === undefined) arrivals.push(report);
          else confirm(holding, report, at, round);
        },
        finish() {
          let refused = 0;
          for (const report of arrivals) {
            const holding = slot.live.get(report.name);
            if (holding !== undefined) confirm(holding, report, at, round);
            else if (!add(slot, report, at, round)) refused++;
          }
          for (const holding of slot.live.values()) if (holding.round !== round) remove(holding);
          if (refused > 0) onRefused(refused);
        },
      };
    },
    clear(slot) {
      for (const holding of slot.live.values()) remove(holding);
    },
    rechoose(slot) {
      for (const { entry } of slot.live.values()) entry.chosen = newestUsable(entry.holdings);
    },
  };
}

/** The newest publisher wins; equal times go to the smaller name, so that every agent chooses alike. */
function newestUsable(holdings: readonly Holding[]): ServerSlot | undefined {
  let best: Holding | undefined;
  for (const holding of holdings) {
    if (holding.slot.usable && (best === undefined || isNewer(holding, best))) best = holding;
  }
  return best?.slot;
}

/** Whether `a`'s publisher came after `b`'s. */
export function isNewer(a: Holding, b: Holding): boolean {
  const difference = a.report.publisherSinceMs - b.report.publisherSinceMs;
  return difference !== 0 ? difference > 0 : a.slot.name < b.slot.name;
}
