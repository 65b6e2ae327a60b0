import { bucketCount, bucketOf, middleMs } from './buckets';
import type { RecordTime } from './record-time';

/** What is known of the operations of some stretch of time. */
export interface TimeSummary {
  /** The time that was looked at, in milliseconds: up to one slice more than was asked for, or less when there is no more yet. */
  readonly coveredMs: number;
  readonly count: number;
  /** Of them, those that failed. */
  readonly errors: number;
  /** Undefined without an operation. */
  readonly times: TimeFigures | undefined;
}

/** Milliseconds. Least, mean and greatest are exact; the others are within 1.6 % (from 1 µs on) of the operation of that rank. */
export interface TimeFigures {
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** The last durations of one operation, in memory of a fixed size: a ring of slices of time, each a histogram. */
export interface TimeWindow {
  readonly record: RecordTime;
  /** Begins the next slice, in place of the oldest. Somebody else keeps the time, so that recording need not look at the clock. */
  turn(nowMs: number): void;
  /** Sums up the last `windowMs`: whole slices, so that at least that much is covered where there is as much. */
  read(windowMs: number, nowMs: number): TimeSummary;
}

interface Slice {
  /** Undefined: not used yet. */
  startMs: number | undefined;
  count: number;
  errors: number;
  sumMs: number;
  minMs: number;
  maxMs: number;
  readonly buckets: Uint32Array;
}

/** Makes an empty window of `sliceCount` slices, the first of which begins at `nowMs` (of a clock that never goes back). */
export function createTimeWindow(sliceCount: number, nowMs: number): TimeWindow {
  const slices = Array.from({ length: sliceCount }, emptySlice);
  const sliceAt = (index: number): Slice => slices[(index + sliceCount) % sliceCount] ?? emptySlice();
  let at = 0;
  let current = sliceAt(at);
  current.startMs = nowMs;

  return {
    record(tookMs, count, failed) {
      const bucket = bucketOf(tookMs);
      const { buckets } = current;
      buckets[bucket] = (buckets[bucket] ?? 0) + count;
      current.count += count;
      current.errors += failed;
      current.sumMs += tookMs * count;
      if (tookMs < current.minMs) current.minMs = tookMs;
      if (tookMs > current.maxMs) current.maxMs = tookMs;
    },
    turn(startMs) {
      at = (at + 1) % sliceCount;
      current = sliceAt(at);
      clear(current);
      current.startMs = startMs;
    },
    read(windowMs, readMs) {
      const wanted: Slice[] = [];
      for (let back = 0; back < sliceCount; back++) {
        const slice = sliceAt(at - back);
        if (slice.startMs === undefined) break;
        wanted.push(slice);
        if (slice.startMs <= readMs - windowMs) break;
      }
      return summarize(wanted, readMs - (wanted.at(-1)?.startMs ?? readMs));
    },
  };
}

function emptySlice(): Slice {
  return {
    startMs: undefined,
    count: 0,
    errors: 0,
    sumMs: 0,
    minMs: Number.POSITIVE_INFINITY,
    maxMs: Number.NEGATIVE_INFINITY,
    buckets: new Uint32Array(bucketCount),
  };
}

function clear(slice: Slice): void {
  // What was never written to takes no memory; leave it so.
  if (slice.count > 0) slice.buckets.fill(0);
  slice.count = 0;
  slice.errors = 0;
  slice.sumMs = 0;
  slice.minMs = Number.POSITIVE_INFINITY;
  slice.maxMs = Number.NEGATIVE_INFINITY;
}

function summarize(slices: readonly Slice[], coveredMs: number): TimeSummary {
  const sum = emptySlice();
  for (const slice of slices) {
    if (slice.count === 0) continue;
    sum.count += slice.count;
    sum.errors += slice.errors;
    sum.sumMs += slice.sumMs;
    sum.minMs = Math.min(sum.minMs, slice.minMs);
    sum.maxMs = Math.max(sum.maxMs, slice.maxMs);
    for (const [bucket, count] of slice.buckets.entries()) {
      if (count > 0) sum.buckets[bucket] = (sum.buckets[bucket] ?? 0) + count;
    }
  }
  const { count, errors } = sum;
  return { coveredMs, count, errors, times: count === 0 ? undefined : figuresOf(sum) };
}

function figuresOf(slice: Slice): TimeFigures {
  const { count, sumMs, minMs: min, maxMs: max } = slice;
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((part) => Math.min(max, Math.max(min, quantileMs(slice, part))));
  return { min, mean: sumMs / count, p50: p50 ?? max, p95: p95 ?? max, p99: p99 ?? max, max };
}

/** The duration of the operation of rank `part`, the least one at which so many are no longer than it. */
function quantileMs({ buckets, count }: Slice, part: number): number {
  let left = Math.ceil(part * count);
  for (const [bucket, inBucket] of buckets.entries()) {
    left -= inBucket;
    if (left <= 0) return middleMs(bucket);
  }
  return middleMs(bucketCount - 1);
}
