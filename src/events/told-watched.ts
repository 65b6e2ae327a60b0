import type { Logger } from '../log';
import type { Store } from '../store';
import type { EventLog } from './event-log';

/** Which streams were told to be watched, kept for the next process. */
export interface ToldWatched {
  /** @throws Error when the store cannot be read. */
  load(): Promise<ReadonlySet<string>>;
  /** It was emitted in this turn that a stream is watched, or is not any more. */
  note(stream: string, isWatched: boolean): void;
  /** Keeps what was noted and ends. */
  stop(): Promise<void>;
}

interface Kept {
  readonly watched: true;
}

const everyMs = 1000;
const batchSize = 1000;
/** More events than can come between two saves. */
const newestEvents = 1000;

/** Keeps them in the store every second; what came after the last time is in the newest events of the log. */
export function createToldWatched({
  store,
  events,
  log,
}: {
  readonly store: Store;
  readonly events: Pick<EventLog, 'list' | 'whenKept'>;
  readonly log: Logger;
}): ToldWatched {
  const collection = store.collection('told-watched', readKept);
  let noted = new Map<string, Kept | undefined>();
  let hasFailed = false;

  async function save(): Promise<void> {
    if (noted.size === 0) return;
    const taken = noted;
    noted = new Map();
    try {
      // What is kept here must be in the log before: else an end of this process would lose the event.
      await events.whenKept();
      const changes = [...taken];
      for (let from = 0; from < changes.length; from += batchSize) {
        await collection.write(changes.slice(from, from + batchSize));
      }
      hasFailed = false;
    } catch (error) {
      // Newer notes are in force.
      noted = new Map([...taken, ...noted]);
      if (!hasFailed) log.warn({ error: String(error) }, 'which streams are watched cannot be kept; it is tried again');
      hasFailed = true;
    }
  }

  let saving = Promise.resolve();
  const timer = setInterval(() => {
    saving = saving.then(save);
  }, everyMs);
  timer.unref();

  return {
    async load() {
      const watched = new Set((await collection.entries()).map(([stream]) => stream));
      for (const { type, data } of await events.list({ limit: newestEvents })) {
        const { stream } = data;
        if (typeof stream !== 'string') continue;
        if (type === 'stream.watched') watched.add(stream);
        else if (type === 'stream.unwatched') watched.delete(stream);
      }
      return watched;
    },
    note(stream, isWatched) {
      if (store.isDurable) noted.set(stream, isWatched ? { watched: true } : undefined);
    },
    async stop() {
      clearInterval(timer);
      await saving;
      await save();
    },
  };
}

function readKept(value: unknown): Kept | undefined {
  return typeof value === 'object' && value !== null && 'watched' in value && value.watched === true
    ? { watched: true }
    : undefined;
}
