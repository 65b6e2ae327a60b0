import type { ByteRange, MediaPlaylist, Segment, SegmentKey, SegmentMap } from './playlist';

/** A tag of a playlist, on one line. */
export interface MediaTag {
  /** The line as it stands. */
  readonly text: string;
  readonly tag: string;
  /** What stands behind the colon. */
  readonly value: string;
  readonly number: number;
  /** By their names, variables replaced. */
  readonly attributes: () => ReadonlyMap<string, string>;
}

/** Collects what the lines of a media playlist say. */
export interface MediaReader {
  tag(tag: MediaTag): void;
  /** A line with a URI; undefined where a variable in it is not defined: its place is kept, as a gap. */
  segment(uri: string | undefined, line: number): void;
  finish(version: number): MediaPlaylist;
}

/** What has been said of the segment that follows. */
interface Pending {
  durationSeconds: number;
  title: string;
  /** Length, and offset where one is given. */
  byteRange: { readonly length: number; readonly offset: number | undefined } | undefined;
  isDiscontinuity: boolean;
  isGap: boolean;
  programDateTimeMs: number | undefined;
  tags: string[];
}

const nothing: Omit<Pending, 'tags'> = {
  durationSeconds: 0,
  title: '',
  byteRange: undefined,
  isDiscontinuity: false,
  isGap: false,
  programDateTimeMs: undefined,
};
/** No segment lasts longer; what is more is nonsense that would spoil sums. */
const longestSeconds = 86_400;
/** Of different formats. */
const mostKeys = 20;
/** Before one segment. */
const mostTags = 1000;
/** The KEYFORMAT of a key that names none. */
const identity = 'identity';
/** They say something of the playlist, or of parts: not of the segment that they stand before. */
const ofNoSegment: ReadonlySet<string> = new Set([
  'EXT-X-ALLOW-CACHE',
  'EXT-X-I-FRAMES-ONLY',
  'EXT-X-PART',
  'EXT-X-PART-INF',
  'EXT-X-PREFETCH',
  'EXT-X-PRELOAD-HINT',
  'EXT-X-RENDITION-REPORT',
  'EXT-X-SERVER-CONTROL',
  'EXT-X-SKIP',
  'EXT-X-START',
  'EXT-X-TWITCH-PREFETCH',
]);

