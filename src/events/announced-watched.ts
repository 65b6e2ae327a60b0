import type { Logger } from '../log';
import type { Store } from '../store';
import { isRecord } from '../wire';
import { createToldNotes } from './announced-notes';
import type { StoredEvent } from './event';
import type { EventLog } from './event-log';

/** Which streams were told to be watched, kept for the next process. */
export interface ToldWatched {
  /** What other processes told; what was noted before is forgotten. @throws Error when the store cannot be read. */
  load(): Promise<Set<string>>;
  /** It was emitted in this turn that a stream is watched, or is not any more. Ignored where another process tells. */
  note(stream: string, isWatched: boolean): void;
  /** Keeps what was noted and ends. */
  stop(): Promise<void>;
}

interface Kept {
  readonly watched: true;
}

/** More of them than can come between two saves. */
const newestEvents = 1000;
const types = ['stream.watched', 'stream.unwatched'] as const;

/** Keeps them in the store every second; what came after the last time is in the newest events of the log. */
export function createToldWatched({
  store,
  events,
  log,
}: {
  readonly store: Store;
  readonly events: Pick<EventLog, 'list' | 'whenKept' | 'leads'>;
  readonly log: Logger;
}): ToldWatched {
  const collection = store.collection('told-watched', readKept);
  const notes = createToldNotes<Kept>({
    collection,
    events,
    log,
    complaint: 'which streams are watched cannot be kept; it is tried again',
  });

  return {
    async load() {
      notes.clear();
      const watched = new Set((await collection.entries()).map(([stream]) => stream));
      for (const event of await events.list({ types, limit: newestEvents })) {
        const { stream } = event.data;
        if (typeof stream !== 'string' || !followsOnWatched(watched, event)) continue;
        // Kept before it is too old to be found here.
        if (store.isDurable) notes.note(stream, watched.has(stream) ? { watched: true } : undefined);
      }
      return watched;
    },
    note(stream, isWatched) {
      if (store.isDurable && events.leads) notes.note(stream, isWatched ? { watched: true } : undefined);
    },
    stop: () => notes.stop(),
  };
}

/** Takes an event in, if it can follow on what was told: a stream is watched that was not, or the other way round. True for any other event. */
export function followsOnWatched(watched: Set<string>, { type, data }: Pick<StoredEvent, 'type' | 'data'>): boolean {
  const { stream } = data;
  if (typeof stream !== 'string') return true;
  if (type === 'stream.watched') {
    if (watched.has(stream)) return false;
    watched.add(stream);
  }
  return type === 'stream.unwatched' ? watched.delete(stream) : true;
}

function readKept(value: unknown): Kept | undefined {
  return isRecord(value) && value['watched'] === true ? { watched: true } : undefined;
}
