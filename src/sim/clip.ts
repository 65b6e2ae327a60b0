import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findBox, readBoxes } from './box';

/** One encoded track of the clip, as raw samples of equal duration. */
export interface ClipTrack {
  /** `ftyp` and `moov`: the initialization segment. */
  readonly init: Buffer;
  /** Encoded pictures (length-prefixed NAL units) or AAC frames, in order. */
  readonly samples: readonly Buffer[];
  /** Units of time in a second. */
  readonly timescale: number;
  /** Duration of every sample, in units of `timescale`. */
  readonly sampleDuration: number;
}

/** What the stand-in plays in a loop. */
export interface Clip {
  readonly video: ClipTrack;
  readonly audio: ClipTrack;
  /** H.264 parameter sets as NAL units, without length or start code: SPS, PPS. */
  readonly parameterSets: readonly Buffer[];
}

/** Length of the clip. Both tracks fill it exactly (see media/README.md), so that it repeats without a seam. */
export const CLIP_SECONDS = 8;
/** Key frames come once a second, as in a stream that MediaMTX cuts into segments of `hlsSegmentDuration: 1s`. */
export const SEGMENT_MS = 1000;
/** MediaMTX's default `hlsPartDuration`. */
export const PART_MS = 200;
/** Pictures in a part. */
export const PICTURES_A_PART = 5;
/** Parts in a segment. */
export const PARTS_A_SEGMENT = SEGMENT_MS / PART_MS;
/** Segments in the clip. */
export const CLIP_SEGMENTS = (CLIP_SECONDS * 1000) / SEGMENT_MS;
/** Parts in the clip. */
export const CLIP_PARTS = CLIP_SEGMENTS * PARTS_A_SEGMENT;
/** The `tracks` and `tracks2` that the Control API shows for the clip. */
export const CLIP_TRACK_NAMES = ['H264', 'MPEG-4 Audio'] as const;
/** The `tracks2` of the Control API (v1.17.0 and newer). */
export const CLIP_TRACKS = [
  { codec: 'H264', codecProps: { width: 320, height: 180, profile: 'Baseline', level: '1.2' } },
  { codec: 'MPEG-4 Audio', codecProps: { sampleRate: 48000, channelCount: 1 } },
] as const;

const PICTURES = 200;
const AUDIO_FRAMES = 375;

const TRUN_DATA_OFFSET = 0x1;
const TRUN_FIRST_SAMPLE_FLAGS = 0x4;
const TRUN_DURATION = 0x100;
const TRUN_SIZE = 0x200;
const TRUN_FLAGS = 0x400;
const TRUN_COMPOSITION_OFFSET = 0x800;

/** Sizes of the samples of one track run (ISO/IEC 14496-12, 8.8.8). */
function sampleSizes(file: Buffer, trunStart: number): number[] {
  const flags = file.readUInt32BE(trunStart) & 0xffffff;
  const count = file.readUInt32BE(trunStart + 4);
  let at = trunStart + 8;
  if (flags & TRUN_DATA_OFFSET) at += 4;
  if (flags & TRUN_FIRST_SAMPLE_FLAGS) at += 4;
  if (!(flags & TRUN_SIZE)) throw new RangeError('a clip must give the size of each sample');
  const before = flags & TRUN_DURATION ? 4 : 0;
  const after = (flags & TRUN_FLAGS ? 4 : 0) + (flags & TRUN_COMPOSITION_OFFSET ? 4 : 0);
  return Array.from({ length: count }, (_, index) => file.readUInt32BE(at + index * (before + 4 + after) + before));
}

function readTrack(file: Buffer, expectedSamples: number): ClipTrack {
  const boxes = readBoxes(file);
  const ftyp = findBox(file, ['ftyp']);
  const moov = findBox(file, ['moov']);
  const mdhd = findBox(file, ['trak', 'mdia', 'mdhd'], moov.contentStart, moov.end);
  const timescale = file.readUInt32BE(mdhd.contentStart + 12);
  const samples: Buffer[] = [];
  for (const [index, box] of boxes.entries()) {
    const data = boxes[index + 1];
    if (box.type !== 'moof' || data?.type !== 'mdat') continue;
    const trun = findBox(file, ['traf', 'trun'], box.contentStart, box.end);
    let at = data.contentStart;
    for (const size of sampleSizes(file, trun.contentStart)) {
      samples.push(file.subarray(at, at + size));
      at += size;
    }
  }
  if (samples.length !== expectedSamples) {
    throw new RangeError(`the clip has ${samples.length} samples; it must have ${expectedSamples}`);
  }
  return {
    init: Buffer.concat([file.subarray(ftyp.start, ftyp.end), file.subarray(moov.start, moov.end)]),
    samples,
    timescale,
    sampleDuration: (timescale * CLIP_SECONDS) / expectedSamples,
  };
}

/** SPS and PPS out of `avcC` (ISO/IEC 14496-15, 5.3.3.1.2), of which the clip has one each. */
function readParameterSets(init: Buffer): Buffer[] {
  const at = init.indexOf('avcC', 0, 'latin1');
  if (at < 0) throw new RangeError("the clip has no box 'avcC'");
  const spsStart = at + 4 + 6;
  const spsLength = init.readUInt16BE(spsStart);
  const ppsStart = spsStart + 2 + spsLength + 1;
  const ppsLength = init.readUInt16BE(ppsStart);
  return [init.subarray(spsStart + 2, spsStart + 2 + spsLength), init.subarray(ppsStart + 2, ppsStart + 2 + ppsLength)];
}

/**
 * Reads the clip from a folder (by default the one beside this file, in `src` as in `dist`).
 * Throws when a file is missing or is not what media/README.md describes.
 */
export function loadClip(folder = join(__dirname, 'media')): Clip {
  const video = readTrack(readFileSync(join(folder, 'video.mp4')), PICTURES);
  const audio = readTrack(readFileSync(join(folder, 'audio.mp4')), AUDIO_FRAMES);
  return { video, audio, parameterSets: readParameterSets(video.init) };
}

/**
 * The samples of a track whose time lies in `[fromMs, toMs)` of the endless loop: first sample, counted from the
 * beginning of the stream, and their number. Times are whole parts, where both ends are exact in either timescale.
 */
export function sampleRange(track: ClipTrack, fromMs: number, toMs: number): { first: number; count: number } {
  const indexAt = (ms: number) => Math.ceil((ms * track.timescale) / 1000 / track.sampleDuration);
  const first = indexAt(fromMs);
  return { first, count: indexAt(toMs) - first };
}
