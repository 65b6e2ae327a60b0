import { type DecisionState, decisionStates } from './decision';

/**
 * Upper bounds in seconds for the time that a decision takes: from an answer out of memory (microseconds)
 * to a lookup that used its whole deadline (80 ms by default) and beyond.
 */
const decisionSecondsBounds = [
  0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.08, 0.1, 0.25, 1,
] as const;

/** A histogram of durations as plain numbers: what a hot path can fill without a metrics library. */
export interface TimeHistogram {
  /** Ascending upper bounds, each included in its bucket. */
  readonly upperBoundsSeconds: readonly number[];
  /** Observations a bucket, not cumulative; one more than there are bounds, the last for everything above. */
  readonly counts: number[];
  sumSeconds: number;
}

/** Makes an empty histogram. `upperBoundsSeconds` must ascend. */
export function createTimeHistogram(upperBoundsSeconds: readonly number[] = decisionSecondsBounds): TimeHistogram {
  return { upperBoundsSeconds, counts: new Array<number>(upperBoundsSeconds.length + 1).fill(0), sumSeconds: 0 };
}

/** Counts `count` observations of `seconds` each (many answers of one read share one measurement). */
export function observeSeconds(histogram: TimeHistogram, seconds: number, count = 1): void {
  const bounds = histogram.upperBoundsSeconds;
  let bucket = 0;
  while (bucket < bounds.length && seconds > (bounds[bucket] ?? Number.POSITIVE_INFINITY)) bucket++;
  histogram.counts[bucket] = (histogram.counts[bucket] ?? 0) + count;
  histogram.sumSeconds += seconds * count;
}

/** What a bridge counts about the decisions that it passed on. */
export interface DecisionStats {
  readonly byState: Record<DecisionState, number>;
  /** From the question's arrival to its answer, waiting for a lookup included. */
  readonly time: TimeHistogram;
}

/** Makes the counters of one bridge. */
export function createDecisionStats(): DecisionStats {
  const byState = Object.fromEntries(decisionStates.map((state) => [state, 0])) as Record<DecisionState, number>;
  return { byState, time: createTimeHistogram() };
}

/** Counts one decision and the time that it took. */
export function countDecision(stats: DecisionStats, state: DecisionState, seconds: number): void {
  stats.byState[state]++;
  observeSeconds(stats.time, seconds);
}
