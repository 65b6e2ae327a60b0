import type { Accounts } from './accounts';
import { type ActiveStream, type ActiveStreams, allSourcesOf, type BegunStandby } from './active-streams';
import type { Cards } from './cards';
import { withClientQuery } from './catch-up';
import type { Failover, RelayReports } from './client';
import { createLiveFeed, type FeedSink, type FeedTimes } from './live-feed';
import type { Provider } from './provider';
import type { BegunFeed, Reading, SharedFeeds } from './shared-feeds';
import type { SharedReader } from './shared-source';
import { createStandby } from './standby';
import { providerHeaders, type RelayStream } from './stream';
import type { createStreamResolvers } from './stream-resolvers';
import type { SlotPolicy } from './take-slot';
import type { Ticker } from './ticker';

export interface ReadLiveOptions {
  readonly provider: Provider;
  readonly shared: SharedFeeds;
  readonly accounts: Accounts;
  readonly policy: SlotPolicy;
  readonly times: FeedTimes;
  /** Asks the resolver of a stream. */
  readonly resolve: ReturnType<typeof createStreamResolvers>;
  /** Undefined: there are none. */
  readonly cards: Cards | undefined;
  /** `idle`: a stream that nobody plays begins with its primary source again; `never`: it begins where it was last. */
  readonly failback: 'idle' | 'never';
  /** `hot`: while a stream is played and a slot is free, its next source is read before it is needed. */
  readonly standby: 'none' | 'hot';
  readonly streams: ActiveStreams;
  readonly reports: Pick<RelayReports, 'connected'>;
  readonly ticker: Ticker;
  readonly nowMs: () => number;
}

/** How somebody reads a live stream. */
export interface LiveReads {
  /** What the URL of the player had behind `?`. */
  readonly query: string;
  /** Whether it reads along with others who do so. */
  readonly isShared: boolean;
  /** Who it is for the accounts, where it reads alone. */
  readonly player: () => string;
  readonly failedOver: (report: Omit<Failover, 'client'>) => void;
}

/** Reads a live stream until `stop` is called: with its first reader it begins, and with its last one everything of it ends. */
export function readLive(
  stream: () => RelayStream,
  reader: SharedReader,
  { query, isShared, player, failedOver }: LiveReads,
  options: ReadLiveOptions,
): Reading {
  const { id: streamId } = stream();
  const active = options.streams.of(streamId);
  // Nobody reads it now: from here on it begins with its primary source again.
  if (active.readers.size === 0 && options.failback === 'idle') active.start = 0;
  active.readers.add(reader);
  if (options.standby === 'hot') active.standby ??= startStandby(stream, active, options);

  const begin = (sink: FeedSink): BegunFeed => {
    const feed = createLiveFeed({
      sources: () => allSourcesOf(stream(), active),
      start: active.start,
      headers: () => providerHeaders(stream()),
      urlFor: (source) => withClientQuery(source, query),
      provider: options.provider,
      accounts: options.accounts,
      policy: options.policy,
      // A player that changes the channel takes its connection along, unless others read it too.
      client: () => (isShared && active.readers.size > 1 ? `readers of ${streamId}` : player()),
      health: active.health,
      standby: query === '' ? active.standby?.source : undefined,
      resolve: (left) => options.resolve(stream(), left),
      cards: options.cards,
      times: options.times,
      sink,
      reports: {
        began(source) {
          active.start = source;
        },
        connected: (source, elapsedMs, failure) => options.reports.connected(streamId, source, elapsedMs, failure),
        failedOver(report) {
          if (report.to !== 'card') active.start = report.to;
          failedOver(report);
        },
      },
      nowMs: options.nowMs,
    });
    return { feed, end: options.ticker.add(() => feed.tick()) };
  };

  const reading = isShared ? options.shared.join(streamId, reader, begin) : readAlone(reader, begin);
  return {
    resume: () => reading.resume(),
    failover: (to) => reading.failover(to),
    stop() {
      reading.stop();
      active.readers.delete(reader);
      if (active.readers.size > 0) return;
      active.standby?.end();
      active.standby = undefined;
    },
    get source() {
      return reading.source;
    },
    get card() {
      return reading.card;
    },
  };
}

function startStandby(stream: () => RelayStream, active: ActiveStream, options: ReadLiveOptions): BegunStandby {
  const { provider, accounts, times, nowMs, ticker } = options;
  const { health } = active;
  const standby = createStandby({
    wanted() {
      const sources = allSourcesOf(stream(), active);
      const next = health.next(sources, active.start, nowMs());
      return next === undefined || next.index === active.start ? undefined : sources[next.index];
    },
    headers: () => providerHeaders(stream()),
    provider,
    accounts,
    client: `standby of ${stream().id}`,
    health,
    stallMs: times.stallMs,
    nowMs,
  });
  const endTicks = ticker.add(() => standby.tick());
  return {
    source: standby,
    end() {
      endTicks();
      standby.stop();
    },
  };
}

function readAlone(reader: SharedReader, begin: (sink: FeedSink) => BegunFeed): Reading {
  const { feed, end } = begin(reader);
  return {
    resume: () => feed.resume(),
    failover: (to) => feed.failover(to),
    stop() {
      end();
      feed.stop();
    },
    get source() {
      return feed.source;
    },
    get card() {
      return feed.card;
    },
  };
}
