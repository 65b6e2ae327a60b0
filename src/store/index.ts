export { isLeaseLost } from './lease-lost';
export { createMemoryStore } from './memory-store';
export { openStore, type StoreOptions } from './open-store';
export type { RedisAddress } from './redis-backing';
export type { Collection, Journal, JournalRange, Lease, Store } from './store';
