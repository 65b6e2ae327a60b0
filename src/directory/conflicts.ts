import { setImmediate as nextTurn } from 'node:timers/promises';
import { boundedLog, type Logger } from '../log';
import type { StreamEntry } from './server-slot';
import type { StreamIndex } from './stream-index';

/** Streams that have publishers on several servers at once, and should not. */
export interface Conflicts {
  /** Looks through what is contested, after a list: some hundred in this turn, the others in the next ones. */
  look(): Promise<void>;
  readonly count: number;
}

/** A server may claim what all others have. */
const looksInTurn = 500;

/** @param onConflict called for each stream that was in none at the last look. */
export function createConflicts(index: StreamIndex, log: Logger, onConflict: () => void): Conflicts {
  const conflicting = new Set<string>();
  const conflictLog = boundedLog(log, { lines: 100 });
  let isLooking = false;

  return {
    async look() {
      if (isLooking) return;
      isLooking = true;
      let looks = 0;
      const isTurnOver = (): boolean => ++looks % looksInTurn === 0;
      for (const entry of index.contested()) {
        if (isTurnOver()) await nextTurn();
        if (!isConflict(entry) || conflicting.has(entry.name)) continue;
        conflicting.add(entry.name);
        onConflict();
        const servers = entry.rivals.map((holding) => holding.slot.name);
        conflictLog.warn(
          { stream: entry.name, servers, chosen: entry.chosen?.name },
          'stream has publishers on several servers',
        );
      }
      for (const name of conflicting) {
        if (isTurnOver()) await nextTurn();
        const entry = index.get(name);
        if (entry === undefined || !isConflict(entry)) conflicting.delete(name);
      }
      isLooking = false;
    },
    get count() {
      return conflicting.size;
    },
  };
}

/**
 * Two servers really have a publisher of a stream at once, as opposed to one list being older than a publisher's move:
 * every rival was listed after the newest one had been seen.
 */
export function isConflict({ rivals }: StreamEntry): boolean {
  if (rivals.length < 2) return false;
  const newestSeenAt = Math.max(...rivals.map((holding) => holding.seenAt));
  return rivals.every(
    ({ slot }) => slot.consecutiveFailures === 0 && slot.inventoryAt !== undefined && slot.inventoryAt >= newestSeenAt,
  );
}
