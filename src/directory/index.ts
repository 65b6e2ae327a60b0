export { isStreamName, maxStreamNameLength } from '../mediamtx';
export { createDirectory, type Directory, maxOverrides } from './directory';
export type { LookupResult } from './lookup';
export { hashText, pickByRendezvous } from './rendezvous';
export { isPlaceable, type ServerSlot, type StreamEntry } from './server-slot';
export type * from './views';
