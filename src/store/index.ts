export { followCollection } from './follow-collection';
export { isLeaseLost } from './lease-lost';
export { createMemoryStore } from './memory-store';
export { storeMetrics } from './metrics';
export { openConfiguredStore, openStore } from './open-store';
export { readAs, storedTime } from './read-as';
export type { Collection, Journal, Lease, Quota, Store } from './store';
