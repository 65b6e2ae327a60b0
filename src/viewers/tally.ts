/** How many viewers something has, and had at most. */
export interface Count {
  readonly name: string;
  readonly viewers: number;
  readonly peak: number;
  /** When the peak was reached for the first time (ms since 1970). */
  readonly peakAtMs: number;
}

/** Counts viewers by name. */
export interface Tally {
  /** Counts one more; the number that stands for the name until its last one left. */
  enter(name: string, nowMs: number): number;
  /** Counts one less. */
  leave(id: number): void;
  nameOf(id: number): string;
  viewersOf(id: number): number;
  idOf(name: string): number | undefined;
  get(name: string): Count | undefined;
  /** Those that are remembered, without viewers too, in no order. */
  all(): IterableIterator<Count>;
}

interface Entry {
  readonly name: string;
  readonly id: number;
  viewers: number;
  peak: number;
  peakAtMs: number;
}

/** @param maxIdle how many names without viewers are remembered for their peaks; the longest idle are forgotten first. */
export function createTally(maxIdle: number): Tally {
  const byName = new Map<string, Entry>();
  const byId: (Entry | undefined)[] = [];
  const freeIds: number[] = [];
  /** In the order in which their last viewer left. */
  const idle = new Set<Entry>();

  function forgetIdle(): void {
    if (idle.size <= maxIdle) return;
    for (const entry of idle) {
      idle.delete(entry);
      byName.delete(entry.name);
      byId[entry.id] = undefined;
      freeIds.push(entry.id);
      return;
    }
  }

  function create(name: string): Entry {
    const entry: Entry = { name, id: freeIds.pop() ?? byId.length, viewers: 0, peak: 0, peakAtMs: 0 };
    byName.set(name, entry);
    byId[entry.id] = entry;
    return entry;
  }

  return {
    enter(name, nowMs) {
      const entry = byName.get(name) ?? create(name);
      if (entry.viewers === 0) idle.delete(entry);
      entry.viewers++;
      if (entry.viewers > entry.peak) {
        entry.peak = entry.viewers;
        entry.peakAtMs = nowMs;
      }
      return entry.id;
    },
    leave(id) {
      const entry = byId[id];
      if (entry === undefined) return;
      entry.viewers--;
      if (entry.viewers > 0) return;
      idle.add(entry);
      forgetIdle();
    },
    nameOf: (id) => byId[id]?.name ?? '',
    viewersOf: (id) => byId[id]?.viewers ?? 0,
    idOf: (name) => byName.get(name)?.id,
    get: (name) => byName.get(name),
    all: () => byName.values(),
  };
}
