import {
  buildAssociation,
  buildMap,
  packetLength,
  syncByte,
  ticksAfter,
  ticksPerSecond,
  writeClock,
  writeCounter,
  writeTime,
} from '../mpegts';
import { CLIP_SECONDS, CLIP_SEGMENTS, type Clip, SEGMENT_MS, sampleRange } from './clip';

/** The clip as MPEG-TS segments, whose clocks and continuity counters are written in when a segment is served. */
export interface TransportStream {
  readonly segments: readonly SegmentTemplate[];
  /** Packets with payload in one turn of the loop, by PID: how far the continuity counters move. */
  readonly packetsALoop: ReadonlyMap<number, number>;
}

interface SegmentTemplate {
  readonly bytes: Buffer;
  /** Where the presentation times stand, and their value in the first turn. */
  readonly times: readonly { readonly offset: number; readonly ticks: number }[];
  /** Where the packets with program clock references begin, and their value in the first turn. */
  readonly clocks: readonly { readonly offset: number; readonly ticks: number }[];
  /** Packets in order, with the continuity counter of the first turn. */
  readonly packets: readonly { readonly pid: number; readonly counter: number }[];
}

/*
 * A packet (ISO/IEC 13818-1, 2.4.3):
 *   0x47 | payload_unit_start (0x40) and PID, 16 bits | adaptation (0x20), payload (0x10), counter (4 bits)
 *   | adaptation field: length, flags (random access 0x40, PCR 0x10), PCR 48 bits, stuffing 0xff | payload
 */
const HEADER_LENGTH = 4;
const PID_PAT = 0;
const PID_PMT = 0x1000;
const PID_VIDEO = 0x100;
const PID_AUDIO = 0x101;
const STREAM_TYPE_H264 = 0x1b;
const STREAM_TYPE_AAC_ADTS = 0x0f;
const STREAM_ID_VIDEO = 0xe0;
const STREAM_ID_AUDIO = 0xc0;

const START_TICKS = 10 * ticksPerSecond;
/** How far the clock runs behind the presentation times: what a decoder may buffer. */
const CLOCK_DELAY_TICKS = ticksPerSecond / 2;
const AUDIO_FRAMES_A_PES = 4;

const START_CODE = Buffer.from([0, 0, 0, 1]);
const ACCESS_UNIT_DELIMITER = Buffer.from([0, 0, 0, 1, 9, 0xf0]);

const elementary = (type: number, pid: number) => ({ type, pid, descriptors: Buffer.alloc(0) });

/** A table as a payload: its section behind the pointer field. */
const table = (section: Buffer): Buffer => Buffer.concat([Buffer.from([0]), section]);

const PROGRAM_ASSOCIATION = table(buildAssociation(1, 0, 1, PID_PMT));
const PROGRAM_MAP = table(
  buildMap({
    program: 1,
    version: 0,
    clockPid: PID_VIDEO,
    descriptors: Buffer.alloc(0),
    streams: [elementary(STREAM_TYPE_H264, PID_VIDEO), elementary(STREAM_TYPE_AAC_ADTS, PID_AUDIO)],
  }),
);

const PES_HEADER_LENGTH = 14;

/** An elementary stream packet with a presentation time, which is filled in later. Video has no length (0), as 2.4.3.7 allows. */
function pes(streamId: number, payload: Buffer): Buffer {
  const length = streamId === STREAM_ID_VIDEO ? 0 : payload.length + PES_HEADER_LENGTH - 6;
  // 0x20 stands before the bits of a time that stands alone.
  const header = Buffer.from([0, 0, 1, streamId, length >> 8, length & 0xff, 0x80, 0x80, 5, 0x20, 0, 0, 0, 0]);
  return Buffer.concat([header, payload]);
}

