export { adminSocketPaths } from './admin-socket-paths';
export type { Cursor } from './cursor';
export { durationPattern, formatDuration, parseDuration } from './duration';
export { type ListenAddress, listenOn } from './listen';
export { ownValue } from './own-value';
export { addressKey, type PlaceHolder, whoGoes } from './places';
export { hasAtMost } from './text-limit';
export { encodeVarint, maxVarintBytes, readVarint } from './varint';
