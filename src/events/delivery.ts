import { createHash } from 'node:crypto';
import type { Logger } from '../log';
import type { Store } from '../store';
import { streamPattern } from '../stream-pattern';
import {
  type Courier,
  type CourierStats,
  createCourier,
  type DeadLetter,
  type DeliveryPace,
  readDeadLetter,
} from './courier';
import { createEventPost, type Receiver } from './deliver-event';
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
  readonly events: Pick<EventLog, 'list' | 'subscribe' | 'whenKept' | 'stats'>;
  readonly log: Logger;
  /** For tests. */
  readonly pace?: DeliveryPace | undefined;
}

/** Brings events to every webhook. They do not wait for each other, and nobody waits for them. */
export interface Delivery {
  /** Goes on where the last process stopped. @throws Error when the store cannot be read. */
  start(): Promise<void>;
  /**
   * Everything after this id (or `idBefore` of a time) to one webhook, again or for the first time; one that was gone is asked again.
   * @returns false when there is no webhook of that name.
   */
  replay(webhook: string, after: string): Promise<boolean>;
  /** What could not be delivered, the newest first. `limit` from 1 to 1000. */
  deadLetters(limit: number): Promise<DeadLetter[]>;
  /** By the webhook's name. */
  readonly stats: ReadonlyMap<string, CourierStats>;
  stop(): Promise<void>;
}

export function createDelivery({ webhooks, store, events, log, pace }: DeliveryOptions): Delivery {
  const couriers = new Map<string, Courier>();
  const letters = store.journal('dead-letters', readDeadLetter);
  for (const [name, webhook] of webhooks) {
    const courier = createCourier({
      name,
      post: createEventPost(webhook),
      isWanted: filterOf(webhook),
      giveUpAfterMs: webhook.giveUpAfterMs,
      // A URL may hold secrets, which need not be written down once more.
      address: createHash('sha256').update(webhook.url).digest('hex').slice(0, 16),
      store,
      events,
      log,
      pace,
    });
    couriers.set(name, courier);
  }
  return {
    async start() {
      for (const courier of couriers.values()) await courier.start();
    },
    async replay(webhook, after) {
      const courier = couriers.get(webhook);
      if (courier === undefined) return false;
      await courier.replay(after);
      return true;
    },
    async deadLetters(limit) {
      return (await letters.read({ newestFirst: true, limit })).map(([, letter]) => letter);
    },
    stats: new Map([...couriers].map(([name, { stats }]) => [name, stats])),
    async stop() {
      await Promise.all([...couriers.values()].map((courier) => courier.stop()));
    },
  };
}

function filterOf({ types, streams }: Webhook): (event: StoredEvent) => boolean {
  const pattern = streams === undefined ? undefined : streamPattern(streams);
  const wanted = new Set(types);
  return ({ type, data }) => {
    if (wanted.size > 0 && !wanted.has(type)) return false;
    if (pattern === undefined) return true;
    const { stream } = data;
    return typeof stream === 'string' && pattern.test(stream);
  };
}
