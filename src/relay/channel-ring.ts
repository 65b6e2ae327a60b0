import type { SegmentKey } from '../hls';

/** What segments need beside their own bytes: an init segment, or a key. */
export interface Companion {
  readonly kind: 'init' | 'key';
  /** Of the channel, never used again. */
  readonly number: number;
  readonly bytes: Buffer;
}

/** EXT-X-KEY, and the key itself where the relay has it. Otherwise players get it where the URI says. */
export interface ChannelKey {
  readonly key: SegmentKey;
  readonly secret: Companion | undefined;
}

export interface ChannelInit {
  readonly init: Companion;
  /** Of an init segment that is encrypted. */
  readonly keys: readonly ChannelKey[];
}

/** What the bytes of a segment are. */
export interface SegmentKind {
  /** Of its name: `ts`, `m4s`, `aac`, `vtt` … */
  readonly extension: string;
  readonly contentType: string;
}

/** A segment before it has its number. */
export interface SegmentDraft {
  /** Undefined where it could not be had: it keeps its place, with EXT-X-GAP. */
  readonly bytes: readonly Buffer[] | undefined;
  readonly kind: SegmentKind;
  readonly durationSeconds: number;
  /** Its times have nothing to do with those of the one before. */
  readonly isDiscontinuity: boolean;
  /** Unix time of its first picture. */
  readonly programDateTimeMs?: number | undefined;
  readonly map?: ChannelInit | undefined;
  readonly keys?: readonly ChannelKey[] | undefined;
  /** Further lines of the playlist that stand before it. */
  readonly tags?: readonly string[] | undefined;
}

/** A segment that players can get. */
export interface ChannelSegment extends SegmentDraft {
  /** Its media sequence number. */
  readonly number: number;
  /** How many discontinuities there were up to it, its own included. */
  readonly discontinuitySequence: number;
  /** Of all its bytes. */
  readonly length: number;
}

/** The last segments of one media playlist, with the numbers that players know them by. Every player gets the same bytes. */
export interface ChannelRing {
  /** The segments that come are no longer than this, in seconds; without effect where a longer one is known. */
  declareTarget(seconds: number): void;
  /** @returns the segment with its number. The oldest ones go where there are too many. */
  push(draft: SegmentDraft): ChannelSegment;
  /** Undefined for a number that has gone, or is to come. */
  at(number: number): ChannelSegment | undefined;
  /** The init segment or key of one that is there; undefined otherwise. */
  companion(number: number): Companion | undefined;
  /** Oldest first. */
  readonly segments: readonly ChannelSegment[];
  /** Of all segments. */
  readonly bytes: number;
  /** EXT-X-TARGETDURATION: whole seconds. It grows where a segment is longer, and never shrinks. */
  readonly targetDuration: number;
}

export interface RingLimits {
  readonly segments: number;
  readonly bytes: number;
}

export interface ChannelRingOptions {
  /** Of the first segment. */
  readonly firstNumber: number;
  /** Discontinuities before the first segment; 0 when left out. */
  readonly firstDiscontinuity?: number;
  /** Asked at each push: they may change. The newest segment stays whatever they are. */
  readonly limits: () => RingLimits;
}

/** Makes a ring. Pure. */
export function createChannelRing({ firstNumber, firstDiscontinuity = 0, limits }: ChannelRingOptions): ChannelRing {
  let segments: readonly ChannelSegment[] = [];
  let bytes = 0;
  let nextNumber = firstNumber;
  let targetDuration = 1;

  function trim(): void {
    const most = limits();
    let from = 0;
    while (segments.length - from > 1 && (segments.length - from > most.segments || bytes > most.bytes)) {
      bytes -= segments[from]?.length ?? 0;
      from++;
    }
    if (from > 0) segments = segments.slice(from);
  }

  return {
    declareTarget(seconds) {
      targetDuration = Math.max(targetDuration, Math.ceil(seconds));
    },
    push(draft) {
      const before = segments.at(-1);
      // The first one follows nothing that a player could have.
      const isDiscontinuity = before !== undefined && draft.isDiscontinuity;
      const segment: ChannelSegment = {
        ...draft,
        isDiscontinuity,
        number: nextNumber++,
        discontinuitySequence: (before?.discontinuitySequence ?? firstDiscontinuity) + (isDiscontinuity ? 1 : 0),
        length: draft.bytes?.reduce((sum, { length }) => sum + length, 0) ?? 0,
      };
      // RFC 8216bis, 4.4.3.1: no segment is longer, rounded to the nearest second.
      targetDuration = Math.max(targetDuration, Math.round(draft.durationSeconds));
      segments = [...segments, segment];
      bytes += segment.length;
      trim();
      return segment;
    },
    at: (number) => segments[number - (segments[0]?.number ?? 0)],
    companion(number) {
      for (const { map, keys = [] } of segments) {
        if (map?.init.number === number) return map.init;
        for (const { secret } of [...keys, ...(map?.keys ?? [])]) if (secret?.number === number) return secret;
      }
      return undefined;
    },
    get segments() {
      return segments;
    },
    get bytes() {
      return bytes;
    },
    get targetDuration() {
      return targetDuration;
    },
  };
}
