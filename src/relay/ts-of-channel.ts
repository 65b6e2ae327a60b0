import {
  createCounters,
  createEntry,
  createPacketReader,
  createSplicer,
  type JoinPoint,
  nullPackets,
  packetLength,
  ticksBetween,
  ticksPerSecond,
} from '../mpegts';
import type { ChannelFollower, FollowedChannel } from './channel';
import type { ChannelSegment } from './channel-ring';
import type { FeedSink, LiveFeed } from './live-feed';
import { notAsTransportStream } from './no-source';
import type { SourceFailure } from './provider';
import { transportStream } from './segment-kind';

export interface TsOfChannelOptions {
  readonly follow: (told: Omit<ChannelFollower, 'player'>) => FollowedChannel;
  readonly failedOver: ChannelFollower['failedOver'];
  /** How many segments before the newest one it begins where the channel runs already; read at the beginning. */
  readonly initialSegments: () => number;
  /** Null packets are sent when nothing came for so long. */
  readonly nullPacketsAfterMs: number;
  readonly sink: FeedSink;
  readonly nowMs: () => number;
}

/** What of a segment is still to be sent. */
interface Sending {
  readonly runs: Buffer[];
  readonly bytes: number;
  sent: number;
  readonly sinceMs: number;
  /** So long all of it takes. */
  readonly overMs: number;
}

const nullPacketsEveryMs = 500;
/** So much is sent at once to begin with: players show the first picture sooner. */
const burstBytes = 1024 * 1024;
/** Where so many more segments are waiting than at the beginning, it is sent faster: the clock of the source is faster than ours. */
const mostWaiting = 3;
const catchUpSpeed = 1.1;
/** A segment whose times differ by more from where they should be, and by more than two segments, does not continue the one before. */
const leapSeconds = 5;

