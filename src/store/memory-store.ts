import type { Logger } from '../log';
import { createMemoryBacking } from './memory-backing';
import type { Store } from './store';
import { storeOver } from './store-over';

/** A store that forgets with the process: where no folder is configured, and in tests. */
export function createMemoryStore(log: Logger): Store {
  return storeOver(createMemoryBacking(), log);
}
