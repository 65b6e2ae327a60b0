import fc from 'fast-check';
import { durationPattern, formatDuration, parseDuration } from '../../../src/wire/duration';

describe('parseDuration', () => {
  it.each([
    ['80ms', 80],
    ['2s', 2000],
    ['30m', 1_800_000],
    ['1h', 3_600_000],
    ['0', 0],
    ['80', 80],
    [80, 80],
  ])('%j is %d ms', (given, expected) => expect(parseDuration(given)).toBe(expected));

  it.each([
    '',
    's',
    '-1s',
    '1.5s',
    '1 s',
    '1d',
    '1S',
    '1s2ms',
    '9999999999999s',
    -1,
    1.5,
    Number.NaN,
    null,
    undefined,
    true,
    [],
    {},
  ])('%j is none', (given) => expect(parseDuration(given)).toBeUndefined());

  it('reads back what formatDuration writes', () => {
    fc.assert(fc.property(fc.nat(), (durationMs) => parseDuration(formatDuration(durationMs)) === durationMs));
  });
});

describe('durationPattern', () => {
  it.each([
    [15_000, 3_600_000],
    [1000, 604_800_000],
  ])('of %d to %d ms takes what is in that range, and nothing else', (least, most) => {
    const pattern = new RegExp(durationPattern(least, most, 'needed'));
    const bounds = [least, most].flatMap((bound) =>
      [1, 1000, 60_000, 3_600_000].map((unit) => Math.floor(bound / unit)),
    );
    const near = fc.oneof(
      fc.nat({ max: 2 * most }),
      fc.constantFrom(...bounds).chain((n) => fc.constantFrom(n - 1, n, n + 1)),
    );
    fc.assert(
      fc.property(near, fc.constantFrom('ms', 's', 'm', 'h'), (number, unit) => {
        const ms = parseDuration(`${number}${unit}`);
        return pattern.test(`${number}${unit}`) === (ms !== undefined && ms >= least && ms <= most);
      }),
      { numRuns: 2000 },
    );
    expect(pattern.test(String(least))).toBe(false);
    expect(new RegExp(durationPattern(least, most, 'may be left out')).test(String(least))).toBe(true);
  });
});
