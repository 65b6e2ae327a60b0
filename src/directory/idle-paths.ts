import { idleStart, isPlayable, type PathReport, type PathStart } from '../mediamtx';
import type { ServerSlot } from './server-slot';

/**
 * Paths that servers name and that are not live: on-demand sources that nobody reads, paths that wait for their publisher. They tell where
 * a stream can start. Of each server the last list counts, and what it said since when it was asked.
 */
export interface IdlePaths {
  /** Begins to take over a list: what it names counts at once, what it does not name goes with `finish`. */
  list(slot: ServerSlot): { note(report: PathReport): void; finish(): void };
  /** The answer to a single question; undefined where the server does not have the path. */
  hear(slot: ServerSlot, stream: string, report: PathReport | undefined): void;
  /** What would make the path live there; undefined where the server does not name it, or has it live. */
  startOf(slot: ServerSlot, stream: string): PathStart | undefined;
  /** Nothing is known of that server any more. */
  forget(slot: ServerSlot): void;
  /** Paths kept, over all servers. */
  readonly size: number;
}

interface Kept {
  /** What the list under way named, or else the last one, and what was told since: the place in `starts` by name. */
  named: Map<string, number>;
  /** What was named before, and not again yet; empty once a list is taken over. Let go as a whole, so that no list costs a turn of its own. */
  before: Map<string, number>;
  isWhole: boolean;
}

const starts: readonly PathStart[] = ['reader', 'itself', 'publisher', 'nothing'];

/** @param maxKept over all servers; what comes above it is not kept, and found out by asking. */
export function createIdlePaths(maxKept: number): IdlePaths {
  const bySlot = new Map<ServerSlot, Kept>();
  let size = 0;

  function keptOf(slot: ServerSlot): Kept {
    const known = bySlot.get(slot);
    if (known !== undefined) return known;
    const kept: Kept = { named: new Map(), before: new Map(), isWhole: true };
    bySlot.set(slot, kept);
    return kept;
  }

  function keep({ named, before }: Kept, { name, sourceType }: PathReport): void {
    if (before.delete(name)) size--;
    if (!named.has(name)) {
      if (size >= maxKept) return;
      size++;
    }
    named.set(name, starts.indexOf(idleStart(sourceType)));
  }

  return {
    list(slot) {
      const kept = keptOf(slot);
      // Of a list that broke off everything stays, for one list more.
      if (kept.isWhole) {
        kept.before = kept.named;
        kept.named = new Map();
        kept.isWhole = false;
      }
      return {
        note: (report) => {
          if (bySlot.get(slot) === kept) keep(kept, report);
        },
        finish() {
          if (bySlot.get(slot) !== kept) return;
          size -= kept.before.size;
          kept.before = new Map();
          kept.isWhole = true;
        },
      };
    },
    hear(slot, stream, report) {
      if (slot.index.number === 0) return;
      const kept = keptOf(slot);
      if (report !== undefined && !isPlayable(report)) {
        keep(kept, report);
        return;
      }
      if (kept.named.delete(stream)) size--;
      if (kept.before.delete(stream)) size--;
    },
    startOf(slot, stream) {
      const kept = bySlot.get(slot);
      const value = kept?.named.get(stream) ?? kept?.before.get(stream);
      return value === undefined ? undefined : starts[value];
    },
    forget(slot) {
      const kept = bySlot.get(slot);
      if (kept === undefined) return;
      size -= kept.named.size + kept.before.size;
      bySlot.delete(slot);
    },
    get size() {
      return size;
    },
  };
}
