import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod/mini';
import type { Logger } from '../log';
import { createTimeHistogram, observeSeconds, type RecordTime, recordNothing, type TimeHistogram } from '../measure';
import { readAs, type Store } from '../store';
import { backOffMs, errorText } from '../wire';
import { createCircuit } from './circuit';
import type { DeadLetter, DeadLetters } from './dead-letters';
import { type DeliveryAttempt, type DeliveryFailure, deliveryFailures, type EventPost } from './deliver-event';
import { createDeliveryWindow, type Delivery, type DeliveryWindow, type Progress } from './delivery-window';
import type { StoredEvent } from './event';
import type { EventLog } from './event-log';
import { createStreamIds, readStreamId } from './stream-ids';

/** How long one waits after failures. */
export interface DeliveryPace {
  /** After the first failure of an event; twice as long after each further one, up to `longestMs`. Up to a quarter shorter by chance. */
  readonly firstMs: number;
  readonly longestMs: number;
  /** Failures in a row after which nothing is sent for a while. */
  readonly circuitFailures: number;
  readonly circuitFirstMs: number;
  readonly circuitLongestMs: number;
}

export const standardPace: DeliveryPace = {
  firstMs: 1000,
  longestMs: 300_000,
  circuitFailures: 5,
  circuitFirstMs: 1000,
  circuitLongestMs: 30_000,
};

export interface DispatcherOptions {
  readonly name: string;
  readonly post: EventPost;
  readonly isWanted: (event: StoredEvent) => boolean;
  /** An event that could not be delivered for so long is laid among the dead letters. */
  readonly giveUpAfterMs: number;
  /** The receiver's, as far as it may be shown: another value than at the last start makes a receiver that said "gone" worth asking again. */
  readonly address: string;
  readonly store: Store;
  readonly deadLetters: DeadLetters;
  readonly events: Pick<EventLog, 'list' | 'subscribe' | 'whenStored' | 'stats'>;
  readonly log: Logger;
  /** Called with every attempt. */
  readonly recordAttempt?: RecordTime | undefined;
  readonly pace?: DeliveryPace | undefined;
  readonly random?: (() => number) | undefined;
}

/** Plain numbers, read by the metrics. */
export interface DispatcherStats {
  /** Attempts by how they ended. */
  readonly attempts: Record<'ok' | DeliveryFailure, number>;
  deadLetters: number;
  /** Times that events were removed from the log before they were delivered. */
  trimmed: number;
  /** Events that wait or are under way. */
  readonly depth: number;
  /** Age of the oldest of them. */
  readonly oldestAgeMs: number;
  readonly circuit: 'closed' | 'open' | 'half-open';
  /** The receiver said that it is gone for good (410). */
  readonly isDisabled: boolean;
  /** Why the last attempt failed, in a sentence; undefined when it did not. */
  readonly lastError: string | undefined;
  /** From what happened to its delivery. */
  readonly lag: TimeHistogram;
  /** Of the attempts. */
  readonly time: TimeHistogram;
}

/** Brings the events of the log to one receiver: each at least once, those of one stream in order. */
export interface Dispatcher {
  /** Goes on where the last one stopped; a receiver that is new gets what happens from now on. @throws Error when the store cannot be read. */
  start(): Promise<void>;
  /**
   * Everything after this id (or `idBefore` of a time) again, or for the first time; what is before it and was not delivered yet stays to
   * be delivered. A receiver that was gone is asked again. @throws Error when that cannot be stored; then nothing has changed.
   */
  replay(after: string): Promise<void>;
  /** One attempt with an event that was given up, now and whatever else waits. */
  redeliver(event: StoredEvent): Promise<DeliveryAttempt>;
  readonly stats: DispatcherStats;
  /** Waits for the attempts under way and stores how far it got. */
  stop(): Promise<void>;
  /** Once it has stopped, for a receiver that will not come back: what was stored of it goes. @throws Error when the store fails. */
  forget(): Promise<void>;
}

/** `goneFrom` is the address that said "gone". */
const storedProgress = z.object({
  through: z.string(),
  undone: z.readonly(z.array(z.string())),
  goneFrom: z.catch(z.optional(z.string()), undefined),
});

