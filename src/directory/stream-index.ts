import type { PathReport } from '../mediamtx';
import type { HolderPolicy } from './holder-policy';
import type { ServerSlot } from './server-slot';

/** One server's claim to a stream. */
export interface Holding {
  readonly slot: ServerSlot;
  report: PathReport;
  /** Monotonic ms at which this publisher was first seen there. */
  seenAt: number;
}

/** A stream and who has it; `chosen` is kept ready, so that a decision is one look into a map. */
export interface StreamEntry {
  readonly name: string;
  readonly policy: HolderPolicy;
  holdings: readonly Holding[];
  /** The usable holder with the newest publisher; undefined when none is usable. */
  chosen: ServerSlot | undefined;
}

export interface StreamIndex {
  get(stream: string): StreamEntry | undefined;
  entries(): IterableIterator<StreamEntry>;
  readonly size: number;
  /** Streams that more than one server claims. */
  readonly contested: ReadonlySet<StreamEntry>;
  /** Replaces what `slot` holds by `live`; both its map and the entries change in this one turn. */
  replace(slot: ServerSlot, live: Map<string, PathReport>, at: number): void;
  /** Chooses again for everything on `slot`, after its usability changed. */
  rechoose(slot: ServerSlot): void;
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

  function set(entry: StreamEntry, holdings: readonly Holding[]): void {
    entry.holdings = holdings;
    entry.chosen = newestUsable(holdings);
    if (holdings.length > 1) contested.add(entry);
    else contested.delete(entry);
    if (holdings.length === 0) byName.delete(entry.name);
  }

  function add(slot: ServerSlot, report: PathReport, at: number): boolean {
    const entry = byName.get(report.name);
    if (entry === undefined) {
      if (byName.size >= maxStreams) return false;
      const created: StreamEntry = {
        name: report.name,
        policy: policyOf(report.name),
        holdings: [],
        chosen: undefined,
      };
      byName.set(report.name, created);
      set(created, [{ slot, report, seenAt: at }]);
      return true;
    }
    const mine = entry.holdings.find((holding) => holding.slot === slot);
    if (mine === undefined) {
      set(entry, [...entry.holdings, { slot, report, seenAt: at }]);
      return true;
    }
    const samePublisher = mine.report.publisherSinceMs === report.publisherSinceMs;
    mine.report = report;
    if (!samePublisher) {
      mine.seenAt = at;
      set(entry, entry.holdings);
    }
    return true;
  }

  function remove(slot: ServerSlot, name: string): void {
    const entry = byName.get(name);
    if (entry !== undefined)
      set(
        entry,
        entry.holdings.filter((holding) => holding.slot !== slot),
      );
  }

  return {
    get: (stream) => byName.get(stream),
    entries: () => byName.values(),
    get size() {
      return byName.size;
    },
    contested,
    replace(slot, live, at) {
      let refused = 0;
      for (const report of live.values()) {
        if (!add(slot, report, at)) {
          live.delete(report.name);
          refused++;
        }
      }
      for (const name of slot.live.keys()) if (!live.has(name)) remove(slot, name);
      slot.live = live;
      if (refused > 0) onRefused(refused);
    },
    rechoose(slot) {
      for (const name of slot.live.keys()) {
        const entry = byName.get(name);
        if (entry !== undefined) entry.chosen = newestUsable(entry.holdings);
      }
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
