import type { ByteRange, Segment, SegmentKey, SegmentMap } from './playlist';

/** A segment of a playlist that is written; URIs and tags as they are to stand there. */
export type SegmentToWrite = Pick<Segment, 'uri' | 'durationSeconds'> & Partial<Segment>;

export interface PlaylistToWrite {
  /** At least; raised to what its tags need. */
  readonly version: number;
  /** Whole seconds; no segment may be longer, rounded to the nearest second. */
  readonly targetDuration: number;
  /** Number of the first segment. */
  readonly mediaSequence: number;
  /** Discontinuities before the first segment. */
  readonly discontinuitySequence: number;
  readonly segments: readonly SegmentToWrite[];
  /** No segment will follow. */
  readonly ended: boolean;
}

/** Writes a media playlist (RFC 8216bis). Keys and init segments stand before the first segment that they are of. */
export function writeMediaPlaylist(playlist: PlaylistToWrite): string {
  const { version, targetDuration, mediaSequence, discontinuitySequence, segments, ended } = playlist;
  const lines = ['#EXTM3U', `#EXT-X-VERSION:${Math.max(version, ...segments.map(versionOf))}`];
  lines.push(`#EXT-X-TARGETDURATION:${targetDuration}`, `#EXT-X-MEDIA-SEQUENCE:${mediaSequence}`);
  if (discontinuitySequence > 0) lines.push(`#EXT-X-DISCONTINUITY-SEQUENCE:${discontinuitySequence}`);
  let keysNow: readonly SegmentKey[] = [];
  let mapNow = '';

  function goTo(keys: readonly SegmentKey[]): void {
    const text = keys.map(keyLine).join('\n');
    if (text === keysNow.map(keyLine).join('\n')) return;
    // A key lasts until another one of its format comes, or none is told.
    const formats = new Set(keys.map(({ keyFormat }) => keyFormat));
    if (keysNow.some(({ keyFormat }) => !formats.has(keyFormat))) lines.push('#EXT-X-KEY:METHOD=NONE');
    if (text !== '') lines.push(text);
    keysNow = keys;
  }
  function goToMap(map: SegmentMap): void {
    const wanted = [...map.keys.map(keyLine), mapLine(map)].join('\n');
    if (wanted === mapNow) return;
    goTo(map.keys);
    lines.push(mapLine(map));
    mapNow = wanted;
  }

  for (const segment of segments) {
    const { uri, durationSeconds, title = '', byteRange, keys = [], map, programDateTimeMs, tags = [] } = segment;
    if (segment.isDiscontinuity === true) lines.push('#EXT-X-DISCONTINUITY');
    if (map !== undefined) goToMap(map);
    goTo(keys);
    lines.push(...tags);
    if (programDateTimeMs !== undefined) {
      lines.push(`#EXT-X-PROGRAM-DATE-TIME:${new Date(programDateTimeMs).toISOString()}`);
    }
    if (segment.isGap === true) lines.push('#EXT-X-GAP');
    lines.push(`#EXTINF:${secondsText(durationSeconds)},${title}`);
    if (byteRange !== undefined) lines.push(`#EXT-X-BYTERANGE:${rangeText(byteRange)}`);
    lines.push(uri);
  }
  if (ended) lines.push('#EXT-X-ENDLIST');
  return `${lines.join('\n')}\n`;
}

function keyLine({ method, uri, iv, keyFormat, keyFormatVersions }: SegmentKey): string {
  const attributes = [
    `METHOD=${method}`,
    ...(uri === undefined ? [] : [`URI="${uri}"`]),
    ...(iv === undefined ? [] : [`IV=${iv}`]),
    ...(keyFormat === undefined ? [] : [`KEYFORMAT="${keyFormat}"`]),
    ...(keyFormatVersions === undefined ? [] : [`KEYFORMATVERSIONS="${keyFormatVersions}"`]),
  ];
  return `#EXT-X-KEY:${attributes.join(',')}`;
}

function mapLine({ uri, byteRange }: SegmentMap): string {
  return `#EXT-X-MAP:URI="${uri}"${byteRange === undefined ? '' : `,BYTERANGE="${rangeText(byteRange)}"`}`;
}

function rangeText({ length, offset }: ByteRange): string {
  return `${length}@${offset}`;
}

/** Three decimals, or as many as it takes up to six. */
function secondsText(seconds: number): string {
  return seconds.toFixed(6).replace(/0{1,3}$/, '');
}

/** Of each tag, the version since which it may be used (RFC 8216bis, 8). Durations are never whole numbers here. */
function versionOf({ byteRange, keys = [], map, isGap }: SegmentToWrite): number {
  if (isGap === true) return 8;
  if (map !== undefined) return 6;
  if (keys.some(({ keyFormat }) => keyFormat !== undefined)) return 5;
  return byteRange === undefined ? 3 : 4;
}
