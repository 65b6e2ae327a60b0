import { totalmem } from 'node:os';
import type { Logger } from '../log';
import type { RecordTime } from '../measure';
import type { Accounts } from './accounts';
import { type ActiveStream, type ActiveStreams, allSourcesOf } from './active-streams';
import {
  type Channel,
  type ChannelFill,
  type ChannelReaders,
  type ChannelSettings,
  type ChannelSink,
  createChannel,
} from './channel';
import { type ChannelFeed, type ChannelFeedSettings, createChannelFeed } from './channel-feed';
import { type ChannelStats, createChannelStats } from './channel-stats';
import type { RelayClients, RelayReports } from './client';
import type { FeedTimes } from './live-feed';
import type { Provider } from './provider';
import type { LiveReads } from './read-live';
import type { ReadStream } from './serve-live';
import { providerHeaders, type RelayStream } from './stream';
import type { createStreamResolvers } from './stream-resolvers';
import type { SlotPolicy } from './take-slot';
import type { Ticker } from './ticker';
import { createTsChannel } from './ts-channel';

export interface ChannelsOptions {
  /** The stream as it is now. */
  readonly find: (streamId: string) => RelayStream | undefined;
  /** Reads a live stream that is no HLS. */
  readonly readLive: ReadStream;
  readonly provider: Provider;
  /** The same, with connections that are used again. */
  readonly pooled: Provider;
  readonly accounts: Accounts;
  readonly policy: SlotPolicy;
  readonly times: Pick<FeedTimes, 'stallMs' | 'retryAfterRunningMs'>;
  /** Read at each use: a change is in force at once. */
  readonly settings: () => ChannelSettings & ChannelFeedSettings;
  /** Asks the resolver of a stream. */
  readonly resolve: ReturnType<typeof createStreamResolvers>;
  /** `idle`: a stream that nobody plays begins with its primary source again; `never`: it begins where it was last. */
  readonly failback: 'idle' | 'never';
  readonly streams: ActiveStreams;
  readonly clients: RelayClients;
  readonly reports: RelayReports;
  readonly record: Readonly<Record<'hls_segment_fetch' | 'hls_manifest_generation', RecordTime>>;
  readonly ticker: Ticker;
  /** Each fault of a provider can cause a line: bounded. */
  readonly log: Logger;
  /** A clock that never goes back, in milliseconds. */
  readonly nowMs: () => number;
  /** Unix time in ms. */
  readonly now?: () => number;
}

/** All channels: one for each stream that somebody plays. */
export interface Channels {
  /** The channel of a stream; undefined where nobody plays it. */
  find(streamId: string): Channel | undefined;
  /** The same; begun where it is not there. Who asks takes a place in it in the same turn, or ends it. */
  open(stream: RelayStream, player: string): Channel;
  /** Whether this player was told to go a moment ago. */
  isDisconnected(streamId: string, token: string): boolean;
  /** Whether the stream was found to be no live list, lately. */
  isRecording(streamId: string): boolean;
  /** How the channel of a stream is doing; undefined where nobody plays it. */
  figures(streamId: string): ChannelFigures | undefined;
  /** What is held, of all channels. */
  fill(): Iterable<ChannelFill>;
  readonly count: number;
  readonly stats: ChannelStats;
}

/** How one channel is doing. */
export interface ChannelFigures {
  readonly fill: ChannelFill;
  /** Times that its players ran dry. */
  readonly underruns: number;
  /** The median of what its last segments took to fetch; undefined before the first. */
  readonly fetchMs: number | undefined;
}

/** What is counted of one channel; the last fetches of segments, oldest first. */
interface ChannelCounts {
  underruns: number;
  readonly fetchesMs: number[];
}

/** Fetches of segments that are remembered of a channel. */
const mostFetches = 20;
/** So long a player that was told to go does not come in again under its name. */
const disconnectedMs = 60_000;
/** So long it is not asked again whether a list that had ended is live. */
const recordingMs = 600_000;
const mostNoted = 1000;
const mostChannelBytes = 256 * 1024 * 1024;
/** Of all channels together, each of which has the same share. */
const mostBytes = totalmem() / 4;

