import { isRandomAccess, packetLength } from './packet';
import type { ElementaryStream } from './program';

/** The stream types of a PMT whose data is looked into. */
const mpeg2 = new Set([0x01, 0x02]);
const h264 = 0x1b;
export const h265 = 0x24;

/**
 * Whether a decoder can begin with the access unit whose first bytes these are, by what a video encoder puts at its front: a sequence header (MPEG-2), a
 * sequence parameter set or an IDR picture (H.264), a parameter set or an IRAP picture (H.265). Of other codecs nothing is known: false.
 *
 * @param type stream_type of the PMT.
 */
export function isAccessPoint(type: number, bytes: Buffer, from: number, end: number): boolean {
  for (let at = bytes.indexOf(startCode, from); at !== -1 && at + 3 < end; at = bytes.indexOf(startCode, at + 3)) {
    const code = bytes.readUInt8(at + 3);
    if (mpeg2.has(type)) {
      if (code === 0xb3) return true;
    } else if (type === h264) {
      const unit = code & 0x1f;
      if (unit === 7 || unit === 5) return true;
      if (unit === 1) return false;
    } else if (type === h265) {
      const unit = (code >> 1) & 0x3f;
      if ((unit >= 16 && unit <= 23) || unit === 32 || unit === 33) return true;
      if (unit < 10) return false;
    } else return false;
  }
  return false;
}

/**
 * Whether a decoder can begin with the unit of this stream that starts in the packet at `at`: with any one of sound, with a picture if the packet says so, or
 * the picture itself.
 *
 * @param data where in the bytes its elementary stream goes on; undefined where that cannot be told (scrambled).
 */
export function canBegin(lead: ElementaryStream, bytes: Buffer, at: number, data: number | undefined): boolean {
  if (lead.kind !== 'video' || isRandomAccess(bytes, at)) return true;
  const end = at + packetLength;
  return data !== undefined && isAccessPoint(lead.type, bytes, Math.min(data, end), end);
}

const startCode = Buffer.from([0, 0, 1]);
