import { setTimeout as pause } from 'node:timers/promises';
import type { MediaPlaylist } from '../hls';
import { formatDuration } from '../wire';
import { createCompanions } from './channel-companions';
import { type Beginning, type ListedSegment, listedSegments } from './channel-cursor';
import type { ChannelRing, ChannelSegment, SegmentDraft } from './channel-ring';
import { fetchSegment, gapOf } from './channel-segment';
import { isAborted } from './deadline';
import type { SourceFailure } from './provider';
import { failureOf } from './provider-answer';
import { type AskSource, lookAgain, type UpstreamPlaylist } from './source-playlist';

/** Why a track cannot be read any more. */
export interface TrackFailure {
  readonly failure: SourceFailure;
  /** Whether it is a segment that is missing, and not the playlist. */
  readonly isOfSegment: boolean;
}

/** `ended`: the playlist says that nothing will follow. */
export type TrackEnd = TrackFailure | 'ended';

/** One media playlist of a source, and the ring that its segments go to. */
export interface TrackOptions {
  readonly ring: ChannelRing;
  /** Where the source has it; and what it held when it was read first. */
  readonly upstream: UpstreamPlaylist;
  readonly ask: AskSource;
  readonly signal: AbortSignal;
  /** How much of the list is taken where nothing of it was read before. */
  readonly beginning: () => Beginning;
  /** Whether the first segment follows one of another source. */
  readonly isJoint: boolean;
  /** Of the target duration: how long after a look the next one is. */
  readonly fetchInterval: () => number;
  /** A playlist that does not change has failed after so long, and after three target durations. */
  readonly stallMs: number;
  /** Whether a segment that is not to be had is passed over: there is no other source that could have it. */
  readonly mayPassOver: () => boolean;
  /** A number for a key or init segment. */
  readonly nextNumber: () => number;
  readonly on: {
    /** Before the first segments are fetched. */
    readonly begun?: ((first: ListedSegment) => void) | undefined;
    readonly segment: (segment: ChannelSegment) => void;
    /** Something that is not as it should be, in words without anything of a URL. */
    readonly oddity: (what: Oddity, details: Readonly<Record<string, unknown>>) => void;
  };
  readonly nowMs: () => number;
  /** Resolves after a time, or when the signal is aborted. */
  readonly wait?: Wait | undefined;
}

export type Wait = (ms: number, signal: AbortSignal) => Promise<void>;
export type Oddity =
  | 'hole'
  | 'renumbered'
  | 'restarted'
  | 'too many new'
  | 'slow segment'
  | 'missing segment'
  | 'late playlist';

/** So many segments are fetched at the same time, where the account allows it. */
const mostAtATime = 3;
/** In a row: then it is not the segment that is missing. */
const mostMissing = 3;
/** Looks at a playlist that failed in a row. A provider that was waited for in vain is not asked again. */
const mostFailedLooks = 2;
const failedLookPauseMs = 500;
const leastPauseMs = 100;
/** More new segments than any ring holds. */
const mostNews = 100;

/**
 * Follows one media playlist until it fails or ends, or the signal is aborted: every new segment goes to the ring, in order.
 * @returns why it ended; undefined when the signal was aborted.
 */
export async function followTrack(options: TrackOptions): Promise<TrackEnd | undefined> {
  const { ring, upstream, signal, beginning, fetchInterval, stallMs, on, nowMs, wait = waitFor } = options;
  const fetching = {
    ...options,
    companions: createCompanions(options),
    onSlow: (tookMs: number) => on.oddity('slow segment', { tookMs: Math.round(tookMs) }),
  };
  let isJoint = options.isJoint;
  let failedLooks = 0;
  let missing = 0;
  let lastNewsMs = nowMs();

  /** @returns what cannot be made good. */
  async function takeAll(segments: readonly ListedSegment[]): Promise<TrackFailure | undefined> {
    const underWay: Promise<SegmentDraft | SourceFailure>[] = [];
    let next = 0;
    for (const segment of segments) {
      while (next < segments.length && underWay.length < mostAtATime) {
        const wanted = segments[next++];
        if (wanted !== undefined) underWay.push(fetchSegment(wanted, fetching));
      }
      const fetched = await underWay.shift();
      if (signal.aborted || fetched === undefined) return undefined;
      const isMissing = 'trigger' in fetched;
      if (isMissing && (!options.mayPassOver() || ++missing >= mostMissing))
        return { failure: fetched, isOfSegment: true };
      if (isMissing) on.oddity('missing segment', { reason: fetched.reason });
      else missing = 0;
      // A list does not begin with what is not there.
      if (isMissing && ring.segments.length === 0) continue;
      const draft = isMissing ? gapOf(segment, ring) : fetched;
      on.segment(ring.push({ ...draft, isDiscontinuity: draft.isDiscontinuity || isJoint }));
      isJoint = false;
    }
    return undefined;
  }

  function newsOf(playlist: MediaPlaylist): readonly ListedSegment[] {
    const wanted = beginning();
    const { segments, follows } = upstream.cursor.read(listedSegments(playlist), wanted);
    if (follows === 'hole' || follows === 'restarted') isJoint = true;
    if (follows !== 'begun' && follows !== 'next') on.oddity(follows, { segments: segments.length });
    if (segments.length <= mostNews) return segments;
    on.oddity('too many new', { segments: segments.length });
    isJoint = true;
    return segments.slice(-mostNews);
  }

  let begun = on.begun;
  while (!signal.aborted) {
    const askedMs = nowMs();
    const { playlist, failure } = await lookAgain(upstream, options.ask, stallMs);
    if (isAborted(signal)) return undefined;
    if (failure !== undefined) {
      const isWaitedFor = failure.trigger === 'connect' || failure.trigger === 'headers' || failure.trigger === 'stall';
      if (isWaitedFor || ++failedLooks >= mostFailedLooks) return { failure, isOfSegment: false };
      await wait(failedLookPauseMs, signal);
      continue;
    }
    failedLooks = 0;
    ring.declareTarget(playlist.targetDurationSeconds);
    const targetMs = ring.targetDuration * 1000;
    const news = newsOf(playlist);
    const [first] = news;
    if (first !== undefined) {
      begun?.(first);
      begun = undefined;
      const sinceMs = nowMs() - lastNewsMs;
      if (sinceMs > 1.5 * targetMs + 1000) on.oddity('late playlist', { afterMs: Math.round(sinceMs) });
      lastNewsMs = nowMs();
    }
    const lost = await takeAll(news);
    if (lost !== undefined || isAborted(signal)) return lost;
    if (playlist.isEnded) return 'ended';
    const stuckMs = Math.max(stallMs, 3 * targetMs);
    if (news.length === 0 && nowMs() - lastNewsMs >= stuckMs) {
      const reason = `The playlist has not changed for ${formatDuration(stuckMs)}.`;
      return { failure: failureOf('stall', reason), isOfSegment: false };
    }
    // A playlist that should have changed is looked at twice as often until it does.
    const pauseMs = targetMs * fetchInterval() * (news.length === 0 ? 0.5 : 1);
    await wait(Math.max(leastPauseMs, pauseMs - (nowMs() - askedMs)), signal);
  }
  return undefined;
}

export const waitFor: Wait = async (ms, signal) => {
  // An aborted wait is over, and nothing else.
  await pause(ms, undefined, { signal }).catch(() => undefined);
};
