import { createHash } from 'node:crypto';
import type { Logger } from '../log';
import type { RecordTime } from '../measure';
import { streamPattern } from '../mediamtx';
import type { Store } from '../store';
import { errorText } from '../wire';
import { createDeadLetters, cursorOf, type DeadLetter, type DeadLetterQuery } from './dead-letters';
import { createEventPost, type Receiver } from './deliver-event';
import { createDispatcher, type DeliveryPace, type Dispatcher, type DispatcherStats } from './dispatcher';
import type { EventType, StoredEvent } from './event';
import type { EventLog } from './event-log';

/** A receiver of events, and which ones it wants. */
export interface Webhook extends Receiver {
  /** Empty: all. */
  readonly types: readonly EventType[];
  /** A glob over the names of streams; events that are about no stream are left out then. */
  readonly streams?: string | undefined;
  /** An event that could not be delivered for so long is laid among the dead letters. */
  readonly giveUpAfterMs: number;
}

export interface DeliveryOptions {
  readonly webhooks: ReadonlyMap<string, Webhook>;
  readonly store: Store;
  readonly events: Pick<EventLog, 'list' | 'subscribe' | 'whenStored' | 'stats'>;
  readonly log: Logger;
  /** Called with every attempt at any webhook. */
  readonly recordAttempt?: RecordTime | undefined;
  /** For tests. */
  readonly pace?: DeliveryPace | undefined;
}

/** How one receiver is doing. */
export interface WebhookView {
  readonly name: string;
  /** Empty: all. */
  readonly types: readonly EventType[];
  readonly streams: string | undefined;
  readonly isSigned: boolean;
  /** `gone`: it answered 410, nothing is sent. `failing`: the last attempt failed, it is tried again. `elsewhere`: another agent delivers. */
  readonly state: 'delivering' | 'failing' | 'gone' | 'elsewhere';
  /** Why the last attempt failed, in a sentence; undefined when it did not. */
  readonly trouble: string | undefined;
  /** Events that it has yet to get; undefined where another agent delivers. */
  readonly waiting: number | undefined;
  /** Of the oldest of them. */
  readonly oldestAgeMs: number | undefined;
}

/** Why something that an operator wants of the delivery cannot be. */
export type DeliveryProblem = 'no-such-webhook' | 'not-delivering' | 'not-stored';

export type DeliveryResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: DeliveryProblem; readonly detail: string };

/** How often a second delivery of dead letters went well. */
export interface Redelivery {
  readonly delivered: number;
  readonly failed: number;
  /** Why the last one failed. */
  readonly trouble: string | undefined;
}

/** What operators can see of the delivery, and ask of it. Nothing here throws. */
export interface DeliveryOperations {
  webhooks(): readonly WebhookView[];
  /**
   * Everything after this id (or `idBefore` of a time) again, to one webhook or (undefined) to all, or for the first time; one that was gone is
   * asked again. When it resolves, that is stored.
   */
  replay(webhook: string | undefined, after: string): Promise<DeliveryResult<readonly WebhookView[]>>;
  /** What could not be delivered, the latest events first. */
  deadLetters(query: DeadLetterQuery): Promise<DeliveryResult<readonly DeadLetter[]>>;
  /**
   * One attempt with each dead letter of one webhook or (undefined) of all, the earliest first; those that arrive are none any more. It stops at a
   * receiver that cannot be reached, and after 15 seconds.
   */
  redeliver(webhook: string | undefined): Promise<DeliveryResult<Redelivery>>;
}

/** Brings events to every webhook. They do not wait for each other, and nobody waits for them. */
export interface Delivery extends DeliveryOperations {
  /** Goes on where the last process stopped. @throws Error when the store cannot be read. */
  start(): Promise<void>;
  /** By the webhook's name. */
  readonly stats: ReadonlyMap<string, DispatcherStats>;
  stop(): Promise<void>;
  /** Once it has stopped, for receivers that will not come back: what was stored of them goes. @throws Error when the store fails. */
  forget(): Promise<void>;
}

const redeliverForMs = 15_000;
const lettersAtATime = 100;

