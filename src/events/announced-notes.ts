import type { Logger } from '../log';
import { inTime } from '../measure';
import type { Collection, Store } from '../store';
import { errorText } from '../wire';
import type { EventLog } from './event-log';

/** Where what was announced is stored, and what it must agree with. */
export interface AnnouncedOptions {
  readonly store: Store;
  readonly events: Pick<EventLog, 'list' | 'whenStored' | 'leads'>;
  readonly log: Logger;
}

export interface AnnouncedNotesOptions<T> extends Pick<AnnouncedOptions, 'log'> {
  readonly collection: Pick<Collection<T>, 'write'>;
  readonly events: Pick<EventLog, 'whenStored' | 'leads'>;
  /** The sentence of the log when they cannot be stored. */
  readonly complaint: string;
  /** Called when notes are stored, with the id of the newest event that was in the log before. They count as stored when it resolves. */
  readonly onStored?: (throughId: string | undefined) => Promise<void>;
}

/** What was announced, noted by key and stored every second, once the log has the events that say so. */
export interface AnnouncedNotes<T> {
  /** Undefined: it is to be removed. */
  note(key: string, value: T | undefined): void;
  /** Forgets what is noted and not stored yet. */
  clear(): void;
  /** Stores what was noted, if that is possible soon, and ends. */
  stop(): Promise<void>;
}

const everyMs = 1000;
const batchSize = 1000;
/** While nothing can be stored, the log never has them: they are as after an end without notice. */
const endAfterMs = 1000;

export function createAnnouncedNotes<T>({
  collection,
  events,
  log,
  complaint,
  onStored,
}: AnnouncedNotesOptions<T>): AnnouncedNotes<T> {
  let noted = new Map<string, T | undefined>();
  let hasFailed = false;

  async function save(): Promise<void> {
    // Another process leads, and stores what it announced.
    if (!events.leads || noted.size === 0) return;
    const taken = noted;
    noted = new Map();
    try {
      // What is stored here must be in the log before: else an end of this process would lose the event.
      const throughId = await events.whenStored();
      const changes = [...taken];
      for (let from = 0; from < changes.length; from += batchSize) {
        await collection.write(changes.slice(from, from + batchSize));
      }
      await onStored?.(throughId);
      hasFailed = false;
    } catch (error) {
      // Newer notes are in force.
      noted = new Map([...taken, ...noted]);
      if (!hasFailed) log.warn({ error: errorText(error) }, complaint);
      hasFailed = true;
    }
  }

  let saving = Promise.resolve();
  const timer = setInterval(() => {
    saving = saving.then(save);
  }, everyMs);
  timer.unref();

  return {
    note: (key, value) => void noted.set(key, value),
    clear() {
      noted = new Map();
    },
    async stop() {
      clearInterval(timer);
      await inTime(saving.then(save), endAfterMs);
    },
  };
}
