import type { RecordTime } from '../measure';
import type { Accounts } from './accounts';
import type { CardReason } from './cards';
import type { ListedSegment } from './channel-cursor';
import { type ChannelSegment, createChannelRing } from './channel-ring';
import {
  type BeginningSettings,
  beginningOf,
  type ChannelShape,
  type ChannelTrack,
  findSource,
  mainName,
  type Reading,
  readingsOf,
  shapeOf,
} from './channel-source';
import type { ChannelStats } from './channel-stats';
import { followTrack, type Oddity, type TrackEnd, type Wait, waitFor } from './channel-track';
import { headersFor } from './child-url';
import type { Failover } from './client';
import { isAborted } from './deadline';
import { mostStartTries, provenMs, resolverFirstMs, startPauseMs } from './failover-rules';
import { fetchWhole } from './fetch-whole';
import { createLanes } from './lanes';
import type { Provider, SourceFailure } from './provider';
import { endedSource, failureOf } from './provider-answer';
import { createCookieJar } from './provider-headers';
import type { SourcesHealth } from './source-health';
import type { AskSource } from './source-playlist';
import type { Resolve } from './stream-resolvers';
import { type SlotPolicy, takeSlot } from './take-slot';

/** What users set of channels; read at each use. */
export interface ChannelFeedSettings extends BeginningSettings {
  /** Held in memory, of each playlist. */
  readonly maxSegments: number;
  /** Of the target duration: how long after a look at the playlist the next one is. */
  readonly segmentFetchInterval: number;
}

/** What a channel tells of. Sources are named by their index in the list. */
export interface ChannelFeedReports {
  /** The first segment of all is of this source. */
  began(source: number): void;
  connected(source: number, elapsedMs: number, failure: SourceFailure | undefined): void;
  failedOver(report: Omit<Failover, 'client'>): void;
  /** There is something new for players: a segment, or the end. */
  changed(): void;
  /** No source gives anything: how each of them failed. Nothing comes after it. */
  failed(failures: readonly SourceFailure[]): void;
  /** What was to be read is no live list. */
  isRecording(): void;
  /** Players had nothing new for so long that they ran dry. */
  ranDry(): void;
  oddity(source: number, what: Oddity, details: Readonly<Record<string, unknown>>): void;
}

export interface ChannelFeedOptions {
  /** As they are now: the list may change while the channel runs. */
  readonly sources: () => readonly string[];
  /** The source with which to begin. */
  readonly start: number;
  /** What is sent to the provider, names in lower case. */
  readonly headers: () => Readonly<Record<string, string>>;
  readonly provider: Provider;
  /** The same, with connections that are used again. */
  readonly pooled: Provider;
  readonly accounts: Accounts;
  readonly policy: SlotPolicy;
  /** Who reads, for the account's slots: asked when another wants one. */
  readonly client: () => string;
  /** The same client took its slot to another stream. */
  readonly onTakenOver: () => void;
  readonly health: SourcesHealth;
  readonly resolve: Resolve;
  readonly settings: () => ChannelFeedSettings;
  /** Bits a second: of a master playlist, the variant with the highest bandwidth that is not above it. */
  readonly maxBandwidth: () => number;
  /** All that the channel may hold at this moment: what is older goes, whatever the settings say. */
  readonly mostBytes: () => number;
  readonly stallMs: number;
  /** A source that failed after having run so long is tried once more at once. */
  readonly retryAfterRunningMs: number;
  readonly reports: ChannelFeedReports;
  readonly stats: ChannelStats;
  readonly recordFetch: RecordTime;
  /** The number of the first segment: higher than any that the stream had before. */
  readonly firstNumber: number;
  /** A clock that never goes back, in milliseconds. */
  readonly nowMs: () => number;
  readonly wait?: Wait;
}

/** One HLS source of a stream, read once for all its players, out of whichever of its sources works. */
export interface ChannelFeed {
  /** Undefined until a source has told. */
  readonly shape: ChannelShape | undefined;
  /**
   * Goes over to the next source, or to the one with this URL.
   * @returns the index of the one that it tries first; undefined where there is none, or the channel is going over already.
   */
  failover(to?: string): number | undefined;
  /** Ends every request. Idempotent. */
  stop(): void;
  /** Index of the source that is read; -1 while none is. */
  readonly source: number;
  /** Why a card plays; an HLS source has none. */
  readonly card?: CardReason | undefined;
  /** The source has ended: nothing will be added. */
  readonly isEnded: boolean;
}

