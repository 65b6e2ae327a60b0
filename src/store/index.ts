export { createMemoryStore } from './memory-store';
export { openStore, type StoreOptions } from './open-store';
export type { Collection, Journal, JournalRange, Store } from './store';
