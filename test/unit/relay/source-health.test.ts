import fc from 'fast-check';
import type { SourceFailure } from '../../../src/relay/provider';
import { createSourcesHealth } from '../../../src/relay/source-health';

const [one, two, three] = ['http://one/', 'http://two/', 'http://three/'];
const list = [one, two, three];
const failure: SourceFailure = { trigger: 'status', status: 503, retryAfterMs: undefined, reason: 'no' };

test('the list is gone through in order, from the source that failed on, and wraps', () => {
  const health = createSourcesHealth();
  expect(health.next(list, 0, 0)).toEqual({ index: 1, waitMs: 0 });
  expect(health.next(list, 2, 0)).toEqual({ index: 0, waitMs: 0 });
  expect(health.next([one], 0, 0)).toEqual({ index: 0, waitMs: 0 });
  expect(health.next([], 0, 0)).toBeUndefined();
});

test('a source that failed is left out while another is not, and comes back after its pause', () => {
  const health = createSourcesHealth();
  health.failed(two, failure, 0, 100);
  expect(health.next(list, 0, 200)).toEqual({ index: 2, waitMs: 0 });
  expect(health.next(list, 0, 1100)).toEqual({ index: 1, waitMs: 0 });
});

test('when all are to be left alone, the one that comes back first is waited for', () => {
  const health = createSourcesHealth();
  health.failed(one, failure, 0, 0);
  health.failed(two, failure, 0, 300);
  health.failed(three, failure, 0, 600);
  expect(health.next(list, 2, 700)).toEqual({ index: 0, waitMs: 300 });
});

test('pauses double, up to a bound', () => {
  const health = createSourcesHealth({ leastPauseMs: 1000, mostPauseMs: 30_000 });
  const pauses: number[] = [];
  let now = 0;
  for (let i = 0; i < 8; i++) {
    health.failed(one, failure, now, now);
    const { retryAtMs } = health.of(one);
    pauses.push(retryAtMs - now);
    now = retryAtMs;
  }
  expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
});

test('one failure that a hundred connections report is one', () => {
  const health = createSourcesHealth();
  for (let i = 0; i < 100; i++) health.failed(one, failure, i, 1000 + i);
  expect(health.of(one)).toMatchObject({ failures: 1, retryAtMs: 2000 });
  health.works(one);
  // One that was begun before that failure is late with its report.
  health.failed(one, failure, 500, 3000);
  expect(health.of(one).failures).toBe(0);
  health.failed(one, failure, 2500, 3000);
  expect(health.of(one).failures).toBe(1);
});

test("the provider's Retry-After counts where it is longer, up to the bound", () => {
  const health = createSourcesHealth();
  health.failed(one, { ...failure, retryAfterMs: 12_000 }, 0, 0);
  expect(health.of(one).retryAtMs).toBe(12_000);
  health.failed(two, { ...failure, retryAfterMs: 86_400_000 }, 0, 0);
  expect(health.of(two).retryAtMs).toBe(30_000);
});

test('a viewer who waits for the first picture waits no longer than it says', () => {
  const health = createSourcesHealth();
  for (let i = 0; i < 6; i++) health.failed(one, failure, i * 100, i * 100);
  expect(health.next([one], 0, 500, 1000)).toEqual({ index: 0, waitMs: 1000 });
});

test('sources that lists named once do not fill the memory', () => {
  const health = createSourcesHealth();
  for (let i = 0; i < 1000; i++) health.failed(`http://${i}/`, failure, i, i);
  expect(health.of('http://999/').failures).toBe(1);
  expect(health.of('http://0/').failures).toBe(0);
});

test('whatever fails, the next source is one of the list, and the wait is never longer than the bound', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(2), fc.nat(5000)), { maxLength: 60 }), fc.nat(2), (events, from) => {
      const health = createSourcesHealth();
      let now = 0;
      for (const [index, passed] of events) {
        health.failed(list[index] ?? one, failure, now, now);
        now += passed;
      }
      const next = health.next(list, from, now);
      return next !== undefined && next.index < 3 && next.waitMs >= 0 && next.waitMs <= 30_000;
    }),
  );
});
