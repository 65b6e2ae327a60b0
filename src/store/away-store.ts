import type { Logger } from '../log';
import type { Store } from './store';
import { storeOver } from './store-over';

/** What stands in for a shared store that has not answered yet: nothing is in it, and nothing can be kept or led. */
export function createAwayStore(log: Logger): Store {
  const failure = 'it has not answered yet';
  const refuse = (): Promise<never> => Promise.reject(new Error(`the store: ${failure}`));
  return storeOver(
    {
      isDurable: true,
      isShared: true,
      failure,
      get: () => Promise.resolve(undefined),
      write: refuse,
      range: () => Promise.resolve([]),
      cut: refuse,
      count: () => Promise.resolve(0),
      revision: () => Promise.resolve('0'),
      leases: { acquire: refuse, release: () => Promise.resolve() },
      close: () => Promise.resolve(),
    },
    log,
  );
}
