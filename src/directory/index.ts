export { createDirectory, type Directory, type DirectoryOptions, type DirectoryStats } from './directory';
export type { HolderPolicy, HolderRule } from './holder-policy';
export type { FoundHolder, LookupResult, LookupStats } from './lookup';
export { type Candidate, hashText, pickByRendezvous } from './rendezvous';
export { type ApiCallStats, type Holding, isPlaceable, type ServerSlot, type StreamEntry } from './server-slot';
export type * from './views';
export { isStreamName, maxStreamNameLength } from '../mediamtx';
