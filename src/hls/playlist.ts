import type { PlaylistFault } from './fault';

/** A part of a file, in bytes. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/** EXT-X-KEY. */
export interface SegmentKey {
  /** `AES-128`, `SAMPLE-AES` and so on; never `NONE`. */
  readonly method: string;
  readonly uri: string | undefined;
  /** `0x…`, as it stands; undefined: the segment's number is taken. */
  readonly iv: string | undefined;
  readonly keyFormat: string | undefined;
  readonly keyFormatVersions: string | undefined;
}

/** EXT-X-MAP: an init segment. */
export interface SegmentMap {
  readonly uri: string;
  readonly byteRange: ByteRange | undefined;
  /** Those of an init segment that is encrypted. */
  readonly keys: readonly SegmentKey[];
}

export interface Segment {
  /** As it stands, variables replaced: relative to the playlist's URL. */
  readonly uri: string;
  /** 0 where none is told. */
  readonly durationSeconds: number;
  readonly title: string;
  readonly byteRange: ByteRange | undefined;
  /** Empty: not encrypted. */
  readonly keys: readonly SegmentKey[];
  readonly map: SegmentMap | undefined;
  /** EXT-X-DISCONTINUITY stands before it. */
  readonly isDiscontinuity: boolean;
  /** EXT-X-GAP: it is not there. */
  readonly isGap: boolean;
  /** EXT-X-PROGRAM-DATE-TIME of the first picture, in Unix time; undefined where the line is missing. */
  readonly programDateTimeMs: number | undefined;
  /** Other tags before it, as they stand. URIs in them are the provider's. */
  readonly tags: readonly string[];
}

export interface MediaPlaylist {
  readonly kind: 'media';
  readonly version: number;
  /** Where none is told, that of the longest segment. */
  readonly targetDurationSeconds: number;
  /** Number of the first segment; others follow by one. */
  readonly mediaSequence: number;
  readonly discontinuitySequence: number;
  readonly type: 'VOD' | 'EVENT' | undefined;
  /** EXT-X-ENDLIST stands in it: no segment will be added. */
  readonly isEnded: boolean;
  /** EXT-X-INDEPENDENT-SEGMENTS. */
  readonly isIndependent: boolean;
  readonly segments: readonly Segment[];
}

/** A media playlist of a master playlist, and what is told of it: attributes by their name, without quotes. */
export interface Variant {
  readonly uri: string;
  readonly attributes: ReadonlyMap<string, string>;
}

/** EXT-X-MEDIA; without a URI it is in the variants themselves. */
export interface Rendition {
  readonly uri: string | undefined;
  readonly attributes: ReadonlyMap<string, string>;
}

export interface MasterPlaylist {
  readonly kind: 'master';
  readonly version: number;
  readonly variants: readonly Variant[];
  readonly renditions: readonly Rendition[];
  /** For the `IMPORT` of its media playlists. */
  readonly variables: ReadonlyMap<string, string>;
}

/** Faults are those that were passed over; of many, the first ones. */
export type ReadResult =
  | { readonly playlist: MasterPlaylist | MediaPlaylist; readonly faults: readonly PlaylistFault[] }
  | { readonly playlist?: undefined; readonly faults: readonly PlaylistFault[] };
