import type { Logger } from '../log';
import { countByServer, type RuntimeClient } from '../runtime';
import { sessionsTable } from './apply';

/**
 * How many viewers each server of one HAProxy has, by its table `sessions`. Who has asked for nothing for `goneAfterMs` is gone, though HAProxy still
 * remembers where he belongs.
 */
export interface SessionCounts {
  /** By server id, when counted lately; undefined while it is not known. */
  latest(): ReadonlyMap<number, number> | undefined;
  /** Counts, or waits for the count under way. With `ifDue`, only when the last one is a second old and has cost little. Never rejects. */
  count(when: 'now' | 'ifDue'): Promise<void>;
  /** What was counted counts no more. */
  forget(): void;
}

const periodMs = 1000;
/** A count goes through the whole table: it may take a tenth of the time. */
const rest = 10;
const goodForMs = 5000;

export function createSessionCounts(options: {
  readonly client: RuntimeClient;
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly goneAfterMs: number;
  /** The servers of now by name. */
  readonly serverIds: () => ReadonlyMap<string, number>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}): SessionCounts {
  const { client, signal, log, goneAfterMs, serverIds, now } = options;
  /** The table's `expire`, as far as its entries have told. */
  let expireMs = 0;
  let counted:
    | { readonly counts: ReadonlyMap<number, number>; readonly at: number; readonly tookMs: number }
    | undefined;
  let dueAt = Number.NEGATIVE_INFINITY;
  let underWay: Promise<void> | undefined;
  let lastError: string | undefined;
  let round = 0;
  let startedRound = 0;

  async function count(): Promise<void> {
    const startedAt = now();
    startedRound = round;
    const read = await countByServer(client, sessionsTable, {
      signal,
      serverIds: serverIds(),
      leastExpiresInMs: expireMs - goneAfterMs,
    });
    const tookMs = now() - startedAt;
    dueAt = now() + Math.max(periodMs, tookMs * rest);
    if (signal.aborted) return;
    if (!read.ok) {
      if (read.error.reason !== lastError)
        log.warn(
          { socket: client.name, reason: read.error.reason },
          `viewers cannot be counted: ${read.error.message}`,
        );
      lastError = read.error.reason;
      return;
    }
    lastError = undefined;
    expireMs = Math.max(expireMs, read.value.longestExpiresInMs);
    if (startedRound === round) counted = { counts: read.value.byServer, at: startedAt, tookMs };
  }

  function join(): Promise<void> {
    underWay ??= count().finally(() => {
      underWay = undefined;
    });
    return underWay;
  }

  return {
    latest() {
      const isGood = counted !== undefined && now() - counted.at <= Math.max(goodForMs, counted.tookMs * rest * 2);
      return isGood ? counted?.counts : undefined;
    },
    async count(when) {
      if (underWay === undefined && when === 'ifDue' && now() < dueAt) return;
      await join();
      // What it found was forgotten while it was under way.
      if (when === 'now' && startedRound !== round && !signal.aborted) await join();
    },
    forget() {
      round++;
      counted = undefined;
      // Another process may have another configuration.
      expireMs = 0;
      dueAt = Number.NEGATIVE_INFINITY;
    },
  };
}
