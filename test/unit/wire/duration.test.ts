import fc from 'fast-check';
import { formatDuration, parseDuration } from '../../../src/config/duration';

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
