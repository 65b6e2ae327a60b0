import fc from 'fast-check';
import { createTimeWindow } from '../../../src/measure/time-window';

/** The duration of rank `part`, as it is defined. */
function exact(sorted: readonly number[], part: number): number {
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN;
}

const durationMs = fc.double({ min: Math.log(0.001), max: Math.log(100_000), noNaN: true }).map(Math.exp);

describe('a window of durations', () => {
  it('has what is exact exactly, and every quantile within 1.6 %, whatever was recorded in however many slices', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(durationMs, fc.integer({ min: 1, max: 20 }), fc.boolean()), { minLength: 1, maxLength: 200 }),
        fc.integer({ min: 1, max: 50 }),
        (operations, perSlice) => {
          const window = createTimeWindow(201, 0);
          const all: number[] = [];
          let errors = 0;
          let nowMs = 0;
          for (const [index, [ms, count, hasFailed]] of operations.entries()) {
            if (index % perSlice === perSlice - 1) window.turn(++nowMs);
            window.record(ms, count, hasFailed ? count : 0);
            errors += hasFailed ? count : 0;
            for (let i = 0; i < count; i++) all.push(ms);
          }
          all.sort((a, b) => a - b);
          const { times, ...counts } = window.read(nowMs, nowMs);
          expect(counts).toEqual({ count: all.length, errors, coveredMs: nowMs });
          expect(times?.min).toBe(all[0]);
          expect(times?.max).toBe(all.at(-1));
          const sum = all.reduce((total, ms) => total + ms, 0);
          expect((times?.mean ?? 0) / (sum / all.length)).toBeCloseTo(1, 9);
          for (const [seen, part] of [
            [times?.p50, 0.5],
            [times?.p95, 0.95],
            [times?.p99, 0.99],
          ] as const) {
            expect(Math.abs((seen ?? 0) / exact(all, part) - 1)).toBeLessThanOrEqual(1 / 64 + 1e-9);
          }
        },
      ),
    );
  });

  it('forgets what is older than was asked for, by whole slices', () => {
    const window = createTimeWindow(5, 0);
    for (let second = 0; second < 4; second++) {
      if (second > 0) window.turn(second * 1000);
      window.record(second + 1, 1, 0);
    }
    expect(window.read(1000, 3500)).toMatchObject({ coveredMs: 1500, count: 2, times: { min: 3, max: 4 } });
    expect(window.read(2500, 3500)).toMatchObject({ coveredMs: 2500, count: 3 });
    expect(window.read(10, 3500)).toMatchObject({ coveredMs: 500, count: 1 });
    expect(window.read(60_000, 3500)).toMatchObject({ coveredMs: 3500, count: 4 });
  });

  it('takes the place of the oldest slice again, which is empty then', () => {
    const window = createTimeWindow(3, 0);
    for (let second = 0; second < 10; second++) {
      window.record(100 - second, 2, 1);
      window.turn((second + 1) * 1000);
    }
    expect(window.read(60_000, 10_500)).toMatchObject({
      coveredMs: 2500,
      count: 4,
      errors: 2,
      times: { min: 91, mean: 91.5, max: 92 },
    });
    window.turn(11_000);
    window.turn(12_000);
    window.turn(13_000);
    expect(window.read(60_000, 13_000)).toEqual({ coveredMs: 2000, count: 0, errors: 0, times: undefined });
  });

  it('has no figures of nothing', () => {
    expect(createTimeWindow(3, 50).read(1000, 60)).toEqual({ coveredMs: 10, count: 0, errors: 0, times: undefined });
  });
});