/** @param note takes what makes no sense; it is passed over. */
export function createMediaReader(note: (line: number, reason: string) => void): MediaReader {
  const segments: Segment[] = [];
  let pending: Pending = { ...nothing, tags: [] };
  let keys: readonly SegmentKey[] = [];
  let map: SegmentMap | undefined;
  let last: { readonly uri: string; readonly end: number } | undefined;
  let targetDurationSeconds: number | undefined;
  let mediaSequence: number | undefined;
  let discontinuitySequence = 0;
  let type: MediaPlaylist['type'];
  let isEnded = false;
  let isIndependent = false;

  function readDuration({ value, number }: MediaTag): void {
    const comma = value.indexOf(',');
    const told = comma === -1 ? value : value.slice(0, comma);
    pending.title = comma === -1 ? '' : value.slice(comma + 1).trim();
    // Lists of channels have attributes behind the duration.
    const seconds = decimalOf(/^\S*/.exec(told)?.[0] ?? '');
    if (seconds !== undefined && seconds > 0) pending.durationSeconds = seconds;
    else note(number, 'The segment has no duration.');
  }

  function readKey({ attributes, number }: MediaTag): void {
    const of = attributes();
    const method = of.get('METHOD');
    if (method === undefined) {
      note(number, 'The key has no method.');
      return;
    }
    if (method === 'NONE') {
      keys = [];
      return;
    }
    const uri = of.get('URI');
    if (uri === undefined) note(number, 'The key has no URI.');
    const key: SegmentKey = {
      method,
      uri,
      iv: of.get('IV'),
      keyFormat: of.get('KEYFORMAT'),
      keyFormatVersions: of.get('KEYFORMATVERSIONS'),
    };
    // Those of other formats stay: a player takes the one that it knows.
    const others = keys.filter(({ keyFormat = identity }) => keyFormat !== (key.keyFormat ?? identity));
    if (others.length < mostKeys) keys = [...others, key];
    else note(number, `The segment has more than ${mostKeys} keys.`);
  }

  function readMap({ attributes, number }: MediaTag): void {
    const of = attributes();
    const uri = of.get('URI');
    if (uri === undefined) {
      note(number, 'The init segment has no URI.');
      return;
    }
    const told = of.get('BYTERANGE');
    const range = told === undefined ? undefined : rangeOf(told);
    if (told !== undefined && range === undefined) note(number, 'The byte range is wrong.');
    map = { uri, byteRange: range && { offset: range.offset ?? 0, length: range.length }, keys };
  }

  function readSequence({ value, number }: MediaTag): void {
    const [, sign = '', digits] = /^([+-]?)(\d{1,20})$/.exec(value) ?? [];
    if (digits === undefined) {
      note(number, 'The media sequence is no number.');
      return;
    }
    if (mediaSequence !== undefined) note(number, 'The media sequence is told a second time.');
    if (sign === '-') note(number, 'The media sequence is negative.');
    // Numbers that JavaScript does not count exactly lose their highest digits: those that follow are still larger by one.
    const whole = BigInt(digits);
    const counted = Number(whole % 2n ** 52n);
    if (whole >= 2n ** 52n) note(number, 'The media sequence is too large.');
    mediaSequence = sign === '-' && counted > 0 ? -counted : counted;
  }

  /** The offset of a range that tells none is the end of the one before, of the same file. */
  function resolved(uri: string, line: number): ByteRange | undefined {
    const { byteRange } = pending;
    if (byteRange === undefined) return undefined;
    const { length, offset } = byteRange;
    if (offset === undefined && last?.uri !== uri) note(line, 'The byte range has no offset, and none before it.');
    return { length, offset: offset ?? (last?.uri === uri ? last.end : 0) };
  }

  const readers = new Map<string, (tag: MediaTag) => void>([
    ['EXTINF', readDuration],
    ['EXT-X-KEY', readKey],
    ['EXT-X-MAP', readMap],
    ['EXT-X-MEDIA-SEQUENCE', readSequence],
    [
      'EXT-X-BYTERANGE',
      ({ value, number }) => {
        pending.byteRange = rangeOf(value);
        if (pending.byteRange === undefined) note(number, 'The byte range is wrong.');
      },
    ],
    [
      'EXT-X-TARGETDURATION',
      ({ value, number }) => {
        const seconds = decimalOf(value);
        if (seconds !== undefined && seconds > 0) targetDurationSeconds = seconds;
        else note(number, 'The target duration is no number above 0.');
      },
    ],
    [
      'EXT-X-DISCONTINUITY-SEQUENCE',
      ({ value, number }) => {
        if (/^\d{1,15}$/.test(value)) discontinuitySequence = Number(value);
        else note(number, 'The discontinuity sequence is no number.');
      },
    ],
    [
      'EXT-X-PROGRAM-DATE-TIME',
      ({ value, number }) => {
        pending.programDateTimeMs = timeOf(value);
        if (pending.programDateTimeMs === undefined) note(number, 'The date and time are wrong.');
      },
    ],
    [
      'EXT-X-PLAYLIST-TYPE',
      ({ value, number }) => {
        if (value === 'VOD' || value === 'EVENT') type = value;
        else note(number, 'The type of the playlist is neither VOD nor EVENT.');
      },
    ],
    ['EXT-X-DISCONTINUITY', () => void (pending.isDiscontinuity = true)],
    ['EXT-X-GAP', () => void (pending.isGap = true)],
    ['EXT-X-ENDLIST', () => void (isEnded = true)],
    ['EXT-X-INDEPENDENT-SEGMENTS', () => void (isIndependent = true)],
  ]);

  return {
    tag(tag) {
      const read = readers.get(tag.tag);
      if (read !== undefined) read(tag);
      else if (ofNoSegment.has(tag.tag)) return;
      else if (pending.tags.length < mostTags) pending.tags.push(tag.text);
      else note(tag.number, `The segment has more than ${mostTags} other tags.`);
    },
    segment(uri = '', line) {
      const byteRange = resolved(uri, line);
      last = byteRange && { uri, end: byteRange.offset + byteRange.length };
      segments.push({ ...pending, uri, byteRange, keys, map, isGap: pending.isGap || uri === '' });
      pending = { ...nothing, tags: [] };
    },
    finish(version) {
      const longest = segments.reduce((most, { durationSeconds }) => Math.max(most, durationSeconds), 0);
      return {
        kind: 'media',
        version,
        targetDurationSeconds: targetDurationSeconds ?? Math.ceil(longest),
        mediaSequence: mediaSequence ?? 0,
        discontinuitySequence,
        type,
        isEnded,
        isIndependent,
        segments,
      };
    },
  };
}

function decimalOf(text: string): number | undefined {
  if (!/^\d{1,9}(?:\.\d{0,20})?$/.test(text)) return undefined;
  const seconds = Number(text);
  return seconds <= longestSeconds ? seconds : undefined;
}

/** `n` or `n@o`. */
function rangeOf(text: string): { readonly length: number; readonly offset: number | undefined } | undefined {
  const [, length, offset] = /^(\d{1,15})(?:@(\d{1,15}))?$/.exec(text) ?? [];
  if (length === undefined) return undefined;
  return { length: Number(length), offset: offset === undefined ? undefined : Number(offset) };
}

/** ISO 8601, with a zone of hours alone or none at all as well. */
function timeOf(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(text) || text.length > 40) return undefined;
  const ms = Date.parse(text.replace(/([+-]\d\d)$/, '$1:00').replace(/([+-]\d\d)(\d\d)$/, '$1:$2'));
  return Number.isNaN(ms) ? undefined : ms;
}
