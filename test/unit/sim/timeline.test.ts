import { partReadyMs, type SimVariant, timelineAt } from '../../../src/sim/timeline';

describe('what exists of a stream', () => {
  it.each<[SimVariant, number, Partial<ReturnType<typeof timelineAt>>]>([
    ['fmp4', -500, { complete: 0, listedFrom: 0, listedTo: 0, mediaSequence: 0, openParts: 0 }],
    ['fmp4', 999, { complete: 0, listedTo: 0 }],
    ['fmp4', 2000, { complete: 2, listedFrom: 0, listedTo: 2, mediaSequence: 0 }],
    ['fmp4', 7999, { listedFrom: 0, listedTo: 7, mediaSequence: 0 }],
    ['fmp4', 8000, { listedFrom: 1, listedTo: 8, mediaSequence: 1 }],
    ['mpegts', 20_000, { listedFrom: 13, listedTo: 20, mediaSequence: 13 }],
    ['lowLatency', 999, { complete: 0, firstId: 7, listedFrom: 7, listedTo: 7, mediaSequence: 0, openParts: 4 }],
    ['lowLatency', 1000, { complete: 1, listedFrom: 1, listedTo: 8, mediaSequence: 1, openParts: 0 }],
    ['lowLatency', 3400, { complete: 3, listedFrom: 3, listedTo: 10, mediaSequence: 3, openParts: 2 }],
    ['lowLatency', 9000, { complete: 9, listedFrom: 9, listedTo: 16, mediaSequence: 9, openParts: 0 }],
  ])('%s after %d ms', (variant, elapsedMs, expected) => {
    expect(timelineAt(variant, elapsedMs)).toMatchObject(expected);
  });
});

describe('a blocking reload', () => {
  // At 3,400 ms segments 3 to 9 are listed, of which 7 to 9 have content, and two parts of segment 10 exist.
  it.each<[number, number, number | string]>([
    [10, 0, 3200],
    [10, 1, 3400],
    [10, 2, 3600],
    [10, 4, 4000],
    [10, 5, 5000],
    [10, 99, 5000],
    [11, 0, 4200],
    [12, 0, 'out of range'],
    [900, 0, 'out of range'],
    [9, 0, 2200],
    [9, 5, 4000],
    [4, 0, 4000],
    [3, 0, 'out of range'],
    [0, 0, 'out of range'],
  ])('of part %d.%d is looked at again at %s', (msn, part, expected) => {
    expect(partReadyMs(3400, msn, part)).toBe(expected);
  });

  it('of a gap is out of range once the gap is gone', () => {
    expect(partReadyMs(3999, 4, 0)).toBe(4000);
    expect(partReadyMs(4000, 4, 0)).toBe('out of range');
  });
});
