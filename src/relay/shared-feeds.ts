import type { FeedSink, LiveFeed } from './live-feed';
import { createSharedSource, type SharedReader } from './shared-source';

/** What a reader of a shared stream holds. */
export interface SharedRead extends Omit<LiveFeed, 'tick'> {
  /** Whether it is the only reader. */
  readonly isAlone: boolean;
}

export interface SharedFeeds {
  /** Reads along with those who read the stream, or begins it. `begin` makes the feed and says how its ticks are ended. */
  join(streamId: string, reader: SharedReader, begin: (sink: FeedSink) => BegunFeed): SharedRead;
  /** Streams that are read now. */
  readonly count: number;
  /** Whether somebody reads this one. */
  has(streamId: string): boolean;
}

export interface BegunFeed {
  readonly feed: LiveFeed;
  readonly end: () => void;
}

interface Shared {
  readonly source: ReturnType<typeof createSharedSource>;
  feed: LiveFeed | undefined;
  end: () => void;
}

/** Makes the feeds that many read together: one connection to a provider for each stream, from its first reader to its last one. */
export function createSharedFeeds(): SharedFeeds {
  const byStream = new Map<string, Shared>();

  function find(streamId: string, begin: (sink: FeedSink) => BegunFeed): Shared {
    const there = byStream.get(streamId);
    if (there !== undefined) return there;
    const source = createSharedSource({ onResume: () => made.feed?.resume() });
    const made: Shared = { source, feed: undefined, end: () => undefined };
    byStream.set(streamId, made);
    const forget = (): void => {
      if (byStream.get(streamId) === made) byStream.delete(streamId);
    };
    const { feed, end } = begin({
      begin: (type) => source.begin(type),
      write: (bytes) => source.write(bytes),
      fill: (packets) => source.fill(packets),
      end() {
        // Whoever comes now begins anew.
        forget();
        source.end();
      },
      fail(failures) {
        forget();
        source.fail(failures);
      },
    });
    made.feed = feed;
    made.end = () => {
      forget();
      end();
      feed.stop();
    };
    return made;
  }

  return {
    join(streamId, reader, begin) {
      const shared = find(streamId, begin);
      const place = shared.source.join(reader);
      return {
        resume: () => place.resume(),
        failover: () => shared.feed?.failover() ?? false,
        stop() {
          place.leave();
          if (shared.source.readers === 0) shared.end();
        },
        get source() {
          return shared.feed?.source ?? -1;
        },
        get isAlone() {
          return shared.source.readers === 1;
        },
      };
    },
    get count() {
      return byStream.size;
    },
    has: (streamId) => byStream.has(streamId),
  };
}
