import type { Logger } from '../log';
import { openLevelBacking } from './level-backing';
import type { Store } from './store';
import { storeOver } from './store-over';

export interface StoreOptions {
  /** Where it is kept. One folder serves one process; it is made if missing (the folder around it must be there). */
  readonly folder: string;
  readonly log: Logger;
}

/**
 * Opens the store.
 * @throws Error naming the folder, when it is in use, cannot be made or written, or is damaged beyond repair.
 */
export async function openStore({ folder, log }: StoreOptions): Promise<Store> {
  return storeOver(await openLevelBacking(folder, log), log);
}
