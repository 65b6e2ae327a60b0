export type { PlaylistFault } from './fault';
export type {
  ByteRange,
  MasterPlaylist,
  MediaPlaylist,
  ReadResult,
  Rendition,
  Segment,
  SegmentKey,
  SegmentMap,
  Variant,
} from './playlist';
export { readPlaylist } from './read';
export { type RewriteUri, type Rewritten, rewritePlaylist } from './rewrite';
export type { UriRole } from './uri-tags';
export type { VariableSources } from './variables';
export { type PlaylistToWrite, type SegmentToWrite, writeMediaPlaylist } from './write';
