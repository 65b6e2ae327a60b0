import type { Logger } from '../log';
import type { Collection, Store } from '../store';
import { errorText } from '../wire';
import { readIntent } from './intent';
import type { Intent } from './views';

/** Operators' intents by server, in memory and in the store. */
export interface Intents {
  get(server: string): Intent | undefined;
  /** Keeps an intent; rejects when the store fails, and nothing has changed then. */
  set(server: string, intent: Intent): Promise<void>;
  /** Takes over what the store holds: other agents may share it. Rejects when the store fails. */
  load(): Promise<void>;
  /** Whether the store was read lately; else it is read, beside what goes on. */
  loadIfDue(): void;
}

/** Of a store that others do not write it is enough now and then. */
const alonePeriodMs = 5000;
const sharedPeriodMs = 500;

/** `onChange` is called when the store had others than those that were known. */
export function createIntents(store: Store, log: Logger, onChange: () => void): Intents {
  const collection: Collection<Intent> = store.collection('intents', readIntent);
  const periodMs = store.isShared ? sharedPeriodMs : alonePeriodMs;
  let revision: string | undefined;
  let intents: ReadonlyMap<string, Intent> = new Map();
  let writes = 0;
  let loadedAt = Number.NEGATIVE_INFINITY;
  let isFailing = false;

  async function load(): Promise<void> {
    const before = writes;
    loadedAt = performance.now();
    // Read before the rest: what changes in between is read again.
    const newest = await collection.revision();
    if (newest !== undefined && newest === revision) return;
    const entries = await collection.entries();
    // What was set meanwhile is newer than what was read.
    if (before !== writes) return;
    intents = new Map(entries);
    revision = newest;
    onChange();
  }

  return {
    get: (server) => intents.get(server),
    async set(server, intent) {
      writes++;
      await collection.set(server, intent);
      writes++;
      intents = new Map(intents).set(server, intent);
    },
    load,
    loadIfDue() {
      if (performance.now() - loadedAt < periodMs) return;
      load().then(
        () => {
          isFailing = false;
        },
        (error: unknown) => {
          if (!isFailing)
            log.warn(
              { error: errorText(error) },
              'intents cannot be read from the store; the known ones stay in force',
            );
          isFailing = true;
        },
      );
    },
  };
}