/** One transport stream of a channel's segments: continued over them, and spread over the time that they play. Null packets bridge what is missing. */
export function createTsOfChannel(options: TsOfChannelOptions): LiveFeed {
  const { sink, nullPacketsAfterMs, nowMs } = options;
  const splicer = createSplicer();
  const state = {
    hasBegun: false,
    isOver: false,
    isHeld: false,
    /** Something is missing before the next segment. */
    isTorn: false,
    /** Number of the segment that comes next; undefined until the first one is chosen. */
    next: undefined as number | undefined,
    sending: undefined as Sending | undefined,
    /** When all that was sent has been played. */
    playedMs: 0,
    lastMs: 0,
    filledMs: 0,
    /** Decoding time with which the next segment should begin, in 90 kHz. */
    expectedDts: undefined as number | undefined,
    counters: createCounters(),
  };
  const channel = options.follow({ changed: look, failedOver: options.failedOver });

  function over(tell: () => void): void {
    state.isOver = true;
    tell();
  }

  /** The segment that comes next, if it is there. */
  function takeNext(): ChannelSegment | undefined {
    const ring = channel.shape?.main.ring;
    if (ring === undefined) return undefined;
    const { segments } = ring;
    state.next ??= segments.at(-Math.min(segments.length, options.initialSegments()))?.number;
    const [oldest] = segments;
    if (state.next === undefined || oldest === undefined) return undefined;
    if (state.next < oldest.number) {
      state.next = oldest.number;
      state.isTorn = true;
    }
    const segment = ring.at(state.next);
    if (segment === undefined) return undefined;
    state.next++;
    if (segment.bytes !== undefined) return segment;
    state.isTorn = true;
    return takeNext();
  }

  /** The packets of a segment as they go out. */
  function convert({ bytes = [], durationSeconds, isDiscontinuity }: ChannelSegment): readonly Buffer[] {
    const reader = createPacketReader();
    const entry = createEntry({ maxBytes: Infinity });
    // All who read the channel share its bytes, which are changed here.
    const runs = reader.read(Buffer.concat(bytes));
    for (const run of runs) entry.write(run);
    const point = entry.point ?? entry.anyPoint;
    const isJoint = state.hasBegun && (isDiscontinuity || state.isTorn || leaps(point, durationSeconds));
    if (isJoint && point === undefined) {
      state.isTorn = true;
      return [];
    }
    if (point?.dts !== undefined) state.expectedDts = point.dts + durationSeconds * ticksPerSecond;
    if (isJoint) state.counters = createCounters();
    for (const run of runs) state.counters.continue(run);
    state.counters.end();
    const wasTorn = state.isTorn;
    state.isTorn = false;
    return isJoint && point !== undefined ? splicer.join(point, !wasTorn) : runs.flatMap((run) => splicer.write(run));
  }

  function leaps(point: JoinPoint | undefined, durationSeconds: number): boolean {
    if (point?.dts === undefined || state.expectedDts === undefined) return false;
    const apart = Math.abs(ticksBetween(state.expectedDts, point.dts)) / ticksPerSecond;
    return apart > Math.max(leapSeconds, 2 * durationSeconds);
  }

  function begin(segment: ChannelSegment, now: number): void {
    const runs = [...convert(segment)];
    const bytes = runs.reduce((sum, { length }) => sum + length, 0);
    if (bytes === 0) return;
    const waiting = (channel.shape?.main.ring.segments.at(-1)?.number ?? 0) - segment.number;
    const speed = waiting > options.initialSegments() + mostWaiting ? catchUpSpeed : 1;
    const overMs = (segment.durationSeconds * 1000) / speed;
    if (!state.hasBegun) {
      state.hasBegun = true;
      sink.begin(transportStream.contentType);
      state.playedMs = now - overMs * Math.min(1, burstBytes / bytes);
    }
    // Whoever waited has played everything.
    const sinceMs = Math.max(state.playedMs, now - overMs);
    state.playedMs = sinceMs + overMs;
    state.sending = { runs, bytes, sent: 0, sinceMs, overMs };
  }

  /** Sends what is due of the segment. @returns whether all of it has gone. */
  function send(sending: Sending, now: number): boolean {
    const part = sending.overMs === 0 ? 1 : Math.min(1, (now - sending.sinceMs) / sending.overMs);
    const due = Math.floor((part * sending.bytes) / packetLength) * packetLength;
    while (sending.sent < due && !state.isHeld) {
      const [run] = sending.runs;
      if (run === undefined) break;
      const piece = run.subarray(0, due - sending.sent);
      if (piece.length === run.length) sending.runs.shift();
      else sending.runs[0] = run.subarray(piece.length);
      sending.sent += piece.length;
      state.lastMs = now;
      if (!sink.write([piece])) state.isHeld = true;
    }
    return sending.sent === sending.bytes;
  }

  function look(): void {
    const now = nowMs();
    while (!state.isOver && !state.isHeld) {
      if (state.sending === undefined) {
        const segment = takeNext();
        if (segment === undefined) break;
        const refusal = state.hasBegun ? undefined : refusalOf(segment);
        if (refusal !== undefined) over(() => sink.fail([refusal]));
        else begin(segment, now);
      }
      if (state.sending === undefined) continue;
      if (!send(state.sending, now)) return;
      state.sending = undefined;
    }
    if (state.isOver || state.isHeld) return;
    const { failures, isEnded } = channel;
    if (failures !== undefined && !state.hasBegun) over(() => sink.fail(failures));
    else if (isEnded) over(() => sink.end());
  }

  /** Whether the channel's segments can be one transport stream. */
  function refusalOf({ kind, keys = [] }: ChannelSegment): SourceFailure | undefined {
    const hasOtherSound = channel.shape?.renditions.some(({ type, track }) => type === 'AUDIO' && track !== undefined);
    if (kind !== transportStream) return notAsTransportStream('its segments are no transport streams');
    if (keys.some(({ key }) => key.method !== 'NONE')) return notAsTransportStream('its segments are encrypted');
    return hasOtherSound === true ? notAsTransportStream('its sound is in a playlist of its own') : undefined;
  }

  return {
    resume() {
      state.isHeld = false;
      look();
    },
    failover: (to) => channel.failover(to),
    tick() {
      look();
      const now = nowMs();
      if (state.isOver || !state.hasBegun || now - state.lastMs < nullPacketsAfterMs) return;
      if (now - state.filledMs < nullPacketsEveryMs) return;
      state.filledMs = now;
      sink.fill(nullPackets);
    },
    stop() {
      state.isOver = true;
      channel.leave();
    },
    get source() {
      return channel.source;
    },
    card: undefined,
  };
}