/** Makes the channels of a relay. There are never more than clients: each ends with its last one. */
export function createChannels(options: ChannelsOptions): Channels {
  const { find, clients, reports, settings, streams, nowMs, now = Date.now } = options;
  const channels = new Map<string, { readonly channel: Channel; readonly counts: ChannelCounts }>();
  const stats = createChannelStats();
  /** Until when, oldest first: by stream and token, and by stream. */
  const disconnected = new Map<string, number>();
  const recordings = new Map<string, number>();

  function noteUntil(noted: Map<string, number>, key: string, forMs: number): void {
    noted.delete(key);
    const [oldest] = noted.keys();
    if (oldest !== undefined && noted.size >= mostNoted) noted.delete(oldest);
    noted.set(key, nowMs() + forMs);
  }

  /** Players are readers of the stream while they are clients. */
  function readersOf({ readers }: ActiveStream): Pick<RelayClients, 'add' | 'remove'> {
    return {
      add(client) {
        const isIn = clients.add(client);
        if (isIn) readers.add(client);
        return isIn;
      },
      remove(client, reason) {
        readers.delete(client);
        clients.remove(client, reason);
      },
    };
  }

  function begin(stream: RelayStream, opener: string): Channel {
    const { id: streamId } = stream;
    const counts: ChannelCounts = { underruns: 0, fetchesMs: [] };
    const active = streams.of(streamId);
    const channel = createChannel({
      streamId,
      opener,
      begin: (sink, readers) => beginFeed(stream, sink, readers, counts),
      // Of a transport stream the channel is the reader, and not its players.
      clients: stream.type === 'live' ? clients : readersOf(active),
      reports,
      settings,
      recordManifest: options.record.hls_manifest_generation,
      onDisconnected: (token) => noteUntil(disconnected, `${streamId} ${token}`, disconnectedMs),
      onEnd() {
        endTicks();
        if (channels.get(streamId)?.channel === channel) channels.delete(streamId);
      },
      nowMs,
    });
    const endTicks = options.ticker.add(() => channel.tick());
    channels.set(streamId, { channel, counts });
    return channel;
  }

  /** A player that was away finds higher numbers than it knows, and a cache finds names that it has not got: no segment is shorter than a second for long. */
  function firstNumber(): number {
    return Math.floor(now() / 1000);
  }

  /** What one channel may hold of all that channels may. */
  function mostOfOne(): number {
    return Math.min(mostChannelBytes, mostBytes / Math.max(1, channels.size));
  }

  function beginFeed(
    begun: RelayStream,
    sink: ChannelSink,
    readers: ChannelReaders,
    counts: ChannelCounts,
  ): ChannelFeed {
    const stream = (): RelayStream => find(begun.id) ?? begun;
    return begun.type === 'live' ? beginTs(stream, sink, readers) : beginHls(stream, sink, readers, counts);
  }

  /** A player that changes the channel takes its connection along, unless others read it too. */
  function playerOf(streamId: string, { player }: ChannelReaders): string {
    return player ?? `readers of ${streamId}`;
  }

  function beginTs(stream: () => RelayStream, sink: ChannelSink, readers: ChannelReaders): ChannelFeed {
    const reads: LiveReads = {
      query: '',
      isShared: true,
      player: () => playerOf(stream().id, readers),
      failedOver: (report) => sink.failedOver(report),
    };
    return createTsChannel({
      read: (reader) => options.readLive(stream, reader, reads),
      settings,
      mostBytes: mostOfOne,
      reports: sink,
      stats,
      firstNumber: firstNumber(),
      nowMs,
    });
  }

  function beginHls(
    stream: () => RelayStream,
    sink: ChannelSink,
    readers: ChannelReaders,
    counts: ChannelCounts,
  ): ChannelFeed {
    const { id: streamId } = stream();
    const active = streams.of(streamId);
    if (options.failback === 'idle') active.start = 0;
    return createChannelFeed({
      sources: () => allSourcesOf(stream(), active),
      start: active.start,
      headers: () => providerHeaders(stream()),
      provider: options.provider,
      pooled: options.pooled,
      accounts: options.accounts,
      policy: options.policy,
      client: () => playerOf(streamId, readers),
      onTakenOver: () => sink.takenOver(),
      health: active.health,
      resolve: (left) => options.resolve(stream(), left),
      settings,
      maxBandwidth: () => stream().maxBandwidth ?? Infinity,
      mostBytes: mostOfOne,
      stallMs: options.times.stallMs,
      retryAfterRunningMs: options.times.retryAfterRunningMs,
      reports: {
        began(source) {
          active.start = source;
        },
        connected: (source, elapsedMs, failure) => reports.connected(streamId, source, elapsedMs, failure),
        failedOver(report) {
          if (report.to !== 'card') active.start = report.to;
          sink.failedOver(report);
        },
        changed: () => sink.changed(),
        failed: (failures) => sink.failed(failures),
        isRecording: () => noteUntil(recordings, streamId, recordingMs),
        ranDry() {
          stats.underruns++;
          counts.underruns++;
        },
        oddity: (source, what, details) =>
          options.log.info(
            { stream: streamId, source, what, ...details },
            'the HLS source of a channel is not in order',
          ),
      },
      stats,
      recordFetch(elapsedMs, count, errors) {
        options.record.hls_segment_fetch(elapsedMs, count, errors);
        if (counts.fetchesMs.length >= mostFetches) counts.fetchesMs.shift();
        counts.fetchesMs.push(elapsedMs);
      },
      firstNumber: firstNumber(),
      nowMs,
    });
  }

  return {
    find: (streamId) => channels.get(streamId)?.channel,
    open: (stream, player) => channels.get(stream.id)?.channel ?? begin(stream, player),
    figures(streamId) {
      const found = channels.get(streamId);
      if (found === undefined) return undefined;
      const { underruns, fetchesMs } = found.counts;
      const sorted = [...fetchesMs].sort((a, b) => a - b);
      return { fill: found.channel.fill, underruns, fetchMs: sorted[Math.floor(sorted.length / 2)] };
    },
    isDisconnected: (streamId, token) => nowMs() < (disconnected.get(`${streamId} ${token}`) ?? -Infinity),
    isRecording: (streamId) => nowMs() < (recordings.get(streamId) ?? -Infinity),
    *fill() {
      for (const { channel } of channels.values()) yield channel.fill;
    },
    get count() {
      return channels.size;
    },
    stats,
  };
}
