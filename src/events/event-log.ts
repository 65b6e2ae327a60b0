import type { Logger } from '../log';
import type { Store } from '../store';
import { type Emit, type EventDraft, type EventType, eventTypes, type StoredEvent } from './event';
import { createEventIds, idBefore } from './event-id';
import { readEvent } from './read-event';

export interface EventLogOptions {
  readonly store: Store;
  /** The agent, as a URI reference, e.g. `/mtxpilot/agent-1`. */
  readonly source: string;
  readonly log: Logger;
  readonly keep: {
    /** Events at most. A twentieth more may be there for a moment. */
    readonly count: number;
    readonly ageMs: number;
  };
  /** Unix time in ms. */
  readonly now?: () => number;
}

export interface EventQuery {
  /** The id after which to go on (or `idBefore` of a time). Without it: the newest ones. */
  readonly after?: string | undefined;
  /** Only events before this id. */
  readonly before?: string | undefined;
  readonly types?: readonly EventType[] | undefined;
  readonly stream?: string | undefined;
  readonly server?: string | undefined;
  /** Events at most; 1 to 1000. */
  readonly limit: number;
}

/** Plain counters, read by the metrics. */
export interface EventLogStats {
  /** Taken in, by type. */
  readonly byType: Record<EventType, number>;
  /** Taken in and not yet kept. */
  readonly waiting: number;
  /** Not taken in: too many were waiting, or it was no JSON. */
  dropped: number;
  /** Times that the store could not keep a batch; it is tried again. */
  failures: number;
  /** Events in the log. */
  readonly kept: number;
  /** Everything up to this id has been removed by this process, for its age or because there was too much; undefined: nothing. */
  readonly cutThrough: string | undefined;
}

/** What happened, in order, kept in the store. */
export interface EventLog {
  readonly emit: Emit;
  /** Ascending by id. @throws Error when the store cannot be read; RangeError for a limit that is not allowed. */
  list(query: EventQuery): Promise<StoredEvent[]>;
  /** Each event, in order, once it is kept (so that every id that was told is found again). Returns how to end it. */
  subscribe(listener: (event: StoredEvent) => void): () => void;
  /**
   * The id of the last event once every event that was taken in so far is kept; undefined when there never was one.
   * Rejects when the log ends before.
   */
  whenKept(): Promise<string | undefined>;
  readonly stats: EventLogStats;
  /** Keeps what is waiting (once: a store that fails loses them) and ends. Idempotent. */
  stop(): Promise<void>;
}

/** An event that is not kept yet. */
interface WaitingEvent {
  readonly timeMs: number;
  readonly event: Omit<StoredEvent, 'id'>;
  /** Given at the first try, and the same at the next: a store that kept a batch and could not say so has it once. */
  id?: string;
}

interface KeptWaiter {
  /** Undefined: nothing but the opening of the log. */
  readonly event: WaitingEvent | undefined;
  readonly resolve: (lastId: string | undefined) => void;
  readonly reject: (error: Error) => void;
}

const maxWaiting = 20_000;
const maxEventBytes = 64 * 1024;
const maxListed = 1000;
const batchSize = 1000;
const firstRetryMs = 100;
const lastRetryMs = 5000;
const ageCheckMs = 60_000;

/**
 * Opens the log. Events are kept in batches: the first at the next turn of the event loop, what comes while that is written with the next one.
 */
