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
    failover: () => calls.push('failover') > 0,
    tick: () => undefined,
    stop: () => calls.push('stop'),
    source: 3,
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
  expect(first.isAlone).toBe(true);
  sink().begin('video/mp2t');
  sink().write([packet]);
  const second = feeds.join('a', two.reader, begin);
  expect([first.isAlone, second.source, feeds.count]).toEqual([false, 3, 1]);
  sink().write([packet]);
  first.stop();
  sink().write([packet]);
  expect(calls).toEqual(['begin']);
  expect(one.told).toEqual(['video/mp2t', '188 bytes', '188 bytes']);
  expect(two.told).toEqual(['video/mp2t', '188 bytes', '188 bytes']);
  expect(second.failover()).toBe(true);
  second.stop();
  expect(calls).toEqual(['begin', 'failover', 'end of ticks', 'stop']);
  expect(feeds.has('a')).toBe(false);
});

test('streams have nothing to do with each other', () => {
  const feeds = createSharedFeeds();
  const [a, b] = [fakeFeed(), fakeFeed()];
  feeds.join('a', fakeReader().reader, a.begin);
  feeds.join('b', fakeReader().reader, b.begin);
  expect([a.calls, b.calls, feeds.count]).toEqual([['begin'], ['begin'], 2]);
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
  expect(feeds.has('a')).toBe(true);
  again.sink().end();
  expect(feeds.has('a')).toBe(false);
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
