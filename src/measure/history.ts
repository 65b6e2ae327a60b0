import { increase } from './increase';
import type { TimeHistogram } from './time-histogram';

/** What is read at one instant: levels, and counters that only grow. */
export interface Reading {
  readonly atMs: number;
  /** Undefined while nobody tells. */
  readonly viewers: number | undefined;
  readonly streams: number;
  /** Servers of the fleet that could be asked: what a router without memory would ask for each request. */
  readonly servers: number;
  /** Requests of viewers that HAProxy passed on; undefined where no HAProxy can be asked. */
  readonly requests: number | undefined;
  readonly apiCalls: number;
  /** Times that decisions took, one histogram a bridge, with the same bounds. */
  readonly decisionTimes: readonly TimeHistogram[];
}

/** What went on in one stretch of time that ends at `atMs`. */
export interface Sample {
  readonly atMs: number;
  readonly seconds: number;
  readonly viewers: number | undefined;
  readonly streams: number;
  readonly decisions: number;
  /** Undefined without a decision. */
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly requests: number | undefined;
  readonly apiCalls: number;
  /** Calls that asking every server at each request would have taken. */
  readonly naiveCalls: number | undefined;
}

/** The last hour, in memory. */
export interface History {
  /** Reads once, and keeps what happened since the reading before. */
  take(reading: Reading): void;
  /** The last stretch; undefined before the second reading. */
  latest(): Sample | undefined;
  /** Oldest first, neighbours merged until there are at most `points`. */
  samples(points: number): Sample[];
  /** Everything that is kept as one; undefined when there is nothing. */
  whole(): Sample | undefined;
}

/** Makes an empty history of at most `maxSamples` stretches. */
export function createHistory(maxSamples: number): History {
  const kept: Sample[] = [];
  let before: { readonly reading: Reading; readonly counts: readonly number[] } | undefined;
  return {
    take(reading) {
      const counts = sumOf(reading.decisionTimes);
      if (before !== undefined) {
        kept.push(sampleOf(before.reading, reading, before.counts, counts));
        if (kept.length > maxSamples) kept.shift();
      }
      before = { reading, counts };
    },
    latest: () => kept.at(-1),
    samples(points) {
      const size = Math.ceil(kept.length / Math.max(1, points));
      const merged: Sample[] = [];
      for (let i = 0; i < kept.length; i += size) {
        const sample = merge(kept.slice(i, i + size));
        if (sample !== undefined) merged.push(sample);
      }
      return merged;
    },
    whole: () => merge(kept),
  };
}

function sampleOf(from: Reading, to: Reading, before: readonly number[], after: readonly number[]): Sample {
  const counts = after.map((count, bucket) => increase(before[bucket] ?? 0, count));
  const bounds = to.decisionTimes[0]?.upperBoundsSeconds ?? [];
  const requests =
    from.requests === undefined || to.requests === undefined ? undefined : increase(from.requests, to.requests);
  return {
    atMs: to.atMs,
    seconds: (to.atMs - from.atMs) / 1000,
    viewers: to.viewers,
    streams: to.streams,
    decisions: counts.reduce((sum, count) => sum + count, 0),
    p50Ms: quantileMs(bounds, counts, 0.5),
    p99Ms: quantileMs(bounds, counts, 0.99),
    requests,
    // Counters of servers that left the fleet go with them.
    apiCalls: increase(from.apiCalls, to.apiCalls),
    naiveCalls: requests === undefined ? undefined : requests * to.servers,
  };
}

function sumOf(histograms: readonly TimeHistogram[]): number[] {
  const [first] = histograms;
  return (first?.counts ?? []).map((_, bucket) =>
    histograms.reduce((sum, { counts }) => sum + (counts[bucket] ?? 0), 0),
  );
}

/**
 * The time below which the part `q` of all observations lies, taken as evenly spread within its bucket. Above the last bound: that bound.
 * Undefined without observations.
 */
export function quantileMs(bounds: readonly number[], counts: readonly number[], q: number): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  let left = q * total;
  for (const [bucket, count] of counts.entries()) {
    const upper = bounds[bucket];
    const lower = bucket === 0 ? 0 : (bounds[bucket - 1] ?? 0);
    if (upper === undefined) return lower * 1000;
    if (left <= count && count > 0) return (lower + ((upper - lower) * left) / count) * 1000;
    left -= count;
  }
  return (bounds.at(-1) ?? 0) * 1000;
}

/** Counts are summed, of levels the greatest is kept; the median is weighted by decisions. */
function merge(samples: readonly Sample[]): Sample | undefined {
  const last = samples.at(-1);
  if (last === undefined) return undefined;
  const sum = (read: (sample: Sample) => number | undefined): number =>
    samples.reduce((total, sample) => total + (read(sample) ?? 0), 0);
  const most = (read: (sample: Sample) => number | undefined): number | undefined => {
    const known = samples.flatMap((sample) => read(sample) ?? []);
    return known.length === 0 ? undefined : Math.max(...known);
  };
  const sumKnown = (read: (sample: Sample) => number | undefined): number | undefined =>
    most(read) === undefined ? undefined : sum(read);
  const decisions = sum((sample) => sample.decisions);
  return {
    atMs: last.atMs,
    seconds: sum(({ seconds }) => seconds),
    viewers: most(({ viewers }) => viewers),
    streams: most(({ streams }) => streams) ?? 0,
    decisions,
    p50Ms: decisions === 0 ? undefined : sum(({ p50Ms, decisions: weight }) => (p50Ms ?? 0) * weight) / decisions,
    p99Ms: most(({ p99Ms }) => p99Ms),
    requests: sumKnown(({ requests }) => requests),
    apiCalls: sum(({ apiCalls }) => apiCalls),
    naiveCalls: sumKnown(({ naiveCalls }) => naiveCalls),
  };
}
