import type { StoredEvent } from './event';

/** How far a receiver has got: all up to `through` is done, but for `undone`. */
export interface Progress {
  /** The last event of the log that was looked at. */
  readonly through: string;
  /** Ids, ascending. */
  readonly undone: readonly string[];
}

/** One event on its way to one receiver. */
export interface Delivery {
  readonly event: StoredEvent;
  /** Failed attempts of this process. */
  attempts: number;
  /** Not before this. */
  dueMs: number;
}

/**
 * The events that one receiver is to get next, in lanes: what is about the same stream goes one after the other, and what fails holds up its
 * own lane alone. Nothing of time or chance is in here but arguments.
 */
export interface DeliveryWindow {
  readonly size: number;
  readonly oldest: StoredEvent | undefined;
  /** An event of the log that is wanted, above all that were looked at. */
  add(event: StoredEvent, nowMs: number): void;
  /** Everything in the log up to this id has been added or was not wanted. */
  looked(throughId: string): void;
  /** The next deliveries that may start now, at most `count`; each is under way until `done` or `failed`. */
  take(count: number, nowMs: number): Delivery[];
  /** Delivered, or given up. */
  done(delivery: Delivery): void;
  failed(delivery: Delivery, dueMs: number): void;
  /** The receiver is well again: what waits after a failure need not wait longer. */
  hurry(nowMs: number): void;
  /** When the next one is due that waits for time only; undefined when there is none. */
  nextDueMs(): number | undefined;
  readonly progress: Progress;
}

export function createDeliveryWindow(through: string): DeliveryWindow {
  let lookedThrough = through;
  /** By id, ascending: ids come in order. */
  const undone = new Map<string, StoredEvent>();
  const lanes = new Map<string, Delivery[]>();
  const underWay = new Set<Delivery>();

  return {
    get size() {
      return undone.size;
    },
    get oldest() {
      for (const event of undone.values()) return event;
      return undefined;
    },
    add(event, nowMs) {
      const name = laneOf(event);
      const lane = lanes.get(name);
      const delivery: Delivery = { event, attempts: 0, dueMs: nowMs };
      if (lane === undefined) lanes.set(name, [delivery]);
      else lane.push(delivery);
      undone.set(event.id, event);
      if (event.id > lookedThrough) lookedThrough = event.id;
    },
    looked(throughId) {
      if (throughId > lookedThrough) lookedThrough = throughId;
    },
    take(count, nowMs) {
      const taken: Delivery[] = [];
      for (const [first] of lanes.values()) {
        if (taken.length >= count) break;
        if (first === undefined || underWay.has(first) || first.dueMs > nowMs) continue;
        underWay.add(first);
        taken.push(first);
      }
      return taken;
    },
    done(delivery) {
      underWay.delete(delivery);
      undone.delete(delivery.event.id);
      const name = laneOf(delivery.event);
      const lane = lanes.get(name);
      if (lane?.[0] === delivery) lane.shift();
      if (lane?.length === 0) lanes.delete(name);
    },
    failed(delivery, dueMs) {
      underWay.delete(delivery);
      delivery.attempts++;
      delivery.dueMs = dueMs;
    },
    hurry(nowMs) {
      for (const [first] of lanes.values()) if (first !== undefined && first.dueMs > nowMs) first.dueMs = nowMs;
    },
    nextDueMs() {
      let next: number | undefined;
      for (const [first] of lanes.values()) {
        if (first !== undefined && !underWay.has(first) && (next === undefined || first.dueMs < next)) {
          next = first.dueMs;
        }
      }
      return next;
    },
    get progress() {
      return { through: lookedThrough, undone: [...undone.keys()] };
    },
  };
}

/** What must arrive in order: everything about one stream, else everything about one server, else everything of one type. */
function laneOf({ type, data }: StoredEvent): string {
  const { stream, server } = data;
  if (typeof stream === 'string') return `stream ${stream}`;
  return typeof server === 'string' ? `server ${server}` : type;
}
