import { counted, formatAge, formatBits, formatBytes, formatCount, formatRate, formatTook } from '../../../ui/format';

it.each([
  [formatCount, 1_234_567, '1,234,567'],
  [formatCount, null, '–'],
  [formatRate, 0, '0'],
  [formatRate, 0.01, '<0.1'],
  [formatRate, 0.44, '0.4'],
  [formatRate, 12.4, '12'],
  [formatTook, 0.0352, '35 µs'],
  [formatTook, 0.9999, '1.0 ms'],
  [formatTook, 80.2, '80 ms'],
  [formatTook, 1500, '1.5 s'],
  [formatAge, -3, '0.0 s'],
  [formatAge, 400, '0.4 s'],
  [formatAge, 12_000, '12 s'],
  [formatAge, 180_000, '3 min'],
  [formatAge, 18_000_000, '5 h'],
  [formatAge, 172_800_000, '2 d'],
  [formatAge, Number.NaN, '–'],
  [formatBits, 100_000, '800 kbit/s'],
  [formatBits, 525_000, '4.2 Mbit/s'],
  [formatBits, null, '–'],
  [formatBytes, 820, '820 B'],
  [formatBytes, 12_345, '12 kB'],
  [formatBytes, 999_600, '1.0 MB'],
  [formatBytes, 1_250_000_000, '1.3 GB'],
  [formatBytes, null, '–'],
] as const)('%p writes %p as %p', (format, value, expected) => expect(format(value)).toBe(expected));

it('counts things', () => expect([counted(1, 'viewer'), counted(0, 'viewer')]).toEqual(['1 viewer', '0 viewers']));