const atATime = 4;
/** An old event that is sent again gets these at least. */
const leastAttempts = 5;
const windowSize = 1000;
/** An agent that ends waits so long for attempts under way; what is cut short is made again by the next one. */
const endAfterMs = 1000;
const pageSize = 500;
const saveEveryMs = 500;
const attemptBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
const lagBounds = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800] as const;

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { name, post, isWanted, giveUpAfterMs, address, store, deadLetters, events, log } = options;
  const { pace = standardPace, random = Math.random, recordAttempt = recordNothing } = options;
  const progressOf = store.collection('deliveries', readAs(storedProgress));
  const streamIds = createStreamIds(store.collection(`stream-ids-${name}`, readStreamId), log);
  const newCircuit = () =>
    createCircuit({
      failures: pace.circuitFailures,
      firstMs: pace.circuitFirstMs,
      longestMs: pace.circuitLongestMs,
      random,
    });
  let circuit = newCircuit();
  let window: DeliveryWindow = createDeliveryWindow('');
  /** Wanted events of the log that are not in the window yet. */
  let unread = 0;
  /** There may be more in the log than has been looked at. */
  let isBehind = true;
  let goneFrom: string | undefined;
  let running = false;
  let isFilling = false;
  let fillAgain = false;
  let filling = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let saveTimer: NodeJS.Timeout | undefined;
  let saving = Promise.resolve();
  let hasSaveFailed = false;
  let unsubscribe: (() => void) | undefined;
  let lastError: { readonly failure: DeliveryFailure; readonly detail: string } | undefined;
  const underWay = new Set<Promise<void>>();

  const stats: DispatcherStats = {
    attempts: Object.fromEntries(
      ['ok', ...deliveryFailures].map((result) => [result, 0]),
    ) as DispatcherStats['attempts'],
    deadLetters: 0,
    trimmed: 0,
    get depth() {
      return window.size + unread;
    },
    get oldestAgeMs() {
      const { oldest } = window;
      return oldest === undefined ? 0 : Math.max(0, Date.now() - Date.parse(oldest.time));
    },
    get circuit() {
      return circuit.state;
    },
    get isDisabled() {
      return goneFrom !== undefined;
    },
    get lastError() {
      return lastError?.detail;
    },
    lag: createTimeHistogram(lagBounds),
    time: createTimeHistogram(attemptBounds),
  };

  /** Takes wanted events of the log into the window, while there is room and there are some. */
  async function fill(): Promise<void> {
    while (running && window.size < windowSize) {
      const from = window;
      const { through } = from.progress;
      const page = await events.list({ after: through === '' ? '0' : through, limit: pageSize });
      // A replay has begun anew meanwhile.
      if (window !== from) continue;
      const { trimmedThrough } = events.stats;
      if (trimmedThrough !== undefined && through !== '' && trimmedThrough > through) {
        noteTrimmed();
        window.looked(trimmedThrough);
      }
      const last = page.at(-1);
      if (last === undefined) {
        unread = 0;
        isBehind = false;
        return;
      }
      const wanted = page.filter(isWanted);
      for (const event of wanted) window.add(event, performance.now());
      unread = Math.max(0, unread - wanted.length);
      window.looked(last.id);
      saveSoon();
      work();
    }
  }

  function noteTrimmed(): void {
    stats.trimmed++;
    log.error({ webhook: name }, 'events were removed from the log before they were delivered (events.keep)');
  }

  function fillSoon(): void {
    fillAgain = true;
    if (isFilling) return;
    isFilling = true;
    filling = (async () => {
      try {
        while (fillAgain) {
          fillAgain = false;
          await fill();
        }
      } catch (error) {
        log.warn({ webhook: name, error: errorText(error) }, 'events to deliver cannot be read; will be tried again');
        wakeAt(performance.now() + 1000);
      } finally {
        isFilling = false;
      }
    })();
  }

  /** Starts as many attempts as may be made now, and sets the timer for the next. */
  function work(): void {
    clearTimeout(timer);
    if (!running || goneFrom !== undefined) return;
    const nowMs = performance.now();
    while (underWay.size < atATime && window.nextDueMs() !== undefined) {
      const nextMs = window.nextDueMs() ?? nowMs;
      if (nextMs > nowMs) {
        wakeAt(nextMs);
        return;
      }
      if (!circuit.allows(nowMs)) {
        if (circuit.opensAgainAtMs !== undefined) wakeAt(circuit.opensAgainAtMs);
        return;
      }
      const [delivery] = window.take(1, nowMs);
      if (delivery === undefined) return;
      const made = deliver(window, delivery).finally(() => {
        underWay.delete(made);
        if (window.size < windowSize / 2 && isBehind) fillSoon();
        work();
      });
      underWay.add(made);
    }
  }

  function wakeAt(atMs: number): void {
    clearTimeout(timer);
    timer = setTimeout(
      () => {
        if (isBehind) fillSoon();
        work();
      },
      Math.max(1, atMs - performance.now()),
    );
  }

  /** One attempt, counted; what the receiver calls the stream is stored before anybody takes the event for delivered. */
  async function attempt(event: StoredEvent): Promise<DeliveryAttempt> {
    const made = await post.deliver(event, streamIds.of(event));
    observeSeconds(stats.time, made.tookMs / 1000);
    recordAttempt(made.tookMs, 1, made.ok ? 0 : 1);
    stats.attempts[made.ok ? 'ok' : made.failure]++;
    if (made.ok) await streamIds.delivered(event, made.streamId);
    return made;
  }

  async function deliver(from: DeliveryWindow, delivery: Delivery): Promise<void> {
    const { event } = delivery;
    const made = await attempt(event);
    if (!made.ok) {
      await fail(from, delivery, made);
      return;
    }
    observeSeconds(stats.lag, Math.max(0, Date.now() - Date.parse(event.time)) / 1000);
    const wasClosed = circuit.state === 'closed';
    circuit.succeeded();
    if (!wasClosed && isClosed()) from.hurry(performance.now());
    noteLastError(undefined);
    from.done(delivery);
    saveSoon();
  }

  function isClosed(): boolean {
    return circuit.state === 'closed';
  }

  async function fail(
    from: DeliveryWindow,
    delivery: Delivery,
    { failure, detail, retryAfterMs }: Extract<DeliveryAttempt, { ok: false }>,
  ): Promise<void> {
    const nowMs = performance.now();
    if (!running) {
      // Cut short by this end perhaps, which says nothing of the receiver.
      from.failed(delivery, nowMs);
      return;
    }
    circuit.failed(nowMs, retryAfterMs);
    if (failure === 'gone') {
      from.failed(delivery, nowMs);
      if (goneFrom === undefined) logGone();
      goneFrom = address;
      lastError = { failure, detail };
      await saveNow();
      return;
    }
    noteLastError({ failure, detail });
    const isOld = Date.now() - Date.parse(delivery.event.time) >= giveUpAfterMs;
    if (!isOld || delivery.attempts + 1 < leastAttempts) {
      const waitMs = backOffMs(delivery.attempts + 1, pace, random);
      from.failed(delivery, nowMs + waitMs);
      return;
    }
    if (!(await bury(delivery, detail))) {
      from.failed(delivery, nowMs + pace.longestMs);
      return;
    }
    from.done(delivery);
    saveSoon();
  }

  /** Lays an event among the dead letters. @returns false when that could not be stored. */
  async function bury({ event, attempts }: Delivery, reason: string): Promise<boolean> {
    const letter: DeadLetter = { webhook: name, event, attempts: attempts + 1, reason, time: new Date().toISOString() };
    try {
      await deadLetters.lay(letter);
    } catch (error) {
      log.error({ webhook: name, error: errorText(error) }, 'a dead letter cannot be stored');
      return false;
    }
    stats.deadLetters++;
    log.error(
      { webhook: name, event: event.id, type: event.type, reason },
      'an event could not be delivered and goes to the dead letters',
    );
    return true;
  }

  /** Logged when it begins, when it becomes another, and when it ends; not at every attempt. */
  function noteLastError(now: typeof lastError): void {
    // An attempt that was under way when the receiver said that it is gone.
    if (goneFrom !== undefined) return;
    const before = lastError?.failure;
    lastError = now;
    if (now?.failure === before) return;
    if (now === undefined) log.info({ webhook: name }, 'events are delivered again');
    else log.warn({ webhook: name, ...now }, 'events cannot be delivered; will be tried again');
  }

  function logGone(): void {
    log.error(
      { webhook: name },
      'the receiver says that it is gone (410); nothing is sent to it until a replay is requested or its url changes',
    );
  }

  function saveSoon(): void {
    saveTimer ??= setTimeout(() => {
      saveTimer = undefined;
      void saveNow();
    }, saveEveryMs);
  }

  /** One after the other: what was read first must not be written last. */
  function saveNow(): Promise<void> {
    saving = saving.then(save);
    return saving;
  }

  async function save(): Promise<void> {
    try {
      await progressOf.set(name, { ...window.progress, goneFrom });
      hasSaveFailed = false;
    } catch (error) {
      if (!hasSaveFailed) {
        log.warn(
          { webhook: name, error: errorText(error) },
          'what was delivered cannot be stored: some events may come twice',
        );
      }
      hasSaveFailed = true;
      if (running) saveSoon();
    }
  }

  /** Puts back into a window what was on its way when the last process ended. */
  async function restore({ through, undone }: Progress): Promise<DeliveryWindow> {
    const restored = createDeliveryWindow(through);
    const ids = new Set(undone);
    const first = undone[0];
    // A text just below the first id.
    let after = first === undefined ? through : first.slice(0, -1);
    while (ids.size > 0 && after < through) {
      const page = await events.list({ after, limit: pageSize });
      for (const event of page) {
        if (ids.delete(event.id) && isWanted(event)) restored.add(event, performance.now());
      }
      const last = page.at(-1);
      if (last === undefined) break;
      after = last.id;
    }
    if (ids.size > 0) noteTrimmed();
    return restored;
  }

  /** How many wanted events the log has after the window. */
  async function countUnread(): Promise<void> {
    const from = window;
    let after = from.progress.through;
    let count = 0;
    for (;;) {
      const page = await events.list({ after: after === '' ? '0' : after, limit: 1000 });
      const last = page.at(-1);
      if (last === undefined) break;
      count += page.filter(isWanted).length;
      after = last.id;
    }
    if (window === from) unread = count;
  }

  async function beginAgain(after: string): Promise<void> {
    const { through, undone } = window.progress;
    const { trimmedThrough } = events.stats;
    const wanted = trimmedThrough !== undefined && after < trimmedThrough ? trimmedThrough : after;
    const start = wanted < through ? wanted : through;
    const progress = { through: start, undone: undone.filter((id) => id <= start) };
    await progressOf.set(name, { ...progress, goneFrom: undefined });
    window = await restore(progress);
    goneFrom = undefined;
    lastError = undefined;
    isBehind = true;
    circuit = newCircuit();
    await countUnread();
    fillSoon();
    work();
  }

  return {
    stats,
    async start() {
      const stored = await progressOf.get(name);
      await streamIds.load();
      if (stored === undefined) {
        window = createDeliveryWindow((await events.whenStored()) ?? '');
        // Else a process that ends now would begin anew after what it was to deliver.
        await progressOf.set(name, { ...window.progress, goneFrom });
      } else {
        window = await restore(stored);
        goneFrom = stored.goneFrom === address ? address : undefined;
        if (goneFrom !== undefined) logGone();
      }
      await countUnread();
      running = true;
      unsubscribe = events.subscribe((event) => {
        if (!isWanted(event)) return;
        unread++;
        isBehind = true;
        if (window.size < windowSize) fillSoon();
      });
      saveSoon();
      fillSoon();
      work();
    },
    replay(after) {
      const replaying = saving.then(() => beginAgain(after));
      saving = replaying.catch(() => undefined);
      return replaying;
    },
    redeliver: attempt,
    async stop() {
      running = false;
      unsubscribe?.();
      clearTimeout(timer);
      await filling;
      const ending = new AbortController();
      await Promise.race([Promise.all(underWay), pause(endAfterMs, undefined, ending).catch(() => undefined)]);
      ending.abort();
      await post.close();
      await Promise.all(underWay);
      clearTimeout(timer);
      clearTimeout(saveTimer);
      await saving;
      if (unsubscribe !== undefined) await saveNow();
    },
    async forget() {
      await streamIds.forget();
      await progressOf.delete(name);
    },
  };
}
