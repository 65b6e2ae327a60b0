export { chooseHolder, isSpread } from './choose-holder';
export { createDirectory, type Directory, maxOverrides } from './directory';
export { holderPolicies } from './holder-policy';
export type { LookupResult } from './lookup';
export { createLookupBudget } from './lookup-budget';
export { directoryMetrics, lookupMetrics } from './metrics';
export { hashText, pickByRendezvous } from './rendezvous';
export { placeable, type ServerSlot, type StreamEntry } from './server-slot';
export type * from './views';