export function createDelivery({ webhooks, store, events, log, recordAttempt, pace }: DeliveryOptions): Delivery {
  const dispatchers = new Map<string, Dispatcher>();
  const letters = createDeadLetters(store);
  let isRunning = false;
  for (const [name, webhook] of webhooks) {
    const dispatcher = createDispatcher({
      name,
      post: createEventPost(webhook),
      isWanted: filterOf(webhook),
      giveUpAfterMs: webhook.giveUpAfterMs,
      // A URL may hold secrets, which need not be written down once more.
      address: createHash('sha256').update(webhook.url).digest('hex').slice(0, 16),
      store,
      deadLetters: letters,
      events,
      log,
      recordAttempt,
      pace,
    });
    dispatchers.set(name, dispatcher);
  }

  function view(name: string): WebhookView[] {
    const [webhook, dispatcher] = [webhooks.get(name), dispatchers.get(name)];
    if (webhook === undefined || dispatcher === undefined) return [];
    const { types, streams, secret } = webhook;
    const what = { name, types, streams, isSigned: secret !== undefined };
    if (!isRunning) {
      return [{ ...what, state: 'elsewhere', trouble: undefined, waiting: undefined, oldestAgeMs: undefined }];
    }
    const { isDisabled, lastError, depth, oldestAgeMs } = dispatcher.stats;
    const state = isDisabled ? 'gone' : lastError === undefined ? 'delivering' : 'failing';
    return [{ ...what, state, trouble: lastError, waiting: depth, oldestAgeMs }];
  }

  /** Does it for the dispatchers that are meant, or says why not. */
  async function withDispatchers<T>(
    webhook: string | undefined,
    run: (meant: ReadonlyMap<string, Dispatcher>) => Promise<T>,
  ): Promise<DeliveryResult<T>> {
    const meant = new Map([...dispatchers].filter(([name]) => webhook === undefined || name === webhook));
    if (meant.size === 0) {
      const known = dispatchers.size === 0 ? 'none is configured' : `there are ${[...dispatchers.keys()].join(', ')}`;
      return { ok: false, problem: 'no-such-webhook', detail: known };
    }
    if (!isRunning)
      return { ok: false, problem: 'not-delivering', detail: 'another agent delivers events now, or this one ends' };
    return whileStoreWorks(() => run(meant));
  }

  async function whileStoreWorks<T>(run: () => Promise<T>): Promise<DeliveryResult<T>> {
    try {
      return { ok: true, value: await run() };
    } catch (error) {
      return { ok: false, problem: 'not-stored', detail: `the store fails: ${errorText(error)}` };
    }
  }

  /** @returns how often it went well and not, until `untilMs`. */
  async function redeliverTo(name: string, dispatcher: Dispatcher, untilMs: number): Promise<Redelivery> {
    let [delivered, failed] = [0, 0];
    let trouble: string | undefined;
    let after: string | undefined;
    for (;;) {
      const page = await letters.oldest(name, after, lettersAtATime);
      const last = page.at(-1);
      if (last === undefined) return { delivered, failed, trouble };
      after = cursorOf(last);
      for (const letter of page) {
        if (performance.now() >= untilMs || !isRunning) return { delivered, failed, trouble };
        const attempt = await dispatcher.redeliver(letter.event);
        if (attempt.ok) {
          await letters.delivered(letter);
          delivered++;
          continue;
        }
        failed++;
        trouble = attempt.detail;
        // The next one may be to its liking; who cannot be reached takes none.
        if (attempt.failure !== 'bad_status') return { delivered, failed, trouble };
      }
    }
  }

  return {
    async start() {
      for (const dispatcher of dispatchers.values()) await dispatcher.start();
      isRunning = true;
    },
    webhooks: () => [...dispatchers.keys()].flatMap(view),
    replay: (webhook, after) =>
      withDispatchers(webhook, async (meant) => {
        await Promise.all([...meant.values()].map((dispatcher) => dispatcher.replay(after)));
        return [...meant.keys()].flatMap(view);
      }),
    deadLetters: (query) => whileStoreWorks(() => letters.list(query)),
    redeliver: (webhook) =>
      withDispatchers(webhook, async (meant) => {
        const untilMs = performance.now() + redeliverForMs;
        const all = await Promise.all([...meant].map(([name, dispatcher]) => redeliverTo(name, dispatcher, untilMs)));
        return all.reduce((sum, one) => ({
          delivered: sum.delivered + one.delivered,
          failed: sum.failed + one.failed,
          trouble: one.trouble ?? sum.trouble,
        }));
      }),
    stats: new Map([...dispatchers].map(([name, { stats }]) => [name, stats])),
    async stop() {
      isRunning = false;
      await Promise.all([...dispatchers.values()].map((dispatcher) => dispatcher.stop()));
    },
    async forget() {
      for (const dispatcher of dispatchers.values()) await dispatcher.forget();
    },
  };
}

function filterOf({ types, streams }: Webhook): (event: StoredEvent) => boolean {
  const fits = streams === undefined ? undefined : streamPattern(streams);
  const wanted = new Set(types);
  return ({ type, data }) => {
    if (wanted.size > 0 && !wanted.has(type)) return false;
    if (fits === undefined) return true;
    const { stream } = data;
    return typeof stream === 'string' && fits(stream);
  };
}
