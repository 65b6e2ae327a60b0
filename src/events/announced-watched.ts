import * as z from 'zod/mini';
import { readAs } from '../store';
import { type AnnouncedOptions, createAnnouncedNotes } from './announced-notes';
import type { StoredEvent } from './event';

/** Which streams were announced to be watched, stored for the next process. */
export interface AnnouncedWatched {
  /** What other processes announced; what was noted before is forgotten. @throws Error when the store cannot be read. */
  load(): Promise<Set<string>>;
  /** It was emitted in this turn that a stream is watched, or is not any more. Ignored where another process leads. */
  note(stream: string, isWatched: boolean): void;
  /** Stores what was noted and ends. */
  stop(): Promise<void>;
}

const stored = z.object({ watched: z.literal(true) });

/** More of them than can come between two saves. */
const newestEvents = 1000;
const types = ['stream.watched', 'stream.unwatched'] as const;

/** Stores them every second; what came after the last time is in the newest events of the log. */
export function createAnnouncedWatched({ store, events, log }: AnnouncedOptions): AnnouncedWatched {
  // The name under which earlier versions stored it.
  const collection = store.collection('told-watched', readAs(stored));
  const notes = createAnnouncedNotes<z.infer<typeof stored>>({
    collection,
    events,
    log,
    complaint: 'which streams are watched cannot be stored; will be tried again',
  });

  return {
    async load() {
      notes.clear();
      const watched = new Set((await collection.entries()).map(([stream]) => stream));
      for (const event of await events.list({ types, limit: newestEvents })) {
        const { stream } = event.data;
        if (typeof stream !== 'string' || !followsOnWatched(watched, event)) continue;
        // Stored before it is too old to be found here.
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

/** Takes an event in, if it can follow on what was announced: a stream is watched that was not, or the other way round. True for any other event. */
export function followsOnWatched(watched: Set<string>, { type, data }: Pick<StoredEvent, 'type' | 'data'>): boolean {
  const { stream } = data;
  if (typeof stream !== 'string') return true;
  if (type === 'stream.watched') {
    if (watched.has(stream)) return false;
    watched.add(stream);
  }
  return type === 'stream.unwatched' ? watched.delete(stream) : true;
}
