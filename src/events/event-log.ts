import type { Logger } from '../log';
import { isLeaseLost, type Lease, type Store } from '../store';
import { backOffMs, errorText } from '../wire';
import { type Emit, type EventDraft, type EventType, eventTypes, type StoredEvent } from './event';
import { createEventIds, idBefore } from './event-id';
import type { SeenEvent } from './held-events';
import { createLeadership, type Leadership } from './leadership';
import { type EventQuery, listEvents } from './list-events';
import { makeEvent } from './make-event';
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
  /**
   * Where the store is shared: who has it announces what all agents see. What only this agent knows (orders given to it, its start) it announces in
   * any case. Without it this process is alone.
   */
  readonly lease?: Lease | undefined;
}

/** Plain counters, read by the metrics. */
export interface EventLogStats {
  /** Taken in, by type. */
  readonly byType: Record<EventType, number>;
  /** Taken in and not yet stored. */
  readonly waiting: number;
  /** Not taken in: too many were waiting, or it was no JSON. */
  dropped: number;
  /** Times that a batch could not be stored; it is tried again. */
  failures: number;
  /** Events in the log. */
  readonly stored: number;
  /** Everything up to this id has been removed by this process, for its age or because there was too much; undefined: nothing. */
  readonly trimmedThrough: string | undefined;
}

/** What happened, in order, in the store. */
export interface EventLog extends Pick<Leadership<SeenEvent>, 'leads' | 'onLead'> {
  readonly emit: Emit;
  /** Ascending by id. @throws Error when the store cannot be read; RangeError for a limit that is not allowed. */
  list(query: EventQuery): Promise<StoredEvent[]>;
  /** Each event, in order, once it is stored (so that every id that was passed on is found again). Returns how to end it. */
  subscribe(listener: (event: StoredEvent) => void): () => void;
  /**
   * The id of the last event once every event that was taken in so far is stored; undefined when there never was one.
   * Rejects when the log ends before.
   */
  whenStored(): Promise<string | undefined>;
  readonly stats: EventLogStats;
  /** Stores what is waiting (once: a store that fails loses them) and ends. Idempotent. */
  stop(): Promise<void>;
}

/** An event that is not stored yet. */
interface WaitingEvent {
  readonly timeMs: number;
  readonly event: Omit<StoredEvent, 'id'>;
  /** Other agents see it too. */
  readonly isShared: boolean;
  isCounted?: true;
  /** Given at the first try, and the same at the next: a store that took a batch and could not say so has it once. */
  id?: string;
}

interface StoredWaiter {
  /** Undefined: nothing but the opening of the log. */
  readonly event: WaitingEvent | undefined;
  readonly resolve: (lastId: string | undefined) => void;
  readonly reject: (error: Error) => void;
}

const maxWaiting = 20_000;
const batchSize = 1000;
const backOff = { firstMs: 100, longestMs: 5000 };
const ageCheckMs = 60_000;
/** So often the log is read for what other agents wrote. */
const readOnMs = 250;

/**
 * Opens the log. Events are stored in batches: the first at the next turn of the event loop, what comes while that is written with the next one.
 */
