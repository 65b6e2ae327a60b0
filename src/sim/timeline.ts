import { PART_MS, PARTS_A_SEGMENT, SEGMENT_MS } from './clip';

/** The variants of `hlsVariant`. */
export type SimVariant = 'fmp4' | 'lowLatency' | 'mpegts';

/** `hlsSegmentCount`: how many segments a media playlist lists. */
export const SEGMENT_COUNT = 7;
/** Low-latency streams begin with seven gaps, which players on iOS require; their first segment has this number. */
const LOW_LATENCY_GAPS = 7;

/**
 * What exists of a stream at one moment. Nothing is stored: it follows from the time since the muxer began, so an idle
 * stream costs nothing.
 */
export interface Timeline {
  /** Number of the first segment with content. */
  readonly firstId: number;
  /** Complete segments so far, gaps not counted. */
  readonly complete: number;
  /** Numbers of the listed segments, gaps included: from, to (exclusive). */
  readonly listedFrom: number;
  readonly listedTo: number;
  /** `EXT-X-MEDIA-SEQUENCE`: segments that were listed and are gone. */
  readonly mediaSequence: number;
  /** Complete parts of the segment that is being made. */
  readonly openParts: number;
}

/** The timeline of a variant `elapsedMs` after its content began. */
export function timelineAt(variant: SimVariant, elapsedMs: number): Timeline {
  const complete = Math.max(0, Math.floor(elapsedMs / SEGMENT_MS));
  const parts = Math.max(0, Math.floor(elapsedMs / PART_MS));
  const firstId = variant === 'lowLatency' ? LOW_LATENCY_GAPS : 0;
  const listedTo = firstId + complete;
  // The gaps appear together with the first segment.
  const listedFrom = complete === 0 ? listedTo : Math.max(0, listedTo - SEGMENT_COUNT);
  return {
    firstId,
    complete,
    listedFrom,
    listedTo,
    mediaSequence: complete === 0 ? 0 : listedFrom,
    openParts: parts - complete * PARTS_A_SEGMENT,
  };
}

/** Complete segments that a playlist needs before it is served: gohlslib waits for two in the fMP4 variant. */
export function segmentsNeeded(variant: SimVariant): number {
  return variant === 'fmp4' ? 2 : 1;
}

/** Milliseconds from the beginning of the content until playlists are served. */
export function contentReadyMs(variant: SimVariant): number {
  return segmentsNeeded(variant) * SEGMENT_MS;
}

/**
 * Milliseconds from the beginning of the content until a request for part `part` of segment `msn` of a low-latency stream should look again, or
 * 'out of range', which gohlslib answers with 400 (`handleMediaPlaylist` in its muxer_stream.go). A part number past the end of
 * a segment stands for the first part of the next one, which gohlslib finds only once that one is complete.
 */
export function partReadyMs(elapsedMs: number, msn: number, part: number): number | 'out of range' {
  const { complete, firstId, listedFrom, listedTo } = timelineAt('lowLatency', elapsedMs);
  const isAhead = msn > listedTo + 1;
  const isGone = msn < (complete === 0 ? listedTo : listedFrom) + 1;
  if (isAhead || isGone) return 'out of range';
  const content = msn - firstId;
  // A gap has no parts: the request waits until the gap leaves the playlist, and is out of range then.
  if (content < 0) return msn * SEGMENT_MS;
  return part < PARTS_A_SEGMENT ? content * SEGMENT_MS + (part + 1) * PART_MS : (content + 2) * SEGMENT_MS;
}
