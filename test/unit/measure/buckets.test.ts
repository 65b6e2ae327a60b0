import fc from 'fast-check';
import { bucketCount, bucketOf, middleMs } from '../../../src/measure/buckets';

describe('buckets of durations', () => {
  it('keep what is between 1 µs and 134 s within 1.6 %', () => {
    fc.assert(
      fc.property(fc.double({ min: Math.log(0.001), max: Math.log(134_000), noNaN: true }), (logMs) => {
        const ms = Math.exp(logMs);
        expect(Math.abs(middleMs(bucketOf(ms)) / ms - 1)).toBeLessThanOrEqual(1 / 64 + 1e-9);
      }),
      { numRuns: 2000 },
    );
  });

  it('keep what is shorter within 16 ns', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.001, noNaN: true }), (ms) => {
        expect(Math.abs(middleMs(bucketOf(ms)) - ms)).toBeLessThanOrEqual(16e-6);
      }),
    );
  });

  it('follow each other without a gap, from the first to the last', () => {
    const middles = Array.from({ length: bucketCount }, (_, bucket) => middleMs(bucket));
    expect(middles.map(bucketOf)).toEqual(middles.map((_, bucket) => bucket));
    for (const [bucket, middle] of middles.entries())
      if (bucket > 0) expect(middle).toBeGreaterThan(middles[bucket - 1] ?? 0);
  });

  it.each([
    [0, 0],
    [-1, 0],
    [Number.NaN, 0],
    [1e9, bucketCount - 1],
    [Number.POSITIVE_INFINITY, bucketCount - 1],
  ])('take %d ms for what it can only be', (ms, bucket) => {
    expect(bucketOf(ms)).toBe(bucket);
  });
});