export function createEventLog(options: EventLogOptions): EventLog {
  const { source, log, keep, now = Date.now } = options;
  const lease = options.store.isShared ? options.lease : undefined;
  const journal = options.store.journal('events', readEvent);
  /** Writes only while this process leads. */
  const leaderJournal = lease?.store.journal('events', readEvent) ?? journal;
  const ids = createEventIds();
  const listeners = new Set<(event: StoredEvent) => void>();
  const byType = Object.fromEntries(eventTypes.map((type) => [type, 0])) as Record<EventType, number>;
  const leadership = createLeadership<WaitingEvent>(lease, log);
  let waiting: WaitingEvent[] = [];
  /** Those who wait for an event (or the log's opening) to be stored. */
  let storedWaiters: StoredWaiter[] = [];
  let lastId: string | undefined;
  let stored = 0;
  let trimmedThrough: string | undefined;
  let opened = false;
  /** Of a shared log: everything up to this one has been passed to the listeners. */
  let readThrough = '';
  /** Ids of this process's last batch. */
  let tried = new Set<string>();
  let stopped: Promise<void> | undefined;
  /** Writing, reading on and taking over go one after the other. */
  let turns = Promise.resolve();
  let isWriteDue = false;
  let retry: NodeJS.Timeout | undefined;
  let failuresInARow = 0;

  const stats: EventLogStats = {
    byType,
    get waiting() {
      return waiting.length + leadership.held;
    },
    dropped: 0,
    failures: 0,
    get stored() {
      return stored;
    },
    get trimmedThrough() {
      return trimmedThrough;
    },
  };

  function drop(why: string, type: EventType): void {
    stats.dropped++;
    // The first one, then one in a thousand, so that the log shows how many.
    if (stats.dropped % 1000 === 1) log.error({ type, dropped: stats.dropped }, `an event is lost: ${why}`);
  }

  function emit(draft: EventDraft): void {
    if (stopped !== undefined) return;
    const timeMs = now();
    const event = stats.waiting < maxWaiting ? makeEvent(draft, source, timeMs) : `${maxWaiting} wait for the store`;
    if (typeof event === 'string') {
      drop(event, draft.type);
      return;
    }
    const isShared = draft.evidence !== 'operator' && draft.type !== 'agent.started';
    takeIn({ timeMs, event, isShared });
  }

  function takeIn(one: WaitingEvent): void {
    if (one.isShared && !leadership.leads) {
      leadership.hold(one);
      return;
    }
    if (one.isCounted !== true) byType[one.event.type]++;
    one.isCounted = true;
    waiting.push(one);
    startWriting();
  }

  /** Stores everything that waits, batch by batch; ends at the first failure, having set a timer. */
  async function write(): Promise<void> {
    isWriteDue = false;
    // Until the timer.
    if (retry !== undefined) return;
    try {
      await open();
      settleStored(({ event }) => event === undefined);
      for (;;) {
        if (!leadership.leads) giveBack();
        const batch = nextBatch();
        if (batch.length === 0) return;
        if (!(await append(batch))) continue;
        const done = new Set(batch);
        waiting = waiting.filter((one) => !done.has(one));
        if (failuresInARow > 0) log.info({ waiting: waiting.length }, 'events are stored again');
        failuresInARow = 0;
        if (lease === undefined) for (const one of batch) publish(storedEvent(one));
        settleStored(({ event }) => event !== undefined && done.has(event));
        if (lease !== undefined) await readOn();
        await trimByCount();
      }
    } catch (error) {
      stats.failures++;
      if (failuresInARow++ === 0)
        log.error({ error: errorText(error) }, 'events cannot be stored; will be tried again');
      if (stopped !== undefined) return;
      retry = setTimeout(
        () => {
          retry = undefined;
          startWriting();
        },
        backOffMs(failuresInARow, backOff),
      );
    }
  }

  /** What was tried already is tried again as it was, and nothing with it: its ids may be in the log, below those of others. */
  function nextBatch(): WaitingEvent[] {
    const triedBefore = waiting.findIndex(({ id }) => id === undefined);
    return waiting.slice(0, triedBefore > 0 ? triedBefore : batchSize);
  }

  /** @returns false when it has to be tried again at once: another process wrote meanwhile, or this one leads no more. */
  async function append(batch: readonly WaitingEvent[]): Promise<boolean> {
    for (const one of batch) one.id ??= ids.next(one.timeMs);
    const records = batch.map((one) => [one.id ?? '', storedEvent(one)] as const);
    if (lease === undefined) {
      await journal.append(records);
      return true;
    }
    tried = new Set(records.map(([id]) => id));
    try {
      const newest = await (leadership.leads ? leaderJournal : journal).appendAbove(records);
      if (newest === undefined) return true;
      ids.see(newest);
      for (const one of batch) delete one.id;
    } catch (error) {
      if (!isLeaseLost(error)) throw error;
      leadership.end();
    }
    return false;
  }

  /** What all see is another process's to announce. It may be in the log, where an answer was lost: then it is found there. */
  function giveBack(): void {
    const shared = waiting.filter(({ isShared }) => isShared);
    if (shared.length === 0) return;
    waiting = waiting.filter(({ isShared }) => !isShared);
    tried = new Set();
    const given = new Set(shared);
    settleStored(
      ({ event }) => event !== undefined && given.has(event),
      new Error('another process announces events from now on'),
    );
    for (const one of shared) {
      delete one.id;
      leadership.hold(one);
    }
  }

  /** Reads what is new in a log that several processes write, and passes it on. */
  async function readOn(): Promise<void> {
    for (;;) {
      const page = await journal.read({ after: readThrough, limit: batchSize });
      if (page.length === 0) return;
      for (const [id, event] of page) {
        readThrough = id;
        ids.see(id);
        if (tried.has(id)) confirm(id);
        else leadership.logged(event);
        publish(event);
      }
    }
  }

  /** One of this process's own is in the log; it may not know yet. */
  function confirm(id: string): void {
    const one = waiting.find((each) => each.id === id);
    if (one === undefined) return;
    waiting = waiting.filter((each) => each !== one);
    settleStored(({ event }) => event === one);
  }

  /** Goes on where the one that led before has ended. */
  async function takeOver(): Promise<void> {
    giveBack();
    await open();
    // Nobody else can write what all see any more, so this is all that was announced.
    await readOn();
    await leadership.begin(takeIn);
  }

  /** What an earlier process left: new ids go on above it. */
  async function open(): Promise<void> {
    if (opened) return;
    const [newest] = await journal.read({ newestFirst: true, limit: 1 });
    if (newest !== undefined) ids.see(newest[0]);
    lastId = newest?.[0];
    readThrough = lastId ?? '0';
    stored = await journal.count();
    opened = true;
  }

  function settleStored(isDue: (waiter: StoredWaiter) => boolean, failure?: Error): void {
    const due = storedWaiters.filter(isDue);
    storedWaiters = storedWaiters.filter((waiter) => !due.includes(waiter));
    for (const { event, resolve, reject } of due) {
      if (failure === undefined) resolve(event?.id ?? lastId);
      else reject(failure);
    }
  }

  function inTurn(work: () => Promise<void>): Promise<void> {
    turns = turns.then(work);
    return turns;
  }

  function startWriting(): void {
    if (isWriteDue || retry !== undefined) return;
    isWriteDue = true;
    // What is emitted in the same turn of the event loop goes with it.
    void inTurn(() => new Promise(setImmediate).then(write));
  }

  /** Looks into a log that several processes write. What fails is tried again soon; the store logs it. */
  async function follow(): Promise<void> {
    if (stopped !== undefined) return;
    try {
      if (leadership.isDue) await takeOver();
      else if (opened) await readOn();
      else await open();
      if (retry !== undefined) {
        clearTimeout(retry);
        retry = undefined;
        startWriting();
      }
    } catch {
      stats.failures++;
    }
    leadership.forget();
  }

  function publish(event: StoredEvent): void {
    stored++;
    lastId = event.id;
    pass(event);
  }

  function pass(event: StoredEvent): void {
    for (const listener of listeners) {
      try {
        listener(event);
      } catch (error) {
        log.error({ error: errorText(error), type: event.type }, 'a listener to events failed');
      }
    }
  }

  async function trimByCount(): Promise<void> {
    const excess = stored - keep.count;
    if (!leadership.leads || excess <= keep.count / 20) return;
    const oldest = await journal.read({ limit: excess });
    const last = oldest.at(-1);
    if (last === undefined) return;
    await leaderJournal.trim(last[0]);
    trimmedThrough = last[0];
    stored = await journal.count();
  }

  async function trimByAge(): Promise<void> {
    try {
      await open();
      const before = idBefore(now() - keep.ageMs);
      const [oldest] = await journal.read({ before, newestFirst: true, limit: 1 });
      if (leadership.leads && oldest !== undefined) {
        await leaderJournal.trim(oldest[0]);
        trimmedThrough = oldest[0];
      }
      // Others may have trimmed it.
      if (lease !== undefined || oldest !== undefined) stored = await journal.count();
    } catch (error) {
      log.warn({ error: errorText(error) }, 'old events cannot be removed; will be tried again');
    }
  }

  let ageCheck = Promise.resolve();
  const ageTimer = setInterval(() => {
    ageCheck = ageCheck.then(trimByAge);
  }, ageCheckMs);
  ageTimer.unref();
  ageCheck = trimByAge();

  let followTimer: NodeJS.Timeout | undefined;
  let unwatchLease: (() => void) | undefined;
  if (lease !== undefined) {
    const followSoon = (): void => {
      if (stopped !== undefined) return;
      followTimer = setTimeout(() => void inTurn(follow).then(followSoon), readOnMs);
    };
    followSoon();
    unwatchLease = lease.onChange((isHeld) => {
      if (isHeld) void inTurn(follow);
      else {
        leadership.end();
        log.info('another agent announces events from now on');
        startWriting();
      }
    });
  }

  async function stop(): Promise<void> {
    clearInterval(ageTimer);
    unwatchLease?.();
    clearTimeout(followTimer);
    clearTimeout(retry);
    retry = undefined;
    await ageCheck;
    await turns;
    if (waiting.length > 0) await write();
    if (waiting.length > 0) log.error({ lost: waiting.length }, 'events are lost: they could not be stored');
    for (const { reject } of storedWaiters.splice(0)) reject(new Error('the event log has ended'));
    listeners.clear();
  }

  return {
    emit,
    stats,
    get leads() {
      return leadership.leads;
    },
    onLead: leadership.onLead,
    list: (query) => listEvents(journal, query),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    whenStored() {
      const event = waiting.at(-1);
      if (opened && event === undefined) return Promise.resolve(lastId);
      if (stopped !== undefined) return Promise.reject(new Error('the event log has ended'));
      return new Promise((resolve, reject) => {
        storedWaiters.push({ event, resolve, reject });
        startWriting();
      });
    },
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };
}

function storedEvent({ id = '', event }: WaitingEvent): StoredEvent {
  return { ...event, id };
}
