import type { Logger } from '../log';
import type { Store } from '../store';
import { isRecord } from '../wire';
import { createToldNotes } from './announced-notes';
import type { StoredEvent } from './event';
import type { EventLog } from './event-log';
import type { ToldStream } from './stream-events';

/** What was told of the streams, kept for the next process. */
export interface ToldStreams {
  /** What is live as told by other processes; undefined when there was none. What was noted before is forgotten. @throws Error when the store cannot be read. */
  load(): Promise<Map<string, ToldStream> | undefined>;
  /** What was told of a stream became this; undefined: it has ended. The event, if any, is emitted in the same turn. Ignored where another process tells. */
  note(stream: string, told: ToldStream | undefined): void;
  /** Keeps what was noted and ends. */
  stop(): Promise<void>;
}

/** The state up to an event, under a key that no stream can have. */
const markKey = '!';
const batchSize = 1000;

type Kept = ToldStream | { readonly throughId: string };

/**
 * The event log is what counts; this is a short cut through it, which lags behind by a second or so. So both agree however the process ends:
 * who loads it goes through the events that came after.
 */
export function createToldStreams({
  store,
  events,
  log,
}: {
  readonly store: Store;
  readonly events: Pick<EventLog, 'list' | 'whenKept' | 'leads'>;
  readonly log: Logger;
}): ToldStreams {
  const collection = store.collection('told-streams', readKept);
  const notes = createToldNotes<Kept>({
    collection,
    events,
    log,
    complaint: 'what was told of streams cannot be kept; it is tried again',
    onKept: (throughId) => collection.set(markKey, { throughId: throughId ?? '' }),
  });

  return {
    async load() {
      const told = new Map<string, ToldStream>();
      notes.clear();
      let mark: string | undefined;
      for (const [key, value] of await collection.entries()) {
        if ('throughId' in value) mark = value.throughId;
        else told.set(key, value);
      }
      const hasHistory = mark !== undefined || told.size > 0;
      let after = mark ?? '0';
      for (;;) {
        const list = await events.list({ after, limit: batchSize });
        const last = list.at(-1);
        if (last === undefined) return hasHistory || told.size > 0 ? told : undefined;
        for (const event of list) {
          const stream = applyEvent(told, event);
          // To be kept before the mark goes past this event.
          if (stream !== undefined) notes.note(stream, told.get(stream));
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

/** Takes an event into what was told. @returns the stream of which something was told. */
function applyEvent(told: Map<string, ToldStream>, { type, data }: Pick<StoredEvent, 'type' | 'data'>) {
  const { stream, server, evidence } = data;
  if (typeof stream !== 'string' || typeof server !== 'string') return undefined;
  if (type === 'stream.ended') told.delete(stream);
  else if (type === 'stream.conflict') told.set(stream, { server, inConflict: true });
  // An operator's order is told too; where the stream is does not change by it.
  else if (type === 'stream.started' || (type === 'stream.moved' && evidence !== 'operator')) {
    told.set(stream, { server, inConflict: told.get(stream)?.inConflict ?? false });
  } else return undefined;
  return stream;
}

/** Takes an event in, if it can follow on what was told: a stream starts that is not live, ends or moves from where it is. True for what is about no stream. */
export function followsOnTold(told: Map<string, ToldStream>, event: Pick<StoredEvent, 'type' | 'data'>): boolean {
  const { stream, server, from } = event.data;
  const before = typeof stream === 'string' ? told.get(stream) : undefined;
  const isNext: Partial<Record<StoredEvent['type'], boolean>> = {
    'stream.started': before === undefined,
    'stream.ended': before !== undefined && before.server === server,
    'stream.moved': before !== undefined && before.server === from,
    'stream.conflict': before?.inConflict === false,
  };
  if (isNext[event.type] === false) return false;
  applyEvent(told, event);
  return true;
}

function readKept(value: unknown): Kept | undefined {
  if (!isRecord(value)) return undefined;
  const { throughId, server, inConflict } = value;
  if (typeof throughId === 'string') return { throughId };
  return typeof server === 'string' ? { server, inConflict: inConflict === true } : undefined;
}
