import { type SegmentKey, writeMediaPlaylist } from '../hls';
import type { ChannelKey, ChannelRing, ChannelSegment } from './channel-ring';

/** Stands where each player's own query comes; no URI has it. */
const queryMark = '\0';

export interface MediaPlaylistOptions {
  /** The names of its segments begin with this; empty for the main playlist. */
  readonly prefix: string;
  /** How many segments are listed, the newest ones. */
  readonly windowSize: number;
  /** Nothing follows. */
  readonly isEnded: boolean;
}

/** The media playlist of what a ring holds: to be finished for each player by `withQuery`. */
export function mediaPlaylistOf(ring: ChannelRing, { prefix, windowSize, isEnded }: MediaPlaylistOptions): string {
  const listed = ring.segments.slice(-windowSize);
  const [first] = listed;
  // A player counts the discontinuity in front of the first segment as one of the list.
  const discontinuitySequence = (first?.discontinuitySequence ?? 0) - (first?.isDiscontinuity === true ? 1 : 0);
  return writeMediaPlaylist({
    version: 3,
    targetDuration: ring.targetDuration,
    mediaSequence: first?.number ?? 0,
    discontinuitySequence,
    segments: listed.map((segment) => {
      const { durationSeconds, isDiscontinuity, programDateTimeMs, map, keys = [], tags = [] } = segment;
      return {
        uri: `segment/${segmentName(segment, prefix)}${queryMark}`,
        durationSeconds,
        isDiscontinuity,
        isGap: segment.bytes === undefined,
        programDateTimeMs,
        map: map && {
          uri: `segment/${prefix}${map.init.number}.mp4${queryMark}`,
          byteRange: undefined,
          keys: map.keys.map((one) => keyOf(one, prefix)),
        },
        keys: keys.map((one) => keyOf(one, prefix)),
        tags,
      };
    }),
    ended: isEnded,
  });
}

/** The name of a segment in its URL. */
export function segmentName({ number, kind }: ChannelSegment, prefix: string): string {
  return `${prefix}${number}.${kind.extension}`;
}

function keyOf({ key, secret }: ChannelKey, prefix: string): SegmentKey {
  return secret === undefined ? key : { ...key, uri: `segment/${prefix}${secret.number}.key${queryMark}` };
}

/** A rendition of the master playlist: attributes of EXT-X-MEDIA as they are written, and its media playlist, where it has one of its own. */
export interface ChannelRendition {
  readonly attributes: ReadonlyMap<string, string>;
  readonly playlist: string | undefined;
}

export interface MasterPlaylistOptions {
  /** Of EXT-X-STREAM-INF, without quotes; `BANDWIDTH` is put in where it is missing. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly renditions: readonly ChannelRendition[];
  readonly playlist: string;
  /** Bits a second. */
  readonly bandwidth: number;
}

/** Attributes that are passed on (RFC 8216bis, 4.4.6). */
const plain: ReadonlySet<string> = new Set(
  'BANDWIDTH AVERAGE-BANDWIDTH RESOLUTION FRAME-RATE VIDEO-RANGE HDCP-LEVEL TYPE DEFAULT AUTOSELECT FORCED BIT-DEPTH SAMPLE-RATE'.split(
    ' ',
  ),
);
/** Those that are written in quotes. */
const quoted: ReadonlySet<string> = new Set(
  'AUDIO SUBTITLES CODECS SUPPLEMENTAL-CODECS GROUP-ID NAME LANGUAGE ASSOC-LANGUAGE INSTREAM-ID CHANNELS CHARACTERISTICS URI'.split(
    ' ',
  ),
);

/** The master playlist with one variant: to be finished for each player by `withQuery`. */
export function masterPlaylistOf({ attributes, renditions, playlist, bandwidth }: MasterPlaylistOptions): string {
  const media = renditions.map(({ attributes: of, playlist: uri }) => {
    const told = new Map(of);
    told.delete('URI');
    if (uri !== undefined) told.set('URI', `${uri}${queryMark}`);
    return `#EXT-X-MEDIA:${attributeList(told)}`;
  });
  const told = new Map(attributes);
  if (!told.has('BANDWIDTH')) told.set('BANDWIDTH', String(Math.max(1, Math.ceil(bandwidth))));
  const variant = [`#EXT-X-STREAM-INF:${attributeList(told)}`, `${playlist}${queryMark}`];
  return ['#EXTM3U', '#EXT-X-VERSION:6', ...media, ...variant, ''].join('\n');
}

function attributeList(attributes: ReadonlyMap<string, string>): string {
  return [...attributes].flatMap(([name, value]) => attributeText(name, value)).join(',');
}

function attributeText(name: string, value: string): readonly string[] {
  // NONE, or the name of a group.
  const isQuoted = quoted.has(name) || (name === 'CLOSED-CAPTIONS' && value !== 'NONE');
  if (isQuoted) return [`${name}="${value}"`];
  return plain.has(name) || name === 'CLOSED-CAPTIONS' ? [`${name}=${value}`] : [];
}

/** The playlist of one player. @param query with its `?`, or empty. */
export function withQuery(playlist: string, query: string): string {
  return playlist.replaceAll(queryMark, query);
}
