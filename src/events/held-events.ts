import type { StoredEvent } from './event';

/** What another agent could have seen too. */
export interface SeenEvent {
  readonly event: Pick<StoredEvent, 'type' | 'data'>;
}

/**
 * What this agent saw while another one led. When both have it, it is announced; what is left this agent announces, should the other one be gone.
 * Both may come first: the other agent may have seen it earlier or later.
 */
export interface HeldEvents<E extends SeenEvent> {
  /** Takes in what was seen, unless the log has it already. `nowMs` on a clock that never goes back, as all times here. */
  hold(seen: E, nowMs: number): void;
  /** Another agent's event is in the log. */
  logged(event: SeenEvent['event'], nowMs: number): void;
  /** Whoever led at `ledAtMs` has announced by then what was seen some time before; or does not see it so. */
  forget(ledAtMs: number, nowMs: number): void;
  /** Hands over what is left, in the order in which it was seen. */
  take(): E[];
  readonly size: number;
}

interface Match<E> {
  readonly held: { readonly seen: E; readonly atMs: number; readonly order: number }[];
  /** Of events in the log that nothing here fits yet. */
  readonly loggedAtMs: number[];
}

/** So much later than this agent another one may be in seeing and announcing the same. */
const laterMs = 7000;
/** So much earlier. */
const earlierMs = 60_000;

export function createHeldEvents<E extends SeenEvent>(): HeldEvents<E> {
  const matches = new Map<string, Match<E>>();
  let size = 0;
  let order = 0;

  function matchOf(event: SeenEvent['event']): Match<E> {
    const identity = identityOf(event);
    let match = matches.get(identity);
    if (match === undefined) matches.set(identity, (match = { held: [], loggedAtMs: [] }));
    return match;
  }

  return {
    hold(seen, nowMs) {
      const { held, loggedAtMs } = matchOf(seen.event);
      if (loggedAtMs.shift() !== undefined) return;
      held.push({ seen, atMs: nowMs, order: order++ });
      size++;
    },
    logged(event, nowMs) {
      const { held, loggedAtMs } = matchOf(event);
      if (held.shift() === undefined) loggedAtMs.push(nowMs);
      else size--;
    },
    forget(ledAtMs, nowMs) {
      for (const [identity, { held, loggedAtMs }] of matches) {
        while ((held[0]?.atMs ?? ledAtMs) < ledAtMs - laterMs) {
          held.shift();
          size--;
        }
        while ((loggedAtMs[0] ?? nowMs) < nowMs - earlierMs) loggedAtMs.shift();
        if (held.length === 0 && loggedAtMs.length === 0) matches.delete(identity);
      }
    },
    take() {
      const all = [...matches.values()].flatMap(({ held }) => held).sort((a, b) => a.order - b.order);
      matches.clear();
      size = 0;
      return all.map(({ seen }) => seen);
    },
    get size() {
      return size;
    },
  };
}

/** The same for the same thing that happened, whoever saw it; what differs by who looks (a reason, a time, a count) is left out. */
function identityOf({ type, data }: SeenEvent['event']): string {
  const { stream, server, from, node, pid, session, kind } = data;
  // Of several viewers or publishers, agents may see another one first.
  const isOfStream = type === 'stream.watched' || type === 'stream.unwatched' || type === 'stream.conflict';
  if (isOfStream) return JSON.stringify([type, stream]);
  if (type === 'viewer.joined' || type === 'viewer.left') return JSON.stringify([type, stream, session]);
  return JSON.stringify([type, stream, server, from, node, pid, kind]);
}
