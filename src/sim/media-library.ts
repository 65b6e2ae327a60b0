import { CLIP_SECONDS, CLIP_SEGMENTS, loadClip } from './clip';
import { type FragmentedTrack, fragmentedPart, fragmentedSegment, fragmentTrack, segmentOfParts } from './fragment';
import type { Bandwidth, Rendition } from './playlist';
import { SEGMENT_COUNT, type SimVariant } from './timeline';
import { makeTransportStream, transportStreamSegment } from './transport-stream';

/** Bytes of the clip in every form, shared by all stand-ins of a process. */
export interface MediaLibrary {
  /** The initialization segment of a rendition of the fMP4 variants. */
  init(rendition: 'video1' | 'audio2'): Buffer;
  /** Content segment `index` (0 is the stream's first), in pieces to send in order. */
  segment(variant: SimVariant, rendition: Rendition, index: number): readonly Buffer[];
  /** Low-latency part `index` (0 is the stream's first), in pieces to send in order. */
  part(rendition: 'video1' | 'audio2', index: number): readonly Buffer[];
  /** What the master playlist says after `complete` segments of content. */
  bandwidth(variant: SimVariant, complete: number): Bandwidth;
  /** What a publisher of the clip sends. */
  readonly bytesASecond: number;
}

const byteLength = (pieces: readonly Buffer[]) => pieces.reduce((sum, piece) => sum + piece.length, 0);

function makeLibrary(): MediaLibrary {
  const clip = loadClip();
  const tracks: Readonly<Record<'video1' | 'audio2', FragmentedTrack>> = {
    video1: fragmentTrack(clip.video, true),
    audio2: fragmentTrack(clip.audio, false),
  };
  const transportStream = makeTransportStream(clip);
  const segment = (variant: SimVariant, rendition: Rendition, index: number): readonly Buffer[] => {
    if (rendition === 'main') return [transportStreamSegment(transportStream, index)];
    return variant === 'lowLatency'
      ? segmentOfParts(tracks[rendition], index)
      : fragmentedSegment(tracks[rendition], index);
  };
  const sizes = (variant: SimVariant) =>
    Array.from({ length: CLIP_SEGMENTS }, (_, index) =>
      byteLength(segment(variant, variant === 'mpegts' ? 'main' : 'video1', index)),
    );
  const leadingSizes: Readonly<Record<SimVariant, readonly number[]>> = {
    fmp4: sizes('fmp4'),
    lowLatency: sizes('lowLatency'),
    mpegts: sizes('mpegts'),
  };
  return {
    init: (rendition) => tracks[rendition].track.init,
    segment,
    part: (rendition, index) => fragmentedPart(tracks[rendition], index),
    bandwidth(variant, complete) {
      const listed = Math.min(complete, SEGMENT_COUNT);
      const bits = Array.from({ length: listed }, (_, back) => {
        const index = (complete - 1 - back) % CLIP_SEGMENTS;
        return 8 * (leadingSizes[variant][index] ?? 0);
      });
      const total = bits.reduce((sum, value) => sum + value, 0);
      return { peak: Math.max(0, ...bits), average: listed === 0 ? 0 : Math.floor(total / listed) };
    },
    bytesASecond: Math.round((byteLength(clip.video.samples) + byteLength(clip.audio.samples)) / CLIP_SECONDS),
  };
}

let library: MediaLibrary | undefined;

/** The library, read from disk at the first call. Throws when the clips are missing or damaged. */
export function mediaLibrary(): MediaLibrary {
  library ??= makeLibrary();
  return library;
}
