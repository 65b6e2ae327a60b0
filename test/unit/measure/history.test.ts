import { createHistory, quantileMs, type Reading } from '../../../src/measure/history';
import { createTimeHistogram, observeSeconds } from '../../../src/measure/time-histogram';

const bounds = [0.001, 0.01, 0.1];

function reading(atMs: number, more: Partial<Reading> = {}): Reading {
  const readings = { viewers: 0, streams: 0, servers: 3, requests: 0, apiCalls: 0, decisionTimes: [] };
  return { atMs, ...readings, ...more };
}

describe('quantileMs', () => {
  it.each([
    ['nothing', [0, 0, 0, 0], 0.5, undefined],
    ['the middle of one bucket', [0, 10, 0, 0], 0.5, 5.5],
    ['the end of it', [0, 10, 0, 0], 1, 10],
    ['a bucket further on', [5, 0, 5, 0], 0.99, 98.2],
    ['above the last bound: that bound', [0, 0, 0, 4], 0.5, 100],
  ] as const)('%s', (_, counts, q, expected) => {
    const value = quantileMs(bounds, counts, q);
    if (expected === undefined) expect(value).toBeUndefined();
    else expect(value).toBeCloseTo(expected, 6);
  });
});

describe('history', () => {
  it('keeps what happened between two readings, over counters that begin anew', () => {
    const history = createHistory(10);
    const spoe = createTimeHistogram(bounds);
    const http = createTimeHistogram(bounds);
    observeSeconds(spoe, 0.005, 4);
    history.take(reading(0, { requests: 100, apiCalls: 7, decisionTimes: [spoe, http] }));
    expect(history.latest()).toBeUndefined();
    observeSeconds(http, 0.005, 2);
    history.take(reading(5000, { requests: 150, apiCalls: 10, viewers: 4, decisionTimes: [spoe, http] }));
    expect(history.latest()).toMatchObject({
      atMs: 5000,
      seconds: 5,
      viewers: 4,
      decisions: 2,
      requests: 50,
      apiCalls: 3,
      naiveCalls: 150,
    });
    history.take(reading(10_000, { requests: 30, apiCalls: 2, decisionTimes: [spoe, http] }));
    expect(history.latest()).toMatchObject({ decisions: 0, p50Ms: undefined, requests: 30, apiCalls: 2 });
  });

  it('says that requests are not known where nobody tells', () => {
    const history = createHistory(10);
    history.take(reading(0, { requests: undefined }));
    history.take(reading(5000, { requests: 10 }));
    expect(history.whole()).toMatchObject({ requests: undefined, naiveCalls: undefined });
  });

  it('is bounded, and merges neighbours: counts are summed, levels are the greatest', () => {
    const history = createHistory(6);
    for (let i = 0; i <= 20; i++) history.take(reading(i * 5000, { requests: i * 10, viewers: i }));
    expect(history.samples(100).map(({ viewers }) => viewers)).toEqual([15, 16, 17, 18, 19, 20]);
    expect(history.samples(3).map(({ viewers, requests, seconds }) => [viewers, requests, seconds])).toEqual([
      [16, 20, 10],
      [18, 20, 10],
      [20, 20, 10],
    ]);
    expect(history.samples(4)).toHaveLength(3);
    expect(history.whole()).toMatchObject({ seconds: 30, requests: 60, viewers: 20, atMs: 100_000 });
  });
});
