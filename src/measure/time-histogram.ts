/** A histogram of durations as plain numbers: what a hot path can fill without a metrics library. */
export interface TimeHistogram {
  /** Ascending upper bounds, each included in its bucket. */
  readonly upperBoundsSeconds: readonly number[];
  /** Observations a bucket, not cumulative; one more than there are bounds, the last for everything above. */
  readonly counts: number[];
  sumSeconds: number;
}

/** Makes an empty histogram. `upperBoundsSeconds` must ascend. */
export function createTimeHistogram(upperBoundsSeconds: readonly number[]): TimeHistogram {
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