/** A length-prefixed picture as Annex B, with delimiter, and with parameter sets before a key frame. */
function annexB(sample: Buffer, parameterSets: readonly Buffer[], isKeyFrame: boolean): Buffer {
  const pieces: Buffer[] = [ACCESS_UNIT_DELIMITER];
  if (isKeyFrame) for (const set of parameterSets) pieces.push(START_CODE, set);
  for (let at = 0; at < sample.length; ) {
    const length = sample.readUInt32BE(at);
    pieces.push(START_CODE, sample.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return Buffer.concat(pieces);
}

/** An AAC-LC frame at 48 kHz, one channel, behind its ADTS header (ISO/IEC 14496-3, 1.A.3.2). */
function adts(frame: Buffer): Buffer {
  const length = frame.length + 7;
  const header = Buffer.from([
    0xff,
    0xf1,
    0x4c,
    0x40 | (length >> 11),
    (length >> 3) & 0xff,
    ((length & 7) << 5) | 0x1f,
    0xfc,
  ]);
  return Buffer.concat([header, frame]);
}

interface Unit {
  readonly pid: number;
  readonly payload: Buffer;
  /** Absent for tables. */
  readonly ticks?: number;
  readonly isKeyFrame: boolean;
  readonly hasClock: boolean;
}

function unitsOfSegment(clip: Clip, segment: number): Unit[] {
  const fromMs = segment * SEGMENT_MS;
  const pictures = sampleRange(clip.video, fromMs, fromMs + SEGMENT_MS);
  const frames = sampleRange(clip.audio, fromMs, fromMs + SEGMENT_MS);
  const units: Unit[] = [];
  clip.video.samples.slice(pictures.first, pictures.first + pictures.count).forEach((sample, index) => {
    const ticks = START_TICKS + (pictures.first + index) * clip.video.sampleDuration;
    const payload = pes(STREAM_ID_VIDEO, annexB(sample, clip.parameterSets, index === 0));
    units.push({ pid: PID_VIDEO, payload, ticks, isKeyFrame: index === 0, hasClock: true });
  });
  for (let index = 0; index < frames.count; index += AUDIO_FRAMES_A_PES) {
    const first = frames.first + index;
    const group = clip.audio.samples.slice(first, Math.min(first + AUDIO_FRAMES_A_PES, frames.first + frames.count));
    const ticks = START_TICKS + (first * clip.audio.sampleDuration * ticksPerSecond) / clip.audio.timescale;
    const payload = pes(STREAM_ID_AUDIO, Buffer.concat(group.map(adts)));
    units.push({ pid: PID_AUDIO, payload, ticks, isKeyFrame: false, hasClock: false });
  }
  units.sort((a, b) => (a.ticks ?? 0) - (b.ticks ?? 0));
  const unitOf = (pid: number, payload: Buffer): Unit => ({ pid, payload, isKeyFrame: false, hasClock: false });
  return [unitOf(PID_PAT, PROGRAM_ASSOCIATION), unitOf(PID_PMT, PROGRAM_MAP), ...units];
}

function packetize(units: readonly Unit[], counters: Map<number, number>): SegmentTemplate {
  const packets: { pid: number; counter: number }[] = [];
  const buffers: Buffer[] = [];
  const times: { offset: number; ticks: number }[] = [];
  const clocks: { offset: number; ticks: number }[] = [];
  for (const unit of units) {
    for (let at = 0; at < unit.payload.length; ) {
      const isFirst = at === 0;
      const clock = isFirst && unit.hasClock;
      const base = buffers.length * packetLength;
      // Length byte, flags byte, clock; tables are padded behind the section instead (2.4.4.1).
      const isTable = unit.ticks === undefined;
      let adaptation = clock ? 8 : 0;
      const room = packetLength - HEADER_LENGTH - adaptation;
      const take = Math.min(room, unit.payload.length - at);
      if (!isTable) adaptation += room - take;
      const packet = Buffer.alloc(packetLength, 0xff);
      const counter = counters.get(unit.pid) ?? 0;
      counters.set(unit.pid, counter + 1);
      packet[0] = syncByte;
      packet.writeUInt16BE((isFirst ? 0x4000 : 0) | unit.pid, 1);
      packet[3] = adaptation > 0 ? 0x30 : 0x10;
      if (adaptation > 0) packet[4] = adaptation - 1;
      if (adaptation > 1) packet[5] = (unit.isKeyFrame && isFirst ? 0x40 : 0) | (clock ? 0x10 : 0);
      const payloadStart = HEADER_LENGTH + adaptation;
      unit.payload.copy(packet, payloadStart, at, at + take);
      if (clock) clocks.push({ offset: base, ticks: (unit.ticks ?? 0) - CLOCK_DELAY_TICKS });
      if (isFirst && unit.ticks !== undefined) {
        times.push({ offset: base + payloadStart + 9, ticks: unit.ticks });
      }
      packets.push({ pid: unit.pid, counter });
      buffers.push(packet);
      at += take;
    }
  }
  return { bytes: Buffer.concat(buffers), times, clocks, packets };
}

/** Multiplexes the clip into MPEG-TS segments that can be repeated for ever. */
export function makeTransportStream(clip: Clip): TransportStream {
  const counters = new Map<number, number>();
  const segments = Array.from({ length: CLIP_SEGMENTS }, (_, segment) =>
    packetize(unitsOfSegment(clip, segment), counters),
  );
  return { segments, packetsALoop: counters };
}

/** Segment `index` of the endless stream (0 is the first), with the clocks and counters that follow the segment before it. */
export function transportStreamSegment(stream: TransportStream, index: number): Buffer {
  const template = stream.segments[index % stream.segments.length];
  if (!template) throw new RangeError(`segment ${index} asked for; allowed are whole numbers from 0`);
  const loop = Math.floor(index / stream.segments.length);
  const shift = loop * CLIP_SECONDS * ticksPerSecond;
  const bytes = Buffer.from(template.bytes);
  template.packets.forEach(({ pid, counter }, packet) => {
    writeCounter(bytes, packet * packetLength, counter + loop * (stream.packetsALoop.get(pid) ?? 0));
  });
  for (const { offset, ticks } of template.times) writeTime(bytes, offset, ticksAfter(ticks, shift));
  for (const { offset, ticks } of template.clocks) writeClock(bytes, offset, (ticks + shift) * 300);
  return bytes;
}
