import type { Logger } from '../log';
import type { RecordTime } from '../measure';
import { isPlayable, noReaders, type ReaderCounts } from '../mediamtx';
import type { IdlePaths } from './idle-paths';
import { canHold } from './server-kind';
import type { ServerSlot } from './server-slot';
import type { StreamIndex } from './stream-index';

export interface InventoryOptions {
  readonly index: StreamIndex;
  readonly idle: IdlePaths;
  /** The fleet as it is. */
  readonly slots: () => readonly ServerSlot[];
  readonly intervalMs: number;
  /** Failures in a row after which a server's API is suspect. */
  readonly suspectAfter: number;
  readonly log: Logger;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly recordPoll: RecordTime;
  /** Names of a list that break MediaMTX's own rule, or that no server of this kind can have. */
  readonly onIgnored: (names: number) => void;
  /** A list was taken over. */
  readonly onList: () => void;
  /** A list could not be read. */
  readonly onFailure: (slot: ServerSlot) => void;
}

/** Lists all streams of every server, each on its own timer. */
export interface Inventory {
  readonly isRunning: boolean;
  start(): void;
  stop(): void;
  /** Asks servers that are new, one shortly after the other: a large fleet's first lists all at once would set the process's memory for good. */
  askNew(): void;
  /** Asks a server at once, whatever its back-off was. */
  askNow(slot: ServerSlot): void;
  /** It is asked no more. */
  leave(slot: ServerSlot): void;
}

export function createInventory(options: InventoryOptions): Inventory {
  const { index, idle, slots, intervalMs, suspectAfter, log, now } = options;
  const polling = new Set<ServerSlot>();
  const timers = new Map<ServerSlot, NodeJS.Timeout>();
  let isRunning = false;

  const isCurrent = (slot: ServerSlot): boolean => isRunning && slots().includes(slot);

  function schedule(slot: ServerSlot, delayMs: number): void {
    clearTimeout(timers.get(slot));
    timers.set(
      slot,
      setTimeout(() => void poll(slot), delayMs),
    );
  }

  /** One round of the inventory of one server: ask, take over or keep the last good answer, come again. */
  async function poll(slot: ServerSlot): Promise<void> {
    if (polling.has(slot)) return;
    polling.add(slot);
    // Whole milliseconds, and never later than it was.
    const askedAt = Math.floor(now());
    const round = index.list(slot, askedAt);
    const idleRound = idle.list(slot);
    const readers = { ...noReaders };
    const isFirst = slot.inventoryAt === undefined;
    let foreign = 0;
    const answer = await slot.client.listPaths((report) => {
      if (!canHold(slot.fleet.kind, report.name)) {
        foreign++;
        return;
      }
      if (!isPlayable(report)) {
        idleRound.note(report);
        return;
      }
      addReaders(readers, report.readers);
      round.note(report);
    });
    if (!isCurrent(slot)) {
      polling.delete(slot);
      return;
    }
    options.recordPoll(answer.tookMs, 1, answer.ok ? 0 : 1);
    const tookMs = now() - askedAt;
    const takeOverStarted = performance.now();
    if (answer.ok) {
      options.onIgnored(answer.value.ignored + foreign);
      slot.inventoryTookMs = tookMs;
      const finished = round.finish();
      const isWhole = typeof finished === 'boolean' ? finished : await finished;
      if (isWhole && isCurrent(slot)) {
        idleRound.finish();
        slot.readers = readers;
        trust(slot, askedAt);
      }
    } else fail(slot, answer.detail);
    polling.delete(slot);
    if (!isCurrent(slot)) return;
    const nextMs = nextInventoryMs({
      intervalMs,
      tookMs,
      ownMs: answer.ok ? answer.value.ownMs + performance.now() - takeOverStarted : 0,
      servers: slots().length,
      consecutiveFailures: slot.consecutiveFailures,
    });
    // From the second list on the servers take turns, so that a stream that moves is seen by the first of two.
    const turn = isFirst && answer.ok ? (slots().indexOf(slot) + 1) / slots().length : 1;
    schedule(slot, nextMs * turn);
  }

  /** Asks once which MediaMTX it is; a server that will not say is not asked again until it has failed and recovered. */
  async function learnVersion(slot: ServerSlot): Promise<void> {
    slot.info = { version: undefined, era: undefined };
    const answer = await slot.client.info();
    if (answer.ok) slot.info = answer.value;
  }

  /** The server's list is good and new. */
  function trust(slot: ServerSlot, askedAt: number): void {
    if (slot.consecutiveFailures >= suspectAfter) log.info({ server: slot.name }, 'Control API answers again');
    slot.health = 'ok';
    slot.consecutiveFailures = 0;
    slot.lastError = undefined;
    slot.inventoryAt = askedAt;
    options.onList();
    if (slot.info === undefined) void learnVersion(slot);
  }

  function fail(slot: ServerSlot, detail: string): void {
    slot.consecutiveFailures++;
    slot.lastError = detail;
    // After a failure it may be another program that answers: ask for its version again.
    slot.info = undefined;
    const suspect = slot.consecutiveFailures >= suspectAfter;
    if (suspect && slot.health !== 'suspect') log.warn({ server: slot.name, detail }, 'Control API is suspect');
    slot.health = suspect ? 'suspect' : 'failing';
    options.onFailure(slot);
  }

  function askNew(): void {
    const fresh = slots().filter((slot) => !timers.has(slot));
    const staggerMs = Math.min(10, intervalMs / fresh.length);
    fresh.forEach((slot, i) => schedule(slot, i * staggerMs));
  }

  return {
    get isRunning() {
      return isRunning;
    },
    start() {
      isRunning = true;
      askNew();
    },
    stop() {
      isRunning = false;
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
    },
    askNew,
    askNow: (slot) => schedule(slot, 0),
    leave(slot) {
      clearTimeout(timers.get(slot));
      timers.delete(slot);
    },
  };
}

function addReaders(sums: Record<keyof ReaderCounts, number>, more: ReaderCounts): void {
  // Most streams have none.
  if (more === noReaders) return;
  for (const protocol of Object.keys(more) as (keyof ReaderCounts)[]) sums[protocol] += more[protocol];
}

export interface ScheduleInput {
  readonly intervalMs: number;
  /** How long the last list took, parsing included. */
  readonly tookMs: number;
  /** Milliseconds of this process's own time that the last list cost. */
  readonly ownMs: number;
  readonly servers: number;
  readonly consecutiveFailures: number;
}

// At most this share of the time has a list in flight on a server,
const inFlightShare = 0.05;
// and at most this share of the agent's core goes into reading lists, whatever the fleet's size.
const ownShare = 0.15;
const firstAfterFailureMs = 1_000;
const longestAfterFailureMs = 8_000;

/**
 * Whole milliseconds from the end of one list to the start of the next: every `intervalMs`, less often when lists are slow or
 * the fleet is large. One that failed is repeated within a second, however rare lists are, and backs off while they fail (after the
 * first two repeats, which tell a hiccup from a fault).
 */
export function nextInventoryMs(input: ScheduleInput): number {
  const { intervalMs, tookMs, consecutiveFailures } = input;
  if (consecutiveFailures > 0) {
    const first = Math.min(intervalMs, firstAfterFailureMs);
    return Math.min(first * 2 ** Math.max(0, consecutiveFailures - 2), longestAfterFailureMs);
  }
  const periodMs = Math.max(intervalMs, tookMs / inFlightShare, (input.ownMs * input.servers) / ownShare);
  // Timers drop fractions, and would come too early.
  return Math.ceil(periodMs - tookMs);
}
