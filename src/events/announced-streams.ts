import * as z from 'zod/mini';
import { readAs } from '../store';
import { type AnnouncedOptions, createAnnouncedNotes } from './announced-notes';
import type { StoredEvent } from './event';
import type { AnnouncedStream } from './stream-events';

/** What was announced of the streams, stored for the next process. */
export interface AnnouncedStreams {
  /** What is live as other processes announced it; undefined when there was none. What was noted before is forgotten. @throws Error when the store cannot be read. */
  load(): Promise<Map<string, AnnouncedStream> | undefined>;
  /** What was announced of a stream became this; undefined: it has ended. The event, if any, is emitted in the same turn. Ignored where another process leads. */
  note(stream: string, announced: AnnouncedStream | undefined): void;
  /** Stores what was noted and ends. */
  stop(): Promise<void>;
}

/** The state up to an event, under a key that no stream can have. */
const markKey = '!';
const batchSize = 1000;

type Stored = AnnouncedStream | { readonly throughId: string };
const readStored = readAs<Stored>(
  z.union([
    z.object({ throughId: z.string() }),
    z.object({ server: z.string(), inConflict: z.catch(z.boolean(), false) }),
  ]),
);

/**
 * The event log is what counts; this is a short cut through it, which lags behind by a second or so. So both agree however the process ends:
 * who loads it goes through the events that came after.
 */
export function createAnnouncedStreams({ store, events, log }: AnnouncedOptions): AnnouncedStreams {
  // The name under which earlier versions stored it.
  const collection = store.collection('told-streams', readStored);
  const notes = createAnnouncedNotes<Stored>({
    collection,
    events,
    log,
    complaint: 'what was announced of streams cannot be stored; will be tried again',
    onStored: (throughId) => collection.set(markKey, { throughId: throughId ?? '' }),
  });

  return {
    async load() {
      const announced = new Map<string, AnnouncedStream>();
      notes.clear();
      let mark: string | undefined;
      for (const [key, value] of await collection.entries()) {
        if ('throughId' in value) mark = value.throughId;
        else announced.set(key, value);
      }
      const hasHistory = mark !== undefined || announced.size > 0;
      let after = mark ?? '0';
      for (;;) {
        const list = await events.list({ after, limit: batchSize });
        const last = list.at(-1);
        if (last === undefined) return hasHistory || announced.size > 0 ? announced : undefined;
        for (const event of list) {
          const stream = applyEvent(announced, event);
          // To be stored before the mark goes past this event.
          if (stream !== undefined) notes.note(stream, announced.get(stream));
        }
        after = last.id;
      }
    },
    note(stream, value) {
      if (store.isDurable && events.leads) notes.note(stream, value);
    },
    stop: () => notes.stop(),
  };
}

/** Takes an event into what was announced. @returns the stream that it is about. */
function applyEvent(announced: Map<string, AnnouncedStream>, { type, data }: Pick<StoredEvent, 'type' | 'data'>) {
  const { stream, server, evidence } = data;
  if (typeof stream !== 'string' || typeof server !== 'string') return undefined;
  if (type === 'stream.ended') announced.delete(stream);
  else if (type === 'stream.conflict') announced.set(stream, { server, inConflict: true });
  // An operator's order is announced too; where the stream is does not change by it.
  else if (type === 'stream.started' || (type === 'stream.moved' && evidence !== 'operator')) {
    announced.set(stream, { server, inConflict: announced.get(stream)?.inConflict ?? false });
  } else return undefined;
  return stream;
}

/** Takes an event in, if it can follow on what was announced: a stream starts that is not live, ends or moves from where it is. True for what is about no stream. */
export function followsOnAnnounced(
  announced: Map<string, AnnouncedStream>,
  event: Pick<StoredEvent, 'type' | 'data'>,
): boolean {
  const { stream, server, from } = event.data;
  const before = typeof stream === 'string' ? announced.get(stream) : undefined;
  const isNext: Partial<Record<StoredEvent['type'], boolean>> = {
    'stream.started': before === undefined,
    'stream.ended': before !== undefined && before.server === server,
    'stream.moved': before !== undefined && before.server === from,
    'stream.conflict': before?.inConflict === false,
  };
  if (isNext[event.type] === false) return false;
  applyEvent(announced, event);
  return true;
}
