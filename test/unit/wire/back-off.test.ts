import { backOffMs } from '../../../src/wire';

const backOff = { firstMs: 250, longestMs: 30_000 };

test('twice as long with each failure, up to the longest', () => {
  expect([1, 2, 3, 4, 7, 8, 50, 5000].map((failures) => backOffMs(failures, backOff))).toEqual([
    250, 500, 1000, 2000, 16_000, 30_000, 30_000, 30_000,
  ]);
  expect([1, 2, 3, 4].map((failures) => backOffMs(failures, { ...backOff, factor: 4 }))).toEqual([
    250, 1000, 4000, 16_000,
  ]);
});

test('chance makes it up to a quarter shorter, and never longer', () => {
  expect([0, 0.5, 1].map((random) => backOffMs(2, backOff, () => random))).toEqual([500, 437.5, 375]);
  expect(backOffMs(100, backOff, () => 1)).toBe(22_500);
});
