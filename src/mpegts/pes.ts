/*
 * The head of a PES packet (ISO/IEC 13818-1, 2.4.3.6):
 *
 *   byte  bits
 *   0     start code prefix, 00 00 01
 *   3     stream_id
 *   4     PES_packet_length(16): what follows it; 0 for video that has no length
 *   6     '10'(2) scrambling(2) priority(1) alignment(1) copyright(1) original(1)
 *   7     PTS_DTS(2) ESCR(1) ES_rate(1) trick(1) copy_info(1) CRC(1) extension(1)
 *   8     PES_header_data_length
 *   9     PTS: '0010' or '0011'(4) 32..30(3) 1(1) 29..15(15) 1(1) 14..0(15) 1(1)
 *   14    DTS likewise, with '0001', where PTS_DTS is 3
 */

/** Times count in 90 kHz and begin again at this. */
export const timeModulus = 2 ** 33;
export const ticksPerSecond = 90_000;
const headLength = 9;
const timeLength = 5;
/** The longest piece of the head that is read or written. */
export const longestHead = headLength + 2 * timeLength;
/** Streams whose packets have no such head: maps, padding, private 2, control messages, directories. */
const bare = new Set([0xbc, 0xbe, 0xbf, 0xf0, 0xf1, 0xf2, 0xf8, 0xff]);

/** What the head of a PES packet says. */
export interface PesHead {
  /** Bytes of the whole packet, this head included; 0 where it goes on until the next one. */
  readonly length: number;
  readonly pts: number | undefined;
  /** Equals `pts` where only that is given. */
  readonly dts: number | undefined;
  /** Where the elementary stream goes on, from the packet's beginning. */
  readonly dataOffset: number;
}

/** Reads the head at `at`; undefined where there is none, or where the bytes end before its times do. */
export function readPesHead(bytes: Buffer, at: number, end: number): PesHead | undefined {
  if (at + headLength > end || bytes.readUIntBE(at, 3) !== 1) return undefined;
  const packetLength = bytes.readUInt16BE(at + 4);
  const length = packetLength === 0 ? 0 : packetLength + 6;
  if (bare.has(bytes.readUInt8(at + 3)) || bytes.readUInt8(at + 6) >> 6 !== 2)
    return { length, pts: undefined, dts: undefined, dataOffset: 6 };
  const flags = bytes.readUInt8(at + 7) >> 6;
  const dataOffset = headLength + bytes.readUInt8(at + 8);
  const hasPts = (flags & 2) !== 0 && dataOffset >= headLength + timeLength;
  const hasDts = flags === 3 && dataOffset >= longestHead;
  if (at + headLength + (hasDts ? 2 : hasPts ? 1 : 0) * timeLength > end) return undefined;
  const pts = hasPts ? readTime(bytes, at + headLength) : undefined;
  return { length, pts, dts: hasDts ? readTime(bytes, at + headLength + timeLength) : pts, dataOffset };
}

/** Adds `ticks` to the times of the head at `at`, which `readPesHead` has read. */
export function shiftTimes(bytes: Buffer, at: number, ticks: number): void {
  if (bytes.readUInt8(at + 6) >> 6 !== 2 || bare.has(bytes.readUInt8(at + 3))) return;
  const flags = bytes.readUInt8(at + 7) >> 6;
  const room = bytes.readUInt8(at + 8);
  if ((flags & 2) !== 0 && room >= timeLength) shiftTime(bytes, at + headLength, ticks);
  if (flags === 3 && room >= 2 * timeLength) shiftTime(bytes, at + headLength + timeLength, ticks);
}

/** Writes the decoding time of a head that has one; one that has only a presentation time is left as it is. */
export function writeDecodingTime(bytes: Buffer, at: number, ticks: number): void {
  if (bytes.readUInt8(at + 7) >> 6 === 3 && bytes.readUInt8(at + 8) >= 2 * timeLength)
    writeTime(bytes, at + headLength + timeLength, ticks);
}

/** `to - from` on the clock that wraps: between -2^32 and 2^32. */
export function ticksBetween(from: number, to: number): number {
  const apart = (((to - from) % timeModulus) + timeModulus) % timeModulus;
  return apart >= timeModulus / 2 ? apart - timeModulus : apart;
}

/** The time so many ticks later, wrapped. */
export function ticksAfter(time: number, ticks: number): number {
  return (((time + ticks) % timeModulus) + timeModulus) % timeModulus;
}

function shiftTime(bytes: Buffer, at: number, ticks: number): void {
  writeTime(bytes, at, ticksAfter(readTime(bytes, at), ticks));
}

function readTime(bytes: Buffer, at: number): number {
  const high = (bytes.readUInt8(at) >> 1) & 0x7;
  return high * 2 ** 30 + (bytes.readUInt16BE(at + 1) >> 1) * 2 ** 15 + (bytes.readUInt16BE(at + 3) >> 1);
}

/** Writes a time over the five bytes of one, whose first four bits stay. */
export function writeTime(bytes: Buffer, at: number, time: number): void {
  const high = Math.floor(time / 2 ** 30);
  bytes.writeUInt8((bytes.readUInt8(at) & 0xf0) | (high << 1) | 1, at);
  bytes.writeUInt16BE(((Math.floor(time / 2 ** 15) & 0x7fff) << 1) | 1, at + 1);
  bytes.writeUInt16BE(((time % 2 ** 15) << 1) | 1, at + 3);
}
