export type { MasterPlaylist, MediaPlaylist, Segment, SegmentKey } from './playlist';
export { readPlaylist } from './read';
export { type RewriteUri, rewritePlaylist } from './rewrite';
export type { UriRole } from './uri-tags';
export { type SegmentToWrite, writeMediaPlaylist } from './write';
