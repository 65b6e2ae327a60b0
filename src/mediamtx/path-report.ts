import { isRecord } from '../wire';
import { isPulledSource } from './source-type';
import { isStreamName } from './stream-name';

/** Readers of a path by protocol. `hls` are viewers, of which most come through HAProxy; MediaMTX counts them since v1.18. */
export type ReaderCounts = Readonly<Record<'rtsp' | 'rtmp' | 'srt' | 'webrtc' | 'other' | 'hls', number>>;

/**
 * How a server comes by what it plays: somebody publishes there; the server pulls a copy from elsewhere; or, on an always-available path
 * whose publisher is away, it plays its own filler.
 */
export type Feed = 'publisher' | 'pulled' | 'filler';

/** What one server says of one of its paths, the same for every MediaMTX era. */
export interface PathReport {
  readonly name: string;
  /** A viewer would get video: `ready && online !== false`. */
  readonly live: boolean;
  /** What a viewer would get; undefined when that is nothing. A path with a filler is not live. */
  readonly feed: Feed | undefined;
  /** When the publisher appeared, in ms since 1970; 0 when the server did not say. */
  readonly publisherSinceMs: number;
  /** MediaMTX's word, e.g. `rtspSession`; undefined without a source. */
  readonly sourceType: string | undefined;
  readonly readers: ReaderCounts;
  /** Codec names as MediaMTX writes them, e.g. `H264`. */
  readonly tracks: readonly string[];
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

/** A report of a path on which a viewer would get something. */
export type PlayableReport = PathReport & { readonly feed: Feed };

export function isPlayable(report: PathReport): report is PlayableReport {
  return report.feed !== undefined;
}

/**
 * Reads one item of `paths/list` or `paths/get`. Unknown fields are ignored and missing ones tolerated:
 * - `available`, `online` and their times exist since v1.16, `inboundBytes`, `outboundBytes` since v1.17;
 * - an on-demand source that has not started shows `ready:false, online:true`;
 * - an always-available path without a publisher shows `ready:true, online:false`;
 * - before v1.18 one with a static source shows `online:true` all the time, and before that source came for the first time Go's zero time.
 *
 * @returns undefined when the value is no path item or its name breaks MediaMTX's own rule.
 */
export function readPathReport(item: unknown): PathReport | undefined {
  if (!isRecord(item) || typeof item['name'] !== 'string' || !isStreamName(item['name'])) return undefined;
  const source = item['source'];
  const sourceType = isRecord(source) && typeof source['type'] === 'string' ? interned(source['type']) : undefined;
  const feed = feedOf(item, sourceType);
  return {
    name: item['name'],
    live: feed !== undefined && feed !== 'filler',
    feed,
    publisherSinceMs: timeMs(item['onlineTime']) || timeMs(item['readyTime']),
    sourceType,
    readers: countReaders(item['readers']),
    tracks: trackNames(item['tracks']),
    bytesReceived: count(item['inboundBytes'] ?? item['bytesReceived']),
    bytesSent: count(item['outboundBytes'] ?? item['bytesSent']),
  };
}

function feedOf(item: Record<string, unknown>, sourceType: string | undefined): Feed | undefined {
  if (item['ready'] !== true) return undefined;
  const isPulled = isPulledSource(sourceType);
  if (item['online'] === false || (isPulled && item['onlineTime'] === goZeroTime)) return 'filler';
  return isPulled ? 'pulled' : 'publisher';
}

const goZeroTime = '0001-01-01T00:00:00Z';

/** RFC 3339 to ms; Go's zero time (year 1) and anything unreadable count as "not said". */
function timeMs(value: unknown): number {
  if (typeof value !== 'string') return 0;
  const ms = Date.parse(value);
  return ms > 0 ? ms : 0;
}

function count(value: unknown): number {
  return typeof value === 'number' && value >= 0 && Number.isFinite(value) ? value : 0;
}

// A fleet repeats a handful of track lists, source types and counts of readers 100,000 times: keep one copy of each.
const maxInterned = 1_000;
const texts = new Map<string, string>();
const trackLists = new Map<string, readonly string[]>();
const noTracks: readonly string[] = [];

function interned(text: string): string {
  const known = texts.get(text);
  if (known !== undefined) return known;
  if (texts.size < maxInterned) texts.set(text, text);
  return text;
}

/** By MediaMTX's word (APIPathReaderType); what is new there is `other`. */
const protocolOf: Readonly<Record<string, keyof ReaderCounts | 'nobody'>> = {
  rtspSession: 'rtsp',
  rtspsSession: 'rtsp',
  rtspConn: 'rtsp',
  rtspsConn: 'rtsp',
  rtmpConn: 'rtmp',
  rtmpsConn: 'rtmp',
  srtConn: 'srt',
  webRTCSession: 'webrtc',
  hlsSession: 'hls',
  // The server itself: to v1.17 one for all HLS viewers of a stream, which may go on without any; its own camera.
  hlsMuxer: 'nobody',
  rpiCameraSecondary: 'nobody',
};
export const noReaders: ReaderCounts = Object.freeze({ rtsp: 0, rtmp: 0, srt: 0, webrtc: 0, other: 0, hls: 0 });
const readerCounts = new Map<string, ReaderCounts>();

/** A reader is an object with a `type`, or that type alone (see list-reader.ts). */
function countReaders(value: unknown): ReaderCounts {
  if (!Array.isArray(value) || value.length === 0) return noReaders;
  const { nobody, ...counts } = value.reduce<Record<keyof ReaderCounts | 'nobody', number>>(
    (sums, reader: unknown) => {
      const type = isRecord(reader) ? reader['type'] : reader;
      const protocol = typeof type === 'string' && Object.hasOwn(protocolOf, type) ? protocolOf[type] : undefined;
      sums[protocol ?? 'other']++;
      return sums;
    },
    { ...noReaders, nobody: 0 },
  );
  if (nobody === value.length) return noReaders;
  const key = Object.values(counts).join();
  const known = readerCounts.get(key);
  if (known !== undefined) return known;
  if (readerCounts.size < maxInterned) readerCounts.set(key, counts);
  return counts;
}

function trackNames(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length === 0) return noTracks;
  const names = value.filter((name) => typeof name === 'string').slice(0, 32);
  const key = names.join('\n');
  const known = trackLists.get(key);
  if (known !== undefined) return known;
  if (trackLists.size < maxInterned) trackLists.set(key, names);
  return names;
}
