import type { MediaPlaylist, Segment } from '../hls';

/** A segment as a provider's media playlist names it, its time counted up from that of its neighbours where it has none. */
export interface ListedSegment extends Segment {
  /** In the provider's numbers. */
  readonly sequence: number;
}

/** All segments of a playlist with their numbers and times. */
export function listedSegments({ mediaSequence, segments }: MediaPlaylist): readonly ListedSegment[] {
  const firstTimed = segments.findIndex(({ programDateTimeMs }) => programDateTimeMs !== undefined);
  let nextMs = segments[firstTimed]?.programDateTimeMs;
  for (const { durationSeconds } of segments.slice(0, Math.max(0, firstTimed))) {
    nextMs = nextMs === undefined ? undefined : nextMs - durationSeconds * 1000;
  }
  return segments.map((segment, index) => {
    const programDateTimeMs = segment.programDateTimeMs ?? nextMs;
    nextMs = programDateTimeMs === undefined ? undefined : programDateTimeMs + segment.durationSeconds * 1000;
    return { ...segment, sequence: mediaSequence + index, programDateTimeMs };
  });
}

/** What one look at a media playlist tells. */
export interface News {
  /** Those that were not there before, in order. */
  readonly segments: readonly ListedSegment[];
  /** How the first of them follows the last one before. */
  readonly follows: Follows;
}

/**
 * | Word | What happened | The first new segment |
 * |---|---|---|
 * | `begun` | nothing was read before | is the first of all |
 * | `next` | the list went on | comes right after the last one |
 * | `renumbered` | other numbers for the same segments | comes right after the last one |
 * | `hole` | segments came and went between two looks | comes later |
 * | `restarted` | nothing of what was read is known there | has nothing to do with the last one |
 */
export type Follows = 'begun' | 'next' | 'renumbered' | 'hole' | 'restarted';

/** How much of a list is taken where nothing of it was read before. */
export interface Beginning {
  /** From the end of the list back, until so many seconds are held … */
  readonly seconds: number;
  /** … and so many segments at least … */
  readonly leastSegments: number;
  /** … but never more. */
  readonly mostSegments: number;
  /** The number from which on it is taken, where the list has it: to begin with the same segment as another playlist of the source. */
  readonly fromSequence?: number | undefined;
  /** Unix time of the end of what is held already, where it is to be gone on with; undefined: nothing is. */
  readonly afterMs?: number | undefined;
}

/** Follows one media playlist from look to look. */
export interface Cursor {
  /** Takes the segments that the playlist lists now, whose numbers are in a row. */
  read(listed: readonly ListedSegment[], beginning: Beginning): News;
}

/** So many segments are remembered, to tell an old copy of a playlist from one that was begun anew. */
const mostRemembered = 200;
/** Times of the same segment differ by less in two looks: some packagers count them up from rounded durations. */
const sameTimeMs = 500;
/** Clocks of two encoders that differ by more have nothing to do with each other. */
const mostClockGapMs = 120_000;
/** Numbers that jump by more than so many seconds of segments are those of another list. */
const mostHoleSeconds = 3600;

/**
 * Makes the cursor of one playlist. What is new is told by the provider's numbers. Where they do not go on (they jumped, back or forward), the last segment is
 * looked for by its URI and then by its time: a playlist may be renumbered, an old copy out of another cache, or begun anew. An encoder that begins anew often
 * uses its names and numbers again: a list is an old copy only where it overlaps what was read.
 */
