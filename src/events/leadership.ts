import type { Logger } from '../log';
import type { Lease } from '../store';
import type { StoredEvent } from './event';
import { createHeldEvents, type SeenEvent } from './held-events';

/** One who emits what every agent sees, when this agent begins to announce it. */
export interface Announcer {
  /** Whether an event that was seen can follow on what has been announced, the earlier ones that were asked about included. True for what is not its own. */
  admits(event: Pick<StoredEvent, 'type' | 'data'>): boolean;
  /** Every event that was admitted is taken in; from now on what is emitted is announced. */
  begin(): void;
}

/**
 * Goes on from what was announced.
 *
 * @param follows takes an event into that, if it can follow on it.
 * @param begin is given the streams of the events that were admitted.
 */
export function announcerFrom(follows: Announcer['admits'], begin: (admitted: Iterable<string>) => void): Announcer {
  const admitted = new Set<string>();
  return {
    admits(event) {
      if (!follows(event)) return false;
      const { stream } = event.data;
      if (typeof stream === 'string') admitted.add(stream);
      return true;
    },
    begin: () => begin(admitted),
  };
}

/** Which of the agents that share a log announces what all of them see; and what this one holds while it is another. */
export interface Leadership<E extends SeenEvent> {
  /** Whether this process announces what every agent sees. */
  readonly leads: boolean;
  /** It has the lease, and has not begun. */
  readonly isDue: boolean;
  /**
   * `prepare` is called each time that this process begins to lead after another one (or at the start, in a shared store), and reads what was announced. Until `begin` what is
   * emitted is held, and announced afterwards if it was not announced yet. Where `prepare` rejects it is called again.
   */
  readonly onLead: (prepare: () => Promise<Announcer>) => void;
  /** Begins to lead, and hands over what was held and not announced. Nothing may be in the log that was not read. Rejects where `prepare` does. */
  begin(takeIn: (seen: E) => void): Promise<void>;
  /** Another process could lead by now. */
  end(): void;
  /** Seen here, and to be announced by whoever leads. */
  hold(seen: E): void;
  /** An event of another process is in the log. */
  logged(event: SeenEvent['event']): void;
  /** Of what is held, what the leader has had time enough to announce is none of this process's business. */
  forget(): void;
  readonly held: number;
}

/** @param lease undefined: this process is alone, and leads. */
export function createLeadership<E extends SeenEvent>(lease: Lease | undefined, log: Logger): Leadership<E> {
  const held = createHeldEvents<E>();
  const prepares: (() => Promise<Announcer>)[] = [];
  let leads = lease === undefined;

  return {
    get leads() {
      return leads;
    },
    get isDue() {
      return !leads && lease?.isHeld === true;
    },
    get held() {
      return held.size;
    },
    onLead: (prepare) => void prepares.push(prepare),
    async begin(takeIn) {
      const announcers = await Promise.all(prepares.map((prepare) => prepare()));
      if (lease?.isHeld !== true) return;
      leads = true;
      const left = held.take().filter(({ event }) => announcers.every((announcer) => announcer.admits(event)));
      log.info({ held: left.length }, 'this agent announces events from now on');
      for (const one of left) takeIn(one);
      for (const announcer of announcers) announcer.begin();
    },
    end() {
      leads = false;
    },
    hold: (seen) => held.hold(seen, performance.now()),
    logged(event) {
      if (!leads) held.logged(event, performance.now());
    },
    forget() {
      if (lease !== undefined) held.forget(lease.elsewhereAtMs, performance.now());
    },
  };
}
