import type { Logger } from '../log';
import { openLateBacking } from './late-backing';
import { openLevelBacking } from './level-backing';
import { createMemoryStore } from './memory-store';
import { openRedisBacking, type RedisAddress } from './redis-backing';
import type { Store } from './store';
import { storeOver } from './store-over';

export type StoreOptions =
  | {
      /** Where it is. One folder serves one process; it is made if missing (the folder around it must be there). */
      readonly folder: string;
      readonly log: Logger;
    }
  | {
      /** Shared by the agents of a fleet. */
      readonly redis: RedisAddress;
      readonly log: Logger;
      /** After this a Redis that does not answer is waited for no longer: the store refuses until it does. Default: it is waited for. */
      readonly patienceMs?: number;
      /** Ends the wait for a Redis that does not answer. */
      readonly signal?: AbortSignal | undefined;
    };

/**
 * Opens the store.
 * @throws Error naming the folder, when it is in use, cannot be made or written, or is damaged beyond repair; or naming the Redis that cannot be reached.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { log } = options;
  if ('folder' in options) return storeOver(await openLevelBacking(options.folder, log), log);
  const { redis, patienceMs, signal } = options;
  if (patienceMs === undefined) return storeOver(await openRedisBacking(redis, log, signal), log);
  return storeOver(await openLateBacking((ending) => openRedisBacking(redis, log, ending), patienceMs, log), log);
}

/** Where a program stores, by its settings. */
export interface StoreSettings extends Partial<Omit<RedisAddress, 'url'>> {
  readonly folder?: string | undefined;
  /** The URL of a Redis, instead of a folder. */
  readonly redis?: string | undefined;
  readonly prefix: string;
}

/** So long a start waits for a store that others share. */
const patienceMs = 2000;

/**
 * The store of the configured folder or Redis; without one that of `$STATE_DIRECTORY`, and without that one that forgets with the process.
 * @throws as openStore.
 */
export async function openConfiguredStore(
  settings: StoreSettings,
  env: NodeJS.ProcessEnv,
  log: Logger,
): Promise<Store> {
  const { redis: url, username, password, prefix } = settings;
  if (url !== undefined) return openStore({ redis: { url, username, password, prefix }, log, patienceMs });
  // systemd gives several folders separated by colons; the first is ours.
  const folder = settings.folder ?? env['STATE_DIRECTORY']?.split(':')[0];
  return folder === undefined || folder === '' ? createMemoryStore(log) : openStore({ folder, log });
}
