import { packetLength, syncByte } from '../mpegts';
import { textTypeOf } from './provider-answer';

/** What the first bytes of a body are: a transport stream, a playlist, a text that is neither, or something else, which is passed on as it is. */
export type MediaKind = 'ts' | 'hls' | 'text' | 'other';

/** So many bytes decide, if nothing did before: a warning of some script in front of the first packet is mostly shorter. */
export const sniffLength = 2048;

/** In the middle of other bytes, so many packets in a row must be seen: one byte alone is 0x47 once in 256. */
const packetsToSee = 3;

/**
 * Tells by the first bytes of a body what it is; the declared type counts less: many providers do not know better.
 * @param isAll whether nothing will follow them.
 * @returns undefined while more bytes are needed, of which `sniffLength` are always enough.
 */
export function sniffMedia(bytes: Buffer, contentType: string | undefined, isAll = false): MediaKind | undefined {
  const isEnough = isAll || bytes.length >= sniffLength;
  const start = bytes.subarray(0, sniffLength);
  if (start[0] === syncByte) {
    if (start.length > packetLength && start[packetLength] === syncByte) return 'ts';
    if (start.length <= packetLength && !isEnough) return undefined;
  }
  const playlist = isPlaylist(start);
  if (playlist === true) return 'hls';
  if (playlist === undefined && !isEnough) return undefined;
  if (findPackets(start) !== -1) return 'ts';
  if (isText(start)) {
    // There may be packets behind it.
    if (!isEnough && textTypeOf(contentType) === undefined) return undefined;
    return start.length === 0 ? 'other' : 'text';
  }
  // Text in front, then what might become packets; or a packet that began before these bytes.
  const isBinary =
    isEnough || (start.length >= packetsToSee * packetLength && !isText(start.subarray(0, packetLength)));
  return isBinary ? 'other' : undefined;
}

const playlistTag = '#EXTM3U';

/** Whether it begins as a playlist, after a byte order mark and white space; undefined while it may. */
function isPlaylist(bytes: Buffer): boolean | undefined {
  const text = bytes.toString('latin1').replace(/^(?:\xef\xbb\xbf)?\s*/, '');
  if (text.startsWith(playlistTag)) return true;
  return playlistTag.startsWith(text) ? undefined : false;
}

/** Where packets in a row begin; -1 where none do. */
function findPackets(bytes: Buffer): number {
  const last = bytes.length - (packetsToSee - 1) * packetLength;
  for (let at = bytes.indexOf(syncByte); at !== -1 && at < last; at = bytes.indexOf(syncByte, at + 1)) {
    if (bytes[at + packetLength] === syncByte && bytes[at + 2 * packetLength] === syncByte) return at;
  }
  return -1;
}

/** Whether there are no control characters in it but those of lines. */
function isText(bytes: Buffer): boolean {
  return bytes.every((byte) => byte >= 0x20 || (byte >= 0x09 && byte <= 0x0d));
}
