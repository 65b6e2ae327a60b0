/** Something that happened to a stream. */
export interface DemoEvent {
  /** Counts up; never used twice. */
  readonly id: number;
  readonly atMs: number;
  readonly stream: string;
  /** What happened, behind the stream's name: `moved from mtx1 to mtx2`. */
  readonly text: string;
}

/** The newest events of a demo. */
export interface EventList {
  add(stream: string, text: string): void;
  /** Newest first. */
  newest(): readonly DemoEvent[];
}

const maxEvents = 30;

export function createEventList(now: () => number = Date.now): EventList {
  let events: readonly DemoEvent[] = [];
  let lastId = 0;
  return {
    add(stream, text) {
      lastId++;
      events = [{ id: lastId, atMs: now(), stream, text }, ...events].slice(0, maxEvents);
    },
    newest: () => events,
  };
}
