import * as z from 'zod/mini';
import type { Logger } from '../log';
import { type Collection, readAs } from '../store';
import { errorText } from '../wire';
import type { StoredEvent } from './event';

/** What one receiver calls the streams: a name that it gave in its answer to a start holds for the events up to the end. */
export interface StreamIds {
  /** What earlier processes learned. @throws Error when the store cannot be read. */
  load(): Promise<void>;
  /** What the receiver calls the stream of this event; undefined when it did not say, or is about to. */
  of(event: StoredEvent): string | undefined;
  /** The receiver took the event, and answered with this. Stored when it resolves, if that can be. */
  delivered(event: StoredEvent, answered: string | undefined): Promise<void>;
  /** Removes everything that the receiver said. @throws Error when the store fails. */
  forget(): Promise<void>;
}

/** One name: it holds for events after the start to which it was the answer, through the end where that was delivered. */
export interface StoredStreamId {
  readonly streamId: string;
  /** Id of the start. */
  readonly from: string;
  /** Id of the end. */
  readonly through?: string | undefined;
}

const maxLive = 100_000;
/** Of streams that have ended: for what is delivered a second time. */
const maxEnded = 1000;

export function createStreamIds(collection: Collection<StoredStreamId>, log: Logger): StreamIds {
  const known = new Map<string, StoredStreamId>();
  /** In the order of their ends. */
  const ended = new Set<string>();
  let hasLogged = false;

  async function store(stream: string, next: StoredStreamId | undefined): Promise<void> {
    const changes = new Map<string, StoredStreamId | undefined>([[stream, next]]);
    ended.delete(stream);
    if (next === undefined) known.delete(stream);
    else {
      known.set(stream, next);
      if (next.through !== undefined) ended.add(stream);
    }
    for (const oldest of ended) {
      if (ended.size <= maxEnded) break;
      ended.delete(oldest);
      known.delete(oldest);
      changes.set(oldest, undefined);
    }
    try {
      await collection.write([...changes]);
    } catch (error) {
      log.warn({ error: errorText(error) }, "a receiver's stream_id cannot be stored beyond this process");
    }
  }

  function logFull(): void {
    if (!hasLogged)
      log.error({ most: maxLive }, 'a receiver names too many streams: further stream_ids are not sent back');
    hasLogged = true;
  }

  return {
    async load() {
      for (const [stream, id] of await collection.entries()) known.set(stream, id);
      const ends = [...known].flatMap(([stream, { through }]) =>
        through === undefined ? [] : ([[through, stream]] as const),
      );
      for (const [, stream] of ends.sort(([a], [b]) => (a < b ? -1 : 1))) ended.add(stream);
    },
    of({ id, data: { stream } }) {
      const given = typeof stream === 'string' ? known.get(stream) : undefined;
      if (given === undefined || id <= given.from) return undefined;
      return given.through === undefined || id <= given.through ? given.streamId : undefined;
    },
    async delivered({ id, type, data: { stream } }, answered) {
      if (typeof stream !== 'string') return;
      const before = known.get(stream);
      if (type === 'stream.started') {
        if (answered !== undefined) {
          if (before?.from === id && before.streamId === answered) return;
          if (before === undefined && known.size - ended.size >= maxLive) logFull();
          else await store(stream, { streamId: answered, from: id });
          // Another start, whose receiver has no name for it; the end of the one before was not wanted.
        } else if (before !== undefined && before.through === undefined && before.from < id)
          await store(stream, undefined);
      } else if (type === 'stream.ended' && before !== undefined && before.through === undefined && before.from < id) {
        await store(stream, { ...before, through: id });
      }
    },
    async forget() {
      const stored = await collection.entries();
      await collection.write(stored.map(([stream]) => [stream, undefined]));
      known.clear();
      ended.clear();
    },
  };
}

/** Checks a stored one. */
export const readStreamId = readAs<StoredStreamId>(
  z.object({ streamId: z.string(), from: z.string(), through: z.catch(z.optional(z.string()), undefined) }),
);
