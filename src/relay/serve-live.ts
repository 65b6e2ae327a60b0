import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from '../log';
import { nullPackets } from '../mpegts';
import type { Accounts } from './accounts';
import { type ActiveStream, type ActiveStreams, allSourcesOf, type BegunStandby } from './active-streams';
import type { Cards } from './cards';
import { withClientQuery } from './catch-up';
import type { RelayClients, RelayReports } from './client';
import type { createFoundType } from './found-type';
import { createLiveFeed, type FeedSink, type FeedTimes } from './live-feed';
import { respondFull, respondNoSource } from './no-source';
import type { Provider } from './provider';
import type { BegunFeed, Reading, SharedFeeds } from './shared-feeds';
import type { SharedReader } from './shared-source';
import { createStandby } from './standby';
import { providerHeaders, type RelayStream } from './stream';
import type { createStreamResolvers } from './stream-resolvers';
import type { SlotPolicy } from './take-slot';
import type { Ticker } from './ticker';
import { clientOf, type Viewer } from './viewer';

export interface LiveOptions {
  readonly provider: Provider;
  /** `client`: each client has a connection to the provider of its own; `stream`: all clients of a stream read one together. */
  readonly share: 'client' | 'stream';
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
  readonly clients: RelayClients;
  readonly reports: RelayReports;
  readonly ticker: Ticker;
  /** Answers whoever asked for a live stream that is HLS. */
  readonly foundType: ReturnType<typeof createFoundType>;
  readonly log: Logger;
  readonly nowMs: () => number;
}

/** Who asks, and what its URL had behind `?`. */
export interface LiveRequest {
  readonly viewer: Viewer;
  readonly query: string;
}

/** What a live stream says of itself before its bytes: it has no length and no places, and nobody may keep it. */
const liveHeaders = [
  'cache-control',
  'no-store',
  'accept-ranges',
  'none',
  'access-control-allow-origin',
  '*',
  'x-content-type-options',
  'nosniff',
  'connection',
  'close',
];
/** A client that asks for no more than this wants to know what the stream is, and not the stream. */
const longestProbe = 64 * 1024;

/**
 * Answers what needs no provider: HEAD, and the first bytes that a player asks for to see what it gets.
 * @returns whether it was such a question.
 */
export function answerProbe(req: IncomingMessage, res: ServerResponse): boolean {
  if (req.method === 'HEAD') {
    res.writeHead(200, ['content-type', 'video/mp2t', ...liveHeaders]);
    res.end();
    return true;
  }
  const [, lastText] = /^bytes=0-(\d{1,6})$/.exec(req.headers.range ?? '') ?? [];
  const length = Number(lastText) + 1;
  if (!(length <= longestProbe)) return false;
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += nullPackets.length) nullPackets.copy(bytes, at);
  const range = `bytes 0-${length - 1}/*`;
  const head = ['content-type', 'video/mp2t', 'content-length', String(length), 'content-range', range];
  res.writeHead(206, [...head, ...liveHeaders]);
  res.end(bytes);
  return true;
}

/** Gives a live stream to one client until the client goes. */
export function serveLive(
  res: ServerResponse,
  { viewer, query }: LiveRequest,
  stream: () => RelayStream,
  options: LiveOptions,
): void {
  const { streams, clients, reports, nowMs } = options;
  const { id: streamId } = stream();
  const active = streams.of(streamId);
  let endReason: string | undefined;
  const reading: { feed: Reading | undefined } = { feed: undefined };
  const standing = {
    bytes: 0,
    failovers: 0,
    lastAccessMs: nowMs(),
    get source() {
      return reading.feed?.source ?? -1;
    },
    get card() {
      return reading.feed?.card;
    },
  };
  const client = clientOf(viewer, streamId, standing, {
    disconnect: () => res.destroy(),
    failover: (to) => reading.feed?.failover(to),
  });
  if (!clients.add(client)) {
    respondFull(res);
    return;
  }
  // Nobody plays it now: from here on it begins with its primary source again.
  if (active.clients.size === 0 && options.failback === 'idle') active.start = 0;
  active.clients.add(client);
  if (options.standby === 'hot') active.standby ??= startStandby(stream, active, options);

  const reader: SharedReader = {
    begin(contentType) {
      // The body ends where the connection does: chunks would cost bytes and time, and mean nothing here.
      res.useChunkedEncodingByDefault = false;
      res.writeHead(200, ['content-type', contentType, ...liveHeaders]);
      res.flushHeaders();
    },
    write(buffers) {
      standing.lastAccessMs = nowMs();
      let takesMore = true;
      if (buffers.length > 1) res.cork();
      for (const buffer of buffers) {
        standing.bytes += buffer.length;
        takesMore = res.write(buffer);
      }
      if (buffers.length > 1) res.uncork();
      return takesMore;
    },
    fill(packets) {
      // Whoever does not even take these needs no more of them.
      if (!res.writableNeedDrain) res.write(packets);
    },
    end: () => res.end(),
    fail(failures) {
      const [first] = failures;
      if (first?.found === 'hls') {
        endReason = first.reason;
        void options.foundType(res, { stream: stream(), type: 'hls', query, failures });
        return;
      }
      if (first !== undefined) reports.clientFailed(client, first);
      endReason = first?.reason;
      respondNoSource(res, failures);
    },
    drop(reason) {
      endReason = reason;
      options.log.info({ stream: streamId, client: viewer.id, reason }, 'a client of a shared stream was dropped');
      res.destroy();
    },
  };
  const isShared = isReadTogether(stream(), query, options);
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
      client: () => (isShared && active.clients.size > 1 ? `readers of ${streamId}` : viewer.player),
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
        connected: (source, elapsedMs, failure) => reports.connected(streamId, source, elapsedMs, failure),
        failedOver(report) {
          standing.failovers++;
          if (report.to !== 'card') active.start = report.to;
          reports.failedOver({ client, ...report });
        },
      },
      nowMs,
    });
    return { feed, end: options.ticker.add(() => feed.tick()) };
  };
  const feed = isShared ? options.shared.join(streamId, reader, begin) : readAlone(reader, begin);
  reading.feed = feed;
  res.on('drain', () => feed.resume());
  res.once('close', () => {
    feed.stop();
    active.clients.delete(client);
    if (active.clients.size === 0) {
      active.standby?.end();
      active.standby = undefined;
    }
    clients.remove(client, endReason);
  });
}

function startStandby(stream: () => RelayStream, active: ActiveStream, options: LiveOptions): BegunStandby {
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

/** Whether clients of this stream read one connection together. What one asks of the past is for nobody else. */
function isReadTogether({ url }: RelayStream, query: string, { share, policy, accounts }: LiveOptions): boolean {
  const isWanted = share === 'stream' || (policy.whenFull === 'share' && accounts.nameOf(url) !== undefined);
  return isWanted && withClientQuery(url, query) === url;
}
