import type { SegmentKind } from './channel-ring';
import { sniffMedia } from './media-sniff';

const kinds = {
  ts: { extension: 'ts', contentType: 'video/mp2t' },
  mp4: { extension: 'm4s', contentType: 'video/mp4' },
  aac: { extension: 'aac', contentType: 'audio/aac' },
  mp3: { extension: 'mp3', contentType: 'audio/mpeg' },
  ac3: { extension: 'ac3', contentType: 'audio/ac3' },
  eac3: { extension: 'ec3', contentType: 'audio/eac3' },
  vtt: { extension: 'vtt', contentType: 'text/vtt; charset=utf-8' },
} as const satisfies Readonly<Record<string, SegmentKind>>;

export const transportStream: SegmentKind = kinds.ts;

/** Boxes that a segment or init segment of fMP4 begins with. */
const boxes: ReadonlySet<string> = new Set([
  'ftyp',
  'styp',
  'moov',
  'moof',
  'sidx',
  'emsg',
  'prft',
  'free',
  'skip',
  'mdat',
]);

/**
 * Tells by its first bytes what a segment is (RFC 8216bis, 3.1); undefined for what is no segment: a text, say.
 * @param name of its URI: what an encrypted one is, and which sound follows an ID3 tag, is told by it alone.
 */
export function segmentKindOf(
  bytes: Buffer,
  name: { readonly uri: string; readonly isEncrypted: boolean; readonly hasInit: boolean },
): SegmentKind | undefined {
  const { uri, isEncrypted, hasInit } = name;
  const named = kindNamed(uri) ?? (hasInit ? kinds.mp4 : kinds.ts);
  if (isEncrypted) return bytes.length > 0 ? named : undefined;
  const text = bytes
    .subarray(0, 64)
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '');
  if (text.startsWith('WEBVTT')) return kinds.vtt;
  if (boxes.has(text.slice(4, 8))) return kinds.mp4;
  if (text.startsWith('ID3')) return named === kinds.ts ? kinds.aac : named;
  if (bytes[0] === 0xff && ((bytes[1] ?? 0) & 0xf6) === 0xf0) return kinds.aac;
  if (bytes[0] === 0xff && ((bytes[1] ?? 0) & 0xe0) === 0xe0) return kinds.mp3;
  if (bytes[0] === 0x0b && bytes[1] === 0x77) return named === kinds.eac3 ? kinds.eac3 : kinds.ac3;
  return sniffMedia(bytes, undefined, true) === 'ts' ? kinds.ts : undefined;
}

const byExtension: ReadonlyMap<string, SegmentKind> = new Map<string, SegmentKind>([
  ['ts', kinds.ts],
  ['m4s', kinds.mp4],
  ['mp4', kinds.mp4],
  ['m4v', kinds.mp4],
  ['m4a', kinds.mp4],
  ['cmfv', kinds.mp4],
  ['cmfa', kinds.mp4],
  ['aac', kinds.aac],
  ['mp3', kinds.mp3],
  ['ac3', kinds.ac3],
  ['ec3', kinds.eac3],
  ['vtt', kinds.vtt],
  ['webvtt', kinds.vtt],
]);

function kindNamed(uri: string): SegmentKind | undefined {
  const [path = ''] = uri.slice(0, 4096).split(/[?#]/, 1);
  return byExtension.get(/\.([a-z0-9]{1,6})$/i.exec(path)?.[1]?.toLowerCase() ?? '');
}
