import type { FeedSink, LiveFeed } from '../../../src/relay/live-feed';
import type { SourceFailure } from '../../../src/relay/provider';
import { type BegunFeed, createSharedFeeds } from '../../../src/relay/shared-feeds';
import type { SharedReader } from '../../../src/relay/shared-source';

const packet = Buffer.alloc(188, 0x47);

/** A feed that gives what the test says. */
function fakeFeed() {
  const calls: string[] = [];
  let sink: FeedSink | undefined;
  const feed: LiveFeed = {
    resume: () => calls.push('resume'),
    failover: () => calls.push('failover'),
    tick: () => undefined,
    stop: () => calls.push('stop'),
    source: 3,
    card: undefined,
  };
  const begin = (given: FeedSink): BegunFeed => {
    sink = given;
    calls.push('begin');
    return { feed, end: () => calls.push('end of ticks') };
  };
  return {
    begin,
    calls,
    sink: () => {
      if (sink === undefined) throw new Error('it was not begun');
      return sink;
    },
  };
}

function fakeReader(isSlow = false) {
  const told: string[] = [];
  const reader: SharedReader = {
    begin: (type) => told.push(type),
    write(bytes) {
      told.push(`${Buffer.concat([...bytes]).length} bytes`);
      return !isSlow;
    },
    fill: () => told.push('fill'),
    end: () => told.push('end'),
    fail: (failures) => told.push(`fail ${failures.length}`),
    drop: () => told.push('drop'),
  };
  return { reader, told };
}

test('one feed for all readers of a stream, from the first one to the last', () => {
  const feeds = createSharedFeeds();
  const { begin, calls, sink } = fakeFeed();
  const [one, two] = [fakeReader(), fakeReader()];
  const first = feeds.join('a', one.reader, begin);
  sink().begin('video/mp2t');
  sink().write([packet]);
  const second = feeds.join('a', two.reader, begin);
  expect(second.source).toBe(3);
  expect(calls).toEqual(['begin']);
  sink().write([packet]);
  first.stop();
  sink().write([packet]);
  expect(calls).toEqual(['begin']);
  expect(one.told).toEqual(['video/mp2t', '188 bytes', '188 bytes']);
  expect(two.told).toEqual(['video/mp2t', '188 bytes', '188 bytes']);
  second.stop();
  expect(calls).toEqual(['begin', 'end of ticks', 'stop']);
  feeds.join('a', fakeReader().reader, begin);
  expect(calls).toEqual(['begin', 'end of ticks', 'stop', 'begin']);
});

test('streams have nothing to do with each other', () => {
  const feeds = createSharedFeeds();
  const [a, b] = [fakeFeed(), fakeFeed()];
  feeds.join('a', fakeReader().reader, a.begin);
  feeds.join('b', fakeReader().reader, b.begin);
  expect([a.calls, b.calls]).toEqual([['begin'], ['begin']]);
});

test('an order to all readers in one turn moves the stream once, and each is told where to', async () => {
  const feeds = createSharedFeeds();
  const { begin, calls } = fakeFeed();
  const reads = Array.from({ length: 3 }, () => feeds.join('a', fakeReader().reader, begin));
  expect(reads.map((read) => read.failover())).toEqual([2, 2, 2]);
  expect(calls).toEqual(['begin', 'failover']);
  await Promise.resolve();
  expect(reads.map((read) => read.failover())).toEqual([3, 3, 3]);
  expect(calls).toEqual(['begin', 'failover', 'failover']);
});

test('who comes after the stream has failed or ended begins it anew', () => {
  const feeds = createSharedFeeds();
  const failed = fakeFeed();
  const reader = fakeReader();
  const read = feeds.join('a', reader.reader, failed.begin);
  const failure: SourceFailure = { trigger: 'connect', status: undefined, retryAfterMs: undefined, reason: 'no' };
  failed.sink().fail([failure]);
  expect(reader.told).toEqual(['fail 1']);
  const again = fakeFeed();
  const later = feeds.join('a', fakeReader().reader, again.begin);
  expect(again.calls).toEqual(['begin']);
  // The one that failed takes nothing of the new one with it.
  read.stop();
  feeds.join('a', fakeReader().reader, again.begin);
  expect(again.calls).toEqual(['begin']);
  again.sink().end();
  feeds.join('a', fakeReader().reader, again.begin);
  expect(again.calls).toEqual(['begin', 'begin']);
  later.stop();
});

test('the feed waits while nobody can take bytes, and goes on when one can', () => {
  const feeds = createSharedFeeds();
  const { begin, calls, sink } = fakeFeed();
  const read = feeds.join('a', fakeReader(true).reader, begin);
  sink().begin('video/mp2t');
  expect(sink().write([packet])).toBe(false);
  read.resume();
  expect(calls).toEqual(['begin', 'resume']);
});
