import { makeBox, makeFullBox, uint32s } from './box';
import {
  CLIP_PARTS,
  CLIP_SEGMENTS,
  type ClipTrack,
  PART_MS,
  PARTS_A_SEGMENT,
  PICTURES_A_PART,
  SEGMENT_MS,
  sampleRange,
} from './clip';

/** A fragment of the clip (`moof` and `mdat`) whose sequence number and decode time are written in when it is served. */
interface Fragment {
  readonly moof: Buffer;
  readonly mdat: Buffer;
  /** First sample, counted from the beginning of the clip. */
  readonly firstSample: number;
}

/** The fragments of one track: cut into whole segments, and into the parts of low-latency HLS. */
export interface FragmentedTrack {
  readonly track: ClipTrack;
  readonly segments: readonly Fragment[];
  readonly parts: readonly Fragment[];
}

/*
 * moof as written here, offsets from its first byte:
 *   0 moof | 8 mfhd: 20 sequence_number | 24 traf | 32 tfhd | 48 tfdt: 60 baseMediaDecodeTime (64 bits) | 68 trun
 */
const SEQUENCE_NUMBER_OFFSET = 20;
const DECODE_TIME_OFFSET = 60;

const TFHD_DEFAULT_BASE_IS_MOOF = 0x020000;
const TRUN_DATA_OFFSET = 0x1;
const TRUN_DURATION_SIZE_FLAGS = 0x700;
const SYNC_SAMPLE = 0x02000000;
const NON_SYNC_SAMPLE = 0x01010000;
const TRACK_ID = 1;

/** gohlslib starts at 10 s, so that a decode time can never be negative (`fmp4StartDTS` in its muxer.go). */
const START_SECONDS = 10;

function makeFragment(track: ClipTrack, fromMs: number, toMs: number, picturesAKeyFrame: number): Fragment {
  const { first, count } = sampleRange(track, fromMs, toMs);
  const samples = track.samples.slice(first, first + count);
  const entries = samples.flatMap((sample, index) => {
    const isSync = picturesAKeyFrame === 1 || (first + index) % picturesAKeyFrame === 0;
    return [track.sampleDuration, sample.length, isSync ? SYNC_SAMPLE : NON_SYNC_SAMPLE];
  });
  const build = (dataOffset: number) =>
    makeBox(
      'moof',
      makeFullBox('mfhd', 0, 0, uint32s(0)),
      makeBox(
        'traf',
        makeFullBox('tfhd', 0, TFHD_DEFAULT_BASE_IS_MOOF, uint32s(TRACK_ID)),
        makeFullBox('tfdt', 1, 0, uint32s(0, 0)),
        makeFullBox(
          'trun',
          0,
          TRUN_DATA_OFFSET | TRUN_DURATION_SIZE_FLAGS,
          uint32s(samples.length, dataOffset, ...entries),
        ),
      ),
    );
  const mdatHeaderLength = 8;
  return {
    moof: build(build(0).length + mdatHeaderLength),
    mdat: makeBox('mdat', ...samples),
    firstSample: first,
  };
}

/** Cuts a track of the clip into segments and parts. `isVideo` tells whether only one sample a second is a key frame. */
export function fragmentTrack(track: ClipTrack, isVideo: boolean): FragmentedTrack {
  const picturesAKeyFrame = isVideo ? PICTURES_A_PART * PARTS_A_SEGMENT : 1;
  const cut = (count: number, durationMs: number) =>
    Array.from({ length: count }, (_, index) =>
      makeFragment(track, index * durationMs, (index + 1) * durationMs, picturesAKeyFrame),
    );
  return { track, segments: cut(CLIP_SEGMENTS, SEGMENT_MS), parts: cut(CLIP_PARTS, PART_MS) };
}

function place(fragmented: FragmentedTrack, fragments: readonly Fragment[], index: number): Buffer[] {
  const fragment = fragments[index % fragments.length];
  if (!fragment) throw new RangeError(`fragment ${index} asked for; allowed are whole numbers from 0`);
  const { track } = fragmented;
  const loop = Math.floor(index / fragments.length);
  const sample = loop * track.samples.length + fragment.firstSample;
  const moof = Buffer.from(fragment.moof);
  moof.writeUInt32BE(index >>> 0, SEQUENCE_NUMBER_OFFSET);
  const decodeTime = START_SECONDS * track.timescale + sample * track.sampleDuration;
  moof.writeBigUInt64BE(BigInt(decodeTime), DECODE_TIME_OFFSET);
  return [moof, fragment.mdat];
}

/** Segment `index` of the endless stream (0 is the first) as one fragment, as the `fmp4` variant has it. Pieces to send in order. */
export function fragmentedSegment(fragmented: FragmentedTrack, index: number): Buffer[] {
  return place(fragmented, fragmented.segments, index);
}

/** Part `index` of the endless stream (0 is the first). Pieces to send in order. */
export function fragmentedPart(fragmented: FragmentedTrack, index: number): Buffer[] {
  return place(fragmented, fragmented.parts, index);
}

/** Segment `index` of a low-latency stream: its parts, one after the other. Pieces to send in order. */
export function segmentOfParts(fragmented: FragmentedTrack, index: number): Buffer[] {
  return Array.from({ length: PARTS_A_SEGMENT }, (_, part) =>
    fragmentedPart(fragmented, index * PARTS_A_SEGMENT + part),
  ).flat();
}