/** One try to read a source. */
interface Attempt {
  readonly index: number;
  readonly url: string;
  readonly sinceMs: number;
  /** Aborting it ends every request and gives the slot back. */
  readonly controller: AbortController;
  readonly ask: AskSource;
  readonly readings: readonly Reading[];
  /** Whether it goes on with the source that was read last, where that was left. */
  readonly isContinued: boolean;
  firstSegmentMs: number | undefined;
  /** What the main playlist begins with. */
  first: ListedSegment | undefined;
}

type Prepared =
  | { readonly attempt: Attempt; readonly failure?: undefined }
  | { readonly failure: SourceFailure; readonly attempt?: undefined };

/** What the first segment of the next source bridges. */
type Gap = Pick<Failover, 'from' | 'trigger' | 'reason'>;

const requestsAtATime = 4;
/** After a slot was not to be had, while players wait for the next segment. */
const slotPauseMs = 1000;
/** Subtitles that cannot be read are worth no failover: they are tried again. */
const subtitlesPauseMs = 10_000;

/** Makes the feed of one channel and begins with its first source. */
export function createChannelFeed(options: ChannelFeedOptions): ChannelFeed {
  const { sources, accounts, policy, health, settings, stallMs, reports, stats, nowMs } = options;
  const { wait = waitFor } = options;
  const whole = new AbortController();
  const state: {
    shape: ChannelShape | undefined;
    playing: Attempt | undefined;
    /** What was read last, where every segment that it listed was taken. */
    last: Attempt | undefined;
    /** Ends what is waited for while none plays. */
    opening: AbortController | undefined;
    /** Where somebody wants to go: the attempt where it is open already. */
    wanted: { readonly index: number; readonly attempt?: Attempt } | undefined;
    /** Opens what is wanted while the old one plays. */
    isMoving: boolean;
    gap: Gap | undefined;
    hasPlayed: boolean;
    isEnded: boolean;
    lastSegmentMs: number;
    nextCompanion: number;
  } = {
    shape: undefined,
    playing: undefined,
    last: undefined,
    opening: undefined,
    wanted: undefined,
    isMoving: false,
    gap: undefined,
    hasPlayed: false,
    isEnded: false,
    lastSegmentMs: nowMs(),
    nextCompanion: options.firstNumber,
  };

  function newRing() {
    const tracks = (): number => 1 + (state.shape?.renditions.filter(({ track }) => track !== undefined).length ?? 0);
    const limits = () => ({ segments: settings().maxSegments, bytes: options.mostBytes() / tracks() });
    return createChannelRing({ firstNumber: options.firstNumber, limits });
  }

  /** A controller that ends with the channel. */
  function newController(): AbortController {
    const made = new AbortController();
    const stop = (): void => made.abort();
    if (whole.signal.aborted) stop();
    whole.signal.addEventListener('abort', stop, { once: true });
    made.signal.addEventListener('abort', () => whole.signal.removeEventListener('abort', stop), { once: true });
    return made;
  }

  /** Asks one source, a few things at a time; one where its connections are counted. */
  function asker(sourceUrl: string, signal: AbortSignal): AskSource {
    const isCounted = accounts.nameOf(sourceUrl) !== undefined;
    const lanes = createLanes(isCounted ? 1 : requestsAtATime);
    // A connection that is kept for the next question would be one of the account's while others want it.
    const provider = isCounted ? options.provider : options.pooled;
    const cookies = createCookieJar();
    return ({ kind, ...request }) =>
      lanes.run(async () => {
        const sinceMs = nowMs();
        const headers = headersFor(request.url, sourceUrl, options.headers());
        // What it is, is told by its bytes: servers that know no better send playlists and WebVTT as plain text.
        const isPlaylist = kind === 'playlist';
        const asked = { ...request, headers, cookies, expects: 'any', isPlaylist, stallMs, signal } as const;
        const fetched = await fetchWhole(provider, asked);
        if (signal.aborted) return fetched;
        stats.fetches[kind][fetched.failure?.trigger ?? 'ok']++;
        if (kind === 'segment') options.recordFetch(nowMs() - sinceMs, 1, fetched.failure === undefined ? 0 : 1);
        return fetched;
      });
  }

  /** Opens a source: its slot is taken, and its playlists are read. */
  async function prepare(index: number, controller: AbortController): Promise<Prepared> {
    const { signal } = controller;
    const url = sources()[index] ?? '';
    const sinceMs = nowMs();
    const request = {
      url,
      get client() {
        return options.client();
      },
      onTakenOver: options.onTakenOver,
    };
    const slot = await takeSlot(accounts, request, policy, signal);
    if (slot === undefined) {
      const reason = `All connections of the account ${accounts.nameOf(url) ?? ''} are in use.`;
      return { failure: failureOf('account', reason) };
    }
    signal.addEventListener('abort', () => slot.release(), { once: true });
    if (isAborted(signal)) slot.release();
    const ask = asker(url, signal);
    const found = await findSource(url, ask, { maxBandwidth: options.maxBandwidth(), stallMs });
    if (isAborted(signal)) return { failure: failureOf('reset', 'The attempt was ended.') };
    reports.connected(index, nowMs() - sinceMs, found.failure);
    if (found.failure !== undefined) return found;
    if (!state.hasPlayed && found.main.first?.isEnded === true) {
      reports.isRecording();
      return { failure: recording };
    }
    state.shape ??= shapeOf(found.chosen, newRing);
    const readings = readingsOf(state.shape, found);
    if (readings === undefined)
      return { failure: failureOf('type', 'The source has its sound elsewhere than the one before.') };
    const { last } = state;
    const isContinued =
      last?.url === url && readings.every(({ track }) => last.readings.some((one) => one.track === track));
    const attempt = { index, url, sinceMs, controller, ask, isContinued, firstSegmentMs: undefined, first: undefined };
    return { attempt: { ...attempt, readings: isContinued ? continued(readings, last.readings) : readings } };
  }

  function onSegment(attempt: Attempt, { name, ring }: ChannelTrack, segment: ChannelSegment): void {
    const now = nowMs();
    if (segment.bytes === undefined) stats.missingSegments++;
    if (name === mainName && segment.bytes !== undefined) {
      if (state.hasPlayed && now - state.lastSegmentMs > 3000 * ring.targetDuration) reports.ranDry();
      attempt.firstSegmentMs ??= now;
      if (state.playing !== attempt) onAir(attempt, now);
      state.lastSegmentMs = now;
      if (now - attempt.firstSegmentMs >= provenMs) health.works(attempt.url);
    }
    reports.changed();
  }

  /** The first segment of a source has come. */
  function onAir(attempt: Attempt, now: number): void {
    const { gap, lastSegmentMs } = state;
    state.playing = attempt;
    state.last = attempt;
    state.hasPlayed = true;
    state.gap = undefined;
    if (gap === undefined) reports.began(attempt.index);
    else if (gap.from !== attempt.index) {
      const byteGapMs = Math.max(0, now - lastSegmentMs);
      reports.failedOver({ ...gap, to: attempt.index, byteGapMs, pictureGapMs: undefined });
    }
  }

  function follow(
    attempt: Attempt,
    { track, upstream, type }: Reading,
    isJoint: boolean,
  ): Promise<TrackEnd | undefined> {
    const { controller, ask } = attempt;
    return followTrack({
      ring: track.ring,
      upstream,
      ask,
      signal: controller.signal,
      beginning: () => {
        const first = track.name === mainName ? undefined : attempt.first;
        return beginningOf(track.ring, settings(), { first, sinceMs: nowMs() - state.lastSegmentMs });
      },
      isJoint,
      fetchInterval: () => settings().segmentFetchInterval,
      stallMs,
      mayPassOver: () => type === 'SUBTITLES' || !isAnyOther(attempt.index),
      nextNumber: () => state.nextCompanion++,
      on: {
        begun: (first) => {
          if (track.name === mainName) attempt.first = first;
        },
        segment: (segment) => onSegment(attempt, track, segment),
        oddity: (what, details) => reports.oddity(attempt.index, what, details),
      },
      nowMs,
      wait,
    });
  }

  /** Reads a source until it fails, or is left; its slot is free then. @returns undefined where it was left. */
  async function play(attempt: Attempt): Promise<TrackEnd | undefined> {
    const { controller, readings } = attempt;
    const isJoint = state.hasPlayed && !attempt.isContinued;
    const followed = readings.map(async (reading) => {
      for (;;) {
        const end = await follow(attempt, reading, isJoint);
        if (reading.type !== 'SUBTITLES' || controller.signal.aborted) return end;
        await wait(subtitlesPauseMs, controller.signal);
      }
    });
    const end = await Promise.race(followed);
    const wasLeft = controller.signal.aborted;
    controller.abort();
    await Promise.allSettled(followed);
    if (state.playing === attempt) state.playing = undefined;
    return wasLeft ? undefined : end;
  }

  /** Whether another source may be asked at this moment. */
  function isAnyOther(index: number): boolean {
    const next = health.next(sources(), index, nowMs());
    return next !== undefined && next.index !== index && next.waitMs === 0;
  }

  /** What the resolver names, as a source of the list; undefined where it names none, or not soon. */
  async function resolved(
    from: number,
    failure: SourceFailure,
    signal: AbortSignal,
    isLast: boolean,
  ): Promise<number | undefined> {
    const asked = options.resolve({ url: sources()[from] ?? '', index: from, failure });
    if (asked === undefined) return undefined;
    const patience = new AbortController();
    const left = new Promise<undefined>((resolve) =>
      signal.addEventListener('abort', () => resolve(undefined), { once: true }),
    );
    const late = isLast ? [] : [wait(resolverFirstMs, patience.signal)];
    const answer = await Promise.race([asked, left, ...late]);
    patience.abort();
    const at = typeof answer === 'string' ? sources().indexOf(answer) : -1;
    return at === -1 ? undefined : at;
  }

  /** Which source comes next, after a pause where each of them failed lately. */
  async function nextIndex(from: number, signal: AbortSignal, leastMs: number): Promise<number> {
    const next = health.next(sources(), from, nowMs(), state.hasPlayed ? undefined : startPauseMs);
    const pauseMs = Math.max(next?.waitMs ?? 0, leastMs);
    if (pauseMs > 0) await wait(pauseMs, signal);
    return next?.index ?? 0;
  }

  /** One source after the other, until the channel is stopped, or the only source ends, or none works to begin with. */
  async function run(): Promise<void> {
    const failures: SourceFailure[] = [];
    let index = options.start < sources().length ? options.start : 0;
    while (!whole.signal.aborted) {
      const { wanted } = state;
      state.wanted = undefined;
      index = wanted?.index ?? index;
      const controller = newController();
      state.opening = controller;
      const prepared = wanted?.attempt === undefined ? await prepare(index, controller) : { attempt: wanted.attempt };
      const end =
        prepared.attempt === undefined
          ? { failure: prepared.failure, isOfSegment: false }
          : await play(prepared.attempt);
      // Everything of this try has ended; what follows may be cut short as well.
      controller.abort();
      if (isAborted(whole.signal)) return;
      if (end === undefined || hasWanted()) continue;
      if (end === 'ended' && sources().length === 1) {
        state.isEnded = true;
        reports.changed();
        return;
      }
      const failure = end === 'ended' ? endedSource : end.failure;
      index =
        (await afterFailure(
          { index, failure, attempt: prepared.attempt, isOfSegment: end !== 'ended' && end.isOfSegment },
          failures,
        )) ?? -1;
      if (index === -1) return;
    }
  }

  interface Failed {
    readonly index: number;
    readonly failure: SourceFailure;
    readonly attempt: Attempt | undefined;
    readonly isOfSegment: boolean;
  }

  /** @returns where to go on; undefined where there is nothing left to begin with. */
  async function afterFailure(
    { index, failure, attempt, isOfSegment }: Failed,
    failures: SourceFailure[],
  ): Promise<number | undefined> {
    const now = nowMs();
    const url = sources()[index] ?? '';
    const { trigger, reason } = failure;
    if (isOfSegment) state.last = undefined;
    if (trigger !== 'account') health.failed(url, failure, attempt?.sinceMs ?? now, now);
    let isLast = false;
    if (state.hasPlayed) {
      state.gap ??= { from: index, trigger, reason };
      const ranMs = now - (attempt?.firstSegmentMs ?? now);
      if (!isOfSegment && trigger !== 'end' && ranMs >= options.retryAfterRunningMs) return index;
    } else {
      failures.push(failure);
      // It works, and is something else.
      const isOther = failure.found !== undefined || failure === recording;
      isLast =
        isOther || failures.length >= sources().length || (trigger === 'account' && policy.whenFull === 'refuse');
    }
    const controller = newController();
    state.opening = controller;
    const mayAsk = state.hasPlayed || failures.length < mostStartTries;
    const named = mayAsk ? await resolved(index, failure, controller.signal, isLast || !isAnyOther(index)) : undefined;
    if (named === undefined && isLast && !isAborted(controller.signal)) {
      reports.failed(failures);
      return undefined;
    }
    const next =
      named ?? (await nextIndex(index, controller.signal, state.hasPlayed && trigger === 'account' ? slotPauseMs : 0));
    controller.abort();
    return next;
  }

  function hasWanted(): boolean {
    return state.wanted !== undefined;
  }

  /** It changes while something is waited for, which the compiler does not know. */
  function nowPlaying(): Attempt | undefined {
    return state.playing;
  }

  /** Opens another source while the old one plays; where it does not work the next one, until the list is through. */
  async function moveTo(first: number, from: number): Promise<void> {
    let index = first;
    for (let tries = 1; tries < sources().length && state.playing !== undefined; tries++) {
      const controller = newController();
      const { attempt, failure } = await prepare(index, controller);
      const left = nowPlaying();
      if (attempt !== undefined && left !== undefined) {
        state.wanted = { index, attempt };
        state.gap = manualGap(from);
        left.controller.abort();
        return;
      }
      controller.abort();
      if (failure !== undefined && failure.trigger !== 'account')
        health.failed(sources()[index] ?? '', failure, nowMs(), nowMs());
      const next = health.next(sources(), index, nowMs());
      if (next === undefined || next.index === from) return;
      ({ index } = next);
    }
  }

  // Who begins it has a turn to add the first player.
  queueMicrotask(() => void run());
  return {
    get shape() {
      return state.shape;
    },
    failover(to) {
      const list = sources();
      if (whole.signal.aborted || state.isEnded || state.isMoving || list.length < 2) return undefined;
      const { playing } = state;
      const named = to === undefined ? -1 : list.indexOf(to);
      const from = playing?.index ?? options.start;
      const index = named === -1 ? health.next(list, from, nowMs())?.index : named;
      if (index === undefined || index === playing?.index) return undefined;
      const account = accounts.nameOf(playing?.url ?? '');
      if (playing === undefined) {
        state.wanted = { index };
        state.opening?.abort();
      } else if (account !== undefined && account === accounts.nameOf(list[index] ?? '')) {
        // The slot of the old source is needed for the new one.
        state.wanted = { index };
        state.gap = manualGap(playing.index);
        playing.controller.abort();
      } else {
        state.isMoving = true;
        void moveTo(index, playing.index).finally(() => (state.isMoving = false));
      }
      return index;
    },
    stop: () => whole.abort(),
    get source() {
      return state.playing?.index ?? -1;
    },
    get isEnded() {
      return state.isEnded;
    },
  };
}

/** Playlists of a source that is opened again, each read on from where it was left. */
function continued(readings: readonly Reading[], before: readonly Reading[]): readonly Reading[] {
  return readings.map((reading) => {
    const known = before.find(({ track }) => track === reading.track);
    return known === undefined
      ? reading
      : { ...reading, upstream: { ...reading.upstream, cursor: known.upstream.cursor } };
  });
}

const recording = failureOf('type', 'The playlist is that of a recording, which can only be passed through.');

function manualGap(from: number): Gap {
  return { from, trigger: 'manual', reason: 'An operator asked for it.' };
}
