/**
 * Log-linear buckets for durations, the same for all operations. A duration is counted in units of 1/32 µs:
 *
 * | Units                | Buckets | Width of each   |
 * | 0 to 31 (below 1 µs) | 32      | 1 unit          |
 * | 2^e to 2^(e+1) - 1   | 32      | 2^(e-5) units   |
 *
 * for e from 5 to 31. So the middle of a bucket is at most half of 1/32 (1.6 %) away from what fell into it, from 1 µs on to 134 s; what is longer
 * falls into the last one.
 */
export const bucketCount = 28 * 32;

const unitsPerMs = 32_000;
const mostUnits = 0xffff_ffff;

/** The bucket of a duration, 0 to `bucketCount - 1`. */
export function bucketOf(durationMs: number): number {
  const units = durationMs > 0 ? Math.min(durationMs * unitsPerMs, mostUnits) >>> 0 : 0;
  // So many low bits are of no account: five stay behind the highest.
  const shift = Math.max(0, 26 - Math.clz32(units));
  return shift * 32 + (units >>> shift);
}

/** The middle of a bucket, in milliseconds. */
export function middleMs(bucket: number): number {
  const shift = Math.max(0, (bucket >>> 5) - 1);
  return ((bucket - shift * 32 + 0.5) * 2 ** shift) / unitsPerMs;
}
