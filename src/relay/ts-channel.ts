import { createCutter, type Segment } from '../mpegts';
import type { ChannelFeed } from './channel-feed';
import { createChannelRing } from './channel-ring';
import { mainName } from './channel-source';
import type { ChannelStats } from './channel-stats';
import { type Wait, waitFor } from './channel-track';
import type { SourceFailure } from './provider';
import { transportStream } from './segment-kind';
import type { Reading } from './shared-feeds';
import type { SharedReader } from './shared-source';

/** What users set of channels; read at each use. */
export interface TsChannelSettings {
  /** Held in memory. */
  readonly maxSegments: number;
  /** Held before a player gets its first playlist. */
  readonly initialSegments: number;
}

export interface TsChannelReports {
  /** There is something new for players: a segment, or the end. */
  changed(): void;
  /** No source gives anything: how each of them failed. Nothing comes after it. */
  failed(failures: readonly SourceFailure[]): void;
}

export interface TsChannelOptions {
  /** Reads the stream from now on. */
  readonly read: (reader: SharedReader) => Reading;
  readonly settings: () => TsChannelSettings;
  /** All that the channel may hold at this moment: what is older goes, whatever the settings say. */
  readonly mostBytes: () => number;
  readonly reports: TsChannelReports;
  readonly stats: Pick<ChannelStats, 'underruns'>;
  /** The number of the first segment: higher than any that the stream had before. */
  readonly firstNumber: number;
  /** A clock that never goes back, in milliseconds. */
  readonly nowMs: () => number;
  readonly wait?: Wait;
}

const targetSeconds = 2;
/** While it is not known yet how far a source's keyframes are apart: more than ten seconds are rare. */
const longestAtFirst = 12;
/** Between keyframes of some encoders there are different times: so much longer than the first segments the others may be. */
const slackSeconds = 1;
/** A source may send so much at once, as some do at their start; one that sends on like that is read no faster than it plays. */
const mostAheadSeconds = 20;
/** The clock of a source may be faster than ours by this. */
const clockTolerance = 1.02;

/** Cuts a live transport stream into the segments of a channel: whatever its readers see, failovers and cards included, is what is cut. */
export function createTsChannel(options: TsChannelOptions): ChannelFeed {
  const { settings, reports, stats, nowMs, wait = waitFor } = options;
  const limits = () => ({ segments: settings().maxSegments, bytes: options.mostBytes() });
  const ring = createChannelRing({ firstNumber: options.firstNumber, limits });
  const shape = { attributes: new Map<string, string>(), renditions: [], main: { name: mainName, ring } };
  const stopping = new AbortController();
  const state = {
    cutter: createCutter({ targetSeconds, longestSeconds }),
    /** The cut segments: how many there were, and when the last one came. */
    count: 0,
    lastMs: nowMs(),
    /** How much further the stream is than it would have been played. */
    aheadSeconds: 0,
    isHeld: false,
    /** Something is missing before the next segment. */
    isTorn: false,
    hasBegun: false,
    isEnded: false,
  };

  /** Players are told once how long segments are; from then on none is longer. */
  function longestSeconds(): number {
    return state.count < settings().initialSegments ? longestAtFirst : ring.targetDuration;
  }

  function add({ parts, seconds, isDiscontinuous }: Segment): void {
    const now = nowMs();
    const sinceSeconds = (now - state.lastMs) / 1000;
    if (state.count > 0 && sinceSeconds > 3 * ring.targetDuration) stats.underruns++;
    state.lastMs = now;
    state.aheadSeconds = Math.max(0, state.aheadSeconds - sinceSeconds * clockTolerance) + seconds;
    if (state.count++ < settings().initialSegments) ring.declareTarget(Math.max(seconds, targetSeconds) + slackSeconds);
    const isDiscontinuity = isDiscontinuous || state.isTorn;
    state.isTorn = false;
    ring.push({ bytes: parts, kind: transportStream, durationSeconds: seconds, isDiscontinuity });
    reports.changed();
  }

  function addLast(): void {
    const last = state.cutter.end();
    if (last !== undefined) add(last);
  }

  /** Reads on when the stream would have been played so far. */
  async function hold(): Promise<void> {
    state.isHeld = true;
    await wait(((state.aheadSeconds - mostAheadSeconds) / clockTolerance) * 1000, stopping.signal);
    state.isHeld = false;
    if (!stopping.signal.aborted) reading.resume();
  }

  const reader: SharedReader = {
    begin: () => (state.hasBegun = true),
    write(runs) {
      for (const run of runs) for (const segment of state.cutter.write(run)) add(segment);
      if (state.aheadSeconds <= mostAheadSeconds) return true;
      if (!state.isHeld) void hold();
      return false;
    },
    fill: () => undefined,
    end() {
      state.isEnded = true;
      addLast();
      reports.changed();
    },
    // A channel that is being made is not told yet.
    fail: (failures) => queueMicrotask(() => reports.failed(failures)),
    drop() {
      // Others read the stream faster than it plays. It goes on where they are.
      addLast();
      state.cutter = createCutter({ targetSeconds, longestSeconds });
      state.isTorn = true;
      reading = options.read(reader);
    },
  };
  let reading = options.read(reader);

  return {
    get shape() {
      return state.hasBegun ? shape : undefined;
    },
    failover: (to) => reading.failover(to),
    stop() {
      stopping.abort();
      reading.stop();
    },
    get source() {
      return reading.source;
    },
    get card() {
      return reading.card;
    },
    get isEnded() {
      return state.isEnded;
    },
  };
}
