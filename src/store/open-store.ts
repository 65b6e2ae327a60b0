import type { Logger } from '../log';
import { openLevelBacking } from './level-backing';
import { openRedisBacking, type RedisAddress } from './redis-backing';
import type { Store } from './store';
import { storeOver } from './store-over';

export type StoreOptions = (
  | {
      /** Where it is kept. One folder serves one process; it is made if missing (the folder around it must be there). */
      readonly folder: string;
    }
  | {
      /** Shared by the agents of a fleet. */
      readonly redis: RedisAddress;
    }
) & {
  readonly log: Logger;
  /** Ends the wait for a Redis that does not answer. */
  readonly signal?: AbortSignal | undefined;
};

/**
 * Opens the store.
 * @throws Error naming the folder, when it is in use, cannot be made or written, or is damaged beyond repair; or naming the Redis that cannot be reached.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { log, signal } = options;
  const backing =
    'folder' in options ? openLevelBacking(options.folder, log) : openRedisBacking(options.redis, log, signal);
  return storeOver(await backing, log);
}