export function createEventLog(options: EventLogOptions): EventLog {
  const { source, log, keep, now = Date.now } = options;
  const journal = options.store.journal('events', readEvent);
  const ids = createEventIds();
  const listeners = new Set<(event: StoredEvent) => void>();
  const byType = Object.fromEntries(eventTypes.map((type) => [type, 0])) as Record<EventType, number>;
  let waiting: WaitingEvent[] = [];
  /** Those who wait for an event (or the log's opening) to be kept. */
  let keptWaiters: KeptWaiter[] = [];
  let lastId: string | undefined;
  let kept = 0;
  let cutThrough: string | undefined;
  let opened = false;
  let stopped: Promise<void> | undefined;
  let writing: Promise<void> | undefined;
  let retry: NodeJS.Timeout | undefined;
  let retryMs = firstRetryMs;

  const stats: EventLogStats = {
    byType,
    get waiting() {
      return waiting.length;
    },
    dropped: 0,
    failures: 0,
    get kept() {
      return kept;
    },
    get cutThrough() {
      return cutThrough;
    },
  };

  function drop(why: string, type: EventType): void {
    stats.dropped++;
    // The first one tells of the trouble, then one in a thousand of its size.
    if (stats.dropped % 1000 === 1) log.error({ type, dropped: stats.dropped }, `an event is lost: ${why}`);
  }

  function emit(draft: EventDraft): void {
    if (stopped !== undefined) return;
    const timeMs = now();
    const event = waiting.length < maxWaiting ? eventOf(draft, source, timeMs) : `${maxWaiting} wait for the store`;
    if (typeof event === 'string') {
      drop(event, draft.type);
      return;
    }
    byType[draft.type]++;
    waiting.push({ timeMs, event });
    startWriting();
  }

  /** Keeps everything that waits, batch by batch; ends at the first failure, having set a timer. */
  async function write(): Promise<void> {
    try {
      await open();
      tellKept(({ event }) => event === undefined);
      while (waiting.length > 0) {
        const batch = waiting.slice(0, batchSize).map((one): StoredEvent => {
          one.id ??= ids.next(one.timeMs);
          return { ...one.event, id: one.id };
        });
        await journal.append(batch.map((event) => [event.id, event] as const));
        const done = new Set(waiting.slice(0, batch.length));
        waiting = waiting.slice(batch.length);
        kept += batch.length;
        lastId = batch.at(-1)?.id;
        if (retryMs > firstRetryMs) log.info({ waiting: waiting.length }, 'events are kept again');
        retryMs = firstRetryMs;
        for (const event of batch) tell(event);
        tellKept(({ event }) => event !== undefined && done.has(event));
        await cutByCount();
      }
      writing = undefined;
    } catch (error) {
      writing = undefined;
      stats.failures++;
      if (retryMs === firstRetryMs) log.error({ error: String(error) }, 'events cannot be kept; it is tried again');
      if (stopped !== undefined) return;
      retry = setTimeout(() => {
        retry = undefined;
        writing = write();
      }, retryMs);
      retryMs = Math.min(retryMs * 2, lastRetryMs);
    }
  }

  /** What an earlier process left: new ids go on above it. */
  async function open(): Promise<void> {
    if (opened) return;
    const [newest] = await journal.read({ newestFirst: true, limit: 1 });
    if (newest !== undefined) ids.see(newest[0]);
    lastId = newest?.[0];
    kept = await journal.count();
    opened = true;
  }

  function tellKept(isDue: (waiter: KeptWaiter) => boolean): void {
    const due = keptWaiters.filter(isDue);
    keptWaiters = keptWaiters.filter((waiter) => !due.includes(waiter));
    for (const { event, resolve } of due) resolve(event?.id ?? lastId);
  }

  function startWriting(): void {
    if (writing === undefined && retry === undefined) writing = new Promise(setImmediate).then(() => write());
  }

  function tell(event: StoredEvent): void {
    for (const listener of listeners) {
      try {
        listener(event);
      } catch (error) {
        log.error({ error: String(error), type: event.type }, 'a listener to events failed');
      }
    }
  }

  async function cutByCount(): Promise<void> {
    const excess = kept - keep.count;
    if (excess <= keep.count / 20) return;
    const oldest = await journal.read({ limit: excess });
    const last = oldest.at(-1);
    if (last === undefined) return;
    await journal.cut(last[0]);
    cutThrough = last[0];
    kept = await journal.count();
  }

  async function cutByAge(): Promise<void> {
    try {
      await open();
      const before = idBefore(now() - keep.ageMs);
      const [oldest] = await journal.read({ before, newestFirst: true, limit: 1 });
      if (oldest === undefined) return;
      await journal.cut(oldest[0]);
      cutThrough = oldest[0];
      kept = await journal.count();
    } catch (error) {
      log.warn({ error: String(error) }, 'old events cannot be removed; it is tried again');
    }
  }

  let ageCheck = Promise.resolve();
  const ageTimer = setInterval(() => {
    ageCheck = ageCheck.then(cutByAge);
  }, ageCheckMs);
  ageTimer.unref();
  ageCheck = cutByAge();

  async function stop(): Promise<void> {
    clearInterval(ageTimer);
    clearTimeout(retry);
    await ageCheck;
    await writing;
    if (waiting.length > 0) await write();
    if (waiting.length > 0) log.error({ lost: waiting.length }, 'events are lost: the store could not keep them');
    for (const { reject } of keptWaiters.splice(0)) reject(new Error('the event log has ended'));
    listeners.clear();
  }

  return {
    emit,
    stats,
    async list(query) {
      const { limit, after } = query;
      if (!Number.isInteger(limit) || limit < 1 || limit > maxListed) {
        throw new RangeError(`a list of events has from 1 to ${maxListed}, not ${limit}`);
      }
      const newestFirst = after === undefined;
      const found: StoredEvent[] = [];
      const isWanted = matcherOf(query);
      let { before } = query;
      let from = after;
      for (;;) {
        const records = await journal.read({ after: from, before, limit: batchSize, newestFirst });
        for (const [, event] of records) {
          if (found.length < limit && isWanted(event)) found.push(event);
        }
        const last = records.at(-1);
        if (found.length >= limit || last === undefined) return newestFirst ? found.reverse() : found;
        if (newestFirst) before = last[0];
        else from = last[0];
      }
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    whenKept() {
      const event = waiting.at(-1);
      if (opened && event === undefined) return Promise.resolve(lastId);
      if (stopped !== undefined) return Promise.reject(new Error('the event log has ended'));
      return new Promise((resolve, reject) => {
        keptWaiters.push({ event, resolve, reject });
        startWriting();
      });
    },
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };
}

function matcherOf({ types, stream, server }: EventQuery): (event: StoredEvent) => boolean {
  return ({ type, data }) =>
    (types === undefined || types.includes(type)) &&
    (stream === undefined || data['stream'] === stream) &&
    (server === undefined || data['server'] === server);
}

/** The event, or why it is none. */
function eventOf(draft: EventDraft, source: string, timeMs: number): WaitingEvent['event'] | string {
  const { type, stream, server, reason, evidence } = draft;
  let data: Record<string, unknown>;
  try {
    // A copy as JSON has it: the caller may go on with his own, and what is told now is what is read again.
    const text = JSON.stringify({ stream, server, reason, evidence, ...draft.data });
    if (Buffer.byteLength(text) > maxEventBytes) return `its data is larger than ${maxEventBytes} bytes`;
    data = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    return `its data is no JSON (${String(error)})`;
  }
  const subject = stream ?? server;
  return {
    specversion: '1.0',
    time: new Date(timeMs).toISOString(),
    source,
    type,
    ...(subject === undefined ? {} : { subject }),
    datacontenttype: 'application/json',
    data,
  };
}
