import type { FeedSink, LiveFeed } from './live-feed';
import { createSharedSource, type SharedReader } from './shared-source';

/** How a reader of a feed holds it. */
export type Reading = Omit<LiveFeed, 'tick'>;

export interface SharedFeeds {
  /** Reads along with those who read the stream, or begins it. `begin` makes the feed and says how its ticks are ended. */
  join(streamId: string, reader: SharedReader, begin: (sink: FeedSink) => BegunFeed): Reading;
}

export interface BegunFeed {
  readonly feed: LiveFeed;
  readonly end: () => void;
}

interface Shared {
  readonly source: ReturnType<typeof createSharedSource>;
  feed: LiveFeed | undefined;
  /** Where an order of this turn moves it. */
  moved: { readonly to: number | undefined } | undefined;
  end: () => void;
}

/** Makes the feeds that many read together: one connection to a provider for each stream, from its first reader to its last one. */
export function createSharedFeeds(): SharedFeeds {
  const byStream = new Map<string, Shared>();

  function find(streamId: string, begin: (sink: FeedSink) => BegunFeed): Shared {
    const there = byStream.get(streamId);
    if (there !== undefined) return there;
    const source = createSharedSource({ onResume: () => made.feed?.resume() });
    const made: Shared = { source, feed: undefined, moved: undefined, end: () => undefined };
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

  /** Everybody is told to move in one turn: the stream moves once for all. */
  function move(shared: Shared, to?: string): number | undefined {
    if (shared.moved === undefined) {
      shared.moved = { to: shared.feed?.failover(to) };
      queueMicrotask(() => (shared.moved = undefined));
    }
    return shared.moved.to;
  }

  return {
    join(streamId, reader, begin) {
      const shared = find(streamId, begin);
      const place = shared.source.join(reader);
      return {
        resume: () => place.resume(),
        failover: (to) => move(shared, to),
        stop() {
          place.leave();
          if (shared.source.readers === 0) shared.end();
        },
        get source() {
          return shared.feed?.source ?? -1;
        },
        get card() {
          return shared.feed?.card;
        },
      };
    },
  };
}
