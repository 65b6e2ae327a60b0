import type { EventLog, EventType, StoredEvent } from '../../../src/events';

/** An event log in memory. */
export interface FakeEvents extends Pick<EventLog, 'list' | 'subscribe'> {
  readonly listeners: Set<(event: StoredEvent) => void>;
  readonly queries: Parameters<EventLog['list']>[0][];
  kept: StoredEvent[];
  /** Why the list cannot be read. */
  failure: Error | undefined;
  /** Keeps and tells an event. */
  happen(number: number, more?: Partial<StoredEvent['data']>, type?: EventType): StoredEvent;
}

/** The id of the event of that number; ascending. */
export function idOf(number: number): string {
  return String(number).padStart(26, '0');
}

export function event(
  number: number,
  data: Partial<StoredEvent['data']> = {},
  type: EventType = 'stream.started',
): StoredEvent {
  return {
    specversion: '1.0',
    id: idOf(number),
    time: '2026-11-21T10:00:00.000Z',
    source: '/mtxpilot/test',
    type,
    datacontenttype: 'application/json',
    data,
  };
}

export function createFakeEvents(): FakeEvents {
  const fake: FakeEvents = {
    listeners: new Set(),
    queries: [],
    kept: [],
    failure: undefined,
    happen(number, data, type) {
      const happened = event(number, data, type);
      fake.kept.push(happened);
      for (const listener of fake.listeners) listener(happened);
      return happened;
    },
    list(query) {
      fake.queries.push(query);
      if (fake.failure !== undefined) return Promise.reject(fake.failure);
      const { after, limit } = query;
      if (after === undefined) return Promise.resolve(fake.kept.slice(-limit));
      return Promise.resolve(fake.kept.filter(({ id }) => id > after).slice(0, limit));
    },
    subscribe(listener) {
      fake.listeners.add(listener);
      return () => fake.listeners.delete(listener);
    },
  };
  return fake;
}
