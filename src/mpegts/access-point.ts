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
 * What an access point's first bytes say of the pictures that follow: of a sequence header the part with size, shape and rate (MPEG-2), or the sequence
 * parameter set (H.264, H.265), as far as the bytes go. Undefined where there is none.
 *
 * @param type stream_type of the PMT.
 */
export function pictureFormat(type: number, bytes: Buffer, from: number, end: number): Buffer | undefined {
  for (let at = bytes.indexOf(startCode, from); at !== -1 && at + 3 < end; at = bytes.indexOf(startCode, at + 3)) {
    const code = bytes[at + 3] ?? 0;
    if (mpeg2.has(type) && code === 0xb3) return bytes.subarray(at + 3, Math.min(at + 8, end));
    if ((type === h264 && (code & 0x1f) === 7) || (type === h265 && ((code >> 1) & 0x3f) === 33)) {
      const next = bytes.indexOf(startCode, at + 3);
      return bytes.subarray(at + 3, next === -1 ? end : Math.min(next, end));
    }
  }
  return undefined;
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