export function createCursor(): Cursor {
  /** The last ones that were listed, oldest first. */
  let read: readonly ListedSegment[] = [];

  function compare(listed: readonly ListedSegment[], beginning: Beginning): News {
    const last = read.at(-1);
    const [first] = listed;
    const newest = listed.at(-1);
    if (last === undefined) return { segments: newestOf(listed, beginning), follows: 'begun' };
    if (first === undefined || newest === undefined) return { segments: [], follows: 'next' };
    const behind = last.sequence - newest.sequence;
    if (behind <= 0 && first.sequence <= last.sequence + 1) {
      const same = listed[last.sequence - first.sequence];
      if (same === undefined || isSame(same, last, 'unless times differ')) {
        return { segments: listed.slice(last.sequence - first.sequence + 1), follows: 'next' };
      }
    }
    const counterpart = behind > 0 && behind <= listed.length ? read.at(-1 - behind) : undefined;
    if (counterpart !== undefined && isSame(counterpart, newest, 'by name')) return { segments: [], follows: 'next' };
    return jump(listed, last, beginning);
  }

  /** What is new in a list whose numbers do not go on. */
  function jump(listed: readonly ListedSegment[], last: ListedSegment, beginning: Beginning): News {
    const at = listed.findLastIndex((segment) => isSame(segment, last, 'by name'));
    // The same name for each, as of a camera that has one file, says nothing.
    if (at !== -1 && new Set(listed.map(nameOf)).size === listed.length) {
      return { segments: listed.slice(at + 1), follows: 'renumbered' };
    }
    const later = laterThan(listed, last.programDateTimeMs, 0);
    if (later !== undefined) {
      const isGapless = later.length > 0 && later.length < listed.length;
      return {
        segments: later.slice(-beginning.mostSegments),
        follows: isGapless || later.length === 0 ? 'renumbered' : 'hole',
      };
    }
    const skipped = (listed[0]?.sequence ?? 0) - last.sequence;
    return skipped > 0 && skipped * Math.max(last.durationSeconds, 0.1) < mostHoleSeconds
      ? { segments: listed.slice(-beginning.mostSegments), follows: 'hole' }
      : { segments: newestOf(listed, beginning), follows: 'restarted' };
  }

  return {
    read(listed, beginning) {
      const news = compare(listed, beginning);
      const known = news.follows === 'begun' || news.follows === 'restarted' ? listed : [...read, ...news.segments];
      read = known.slice(-mostRemembered);
      return news;
    },
  };
}

/** A token in the query may be another one each time. */
function nameOf({ uri, byteRange }: ListedSegment): string {
  return `${byteRange?.offset ?? 0} ${uri.split('?', 1)[0] ?? ''}`;
}

/**
 * Whether two are the same segment: never where their times differ. A name that differs decides only where it is asked for, since a token may stand anywhere in
 * a URI.
 */
function isSame(one: ListedSegment, other: ListedSegment, how: 'by name' | 'unless times differ'): boolean {
  const isSameName = nameOf(one) === nameOf(other);
  const [at, otherAt] = [one.programDateTimeMs, other.programDateTimeMs];
  if (at !== undefined && otherAt !== undefined && Math.abs(at - otherAt) >= sameTimeMs) return false;
  return isSameName || how === 'unless times differ';
}

/**
 * The segments that begin after a time, less a share of their duration; undefined where the list has no times, or those of a clock that has nothing to do with it.
 */
function laterThan(
  listed: readonly ListedSegment[],
  timeMs: number | undefined,
  share: number,
): readonly ListedSegment[] | undefined {
  const [first] = listed;
  const newest = listed.at(-1);
  if (timeMs === undefined || first?.programDateTimeMs === undefined || newest?.programDateTimeMs === undefined)
    return undefined;
  if (first.programDateTimeMs - timeMs > mostClockGapMs || timeMs - newest.programDateTimeMs > mostClockGapMs)
    return undefined;
  const at = listed.findIndex(
    ({ programDateTimeMs, durationSeconds }) =>
      programDateTimeMs !== undefined && programDateTimeMs + share * durationSeconds * 1000 >= timeMs + sameTimeMs,
  );
  return at === -1 ? [] : listed.slice(at);
}

/** The end of a list. */
function newestOf(listed: readonly ListedSegment[], beginning: Beginning): readonly ListedSegment[] {
  const { seconds, leastSegments, mostSegments, fromSequence, afterMs } = beginning;
  const at = fromSequence === undefined ? -1 : listed.findIndex(({ sequence }) => sequence === fromSequence);
  if (at !== -1) return listed.slice(at);
  // Of the segment in which the time lies, half must be new.
  const later = laterThan(listed, afterMs, 0.5);
  if (later !== undefined) return later.slice(-mostSegments);
  let from = listed.length;
  let held = 0;
  while (from > 0 && listed.length - from < mostSegments && (held < seconds || listed.length - from < leastSegments)) {
    from--;
    held += listed[from]?.durationSeconds ?? 0;
  }
  return listed.slice(from);
}
