import type { ActiveStreams } from './active-streams';
import type { Channels } from './channels';
import type { LiveReads } from './read-live';
import type { Reading, SharedFeeds } from './shared-feeds';
import type { SharedReader } from './shared-source';
import type { RelayStream } from './stream';
import type { Ticker } from './ticker';
import { createTsOfChannel } from './ts-of-channel';

export interface ReadHlsOptions {
  readonly channels: Pick<Channels, 'open'>;
  readonly shared: SharedFeeds;
  readonly streams: ActiveStreams;
  /** How many segments before the newest one it begins where the channel runs already. */
  readonly initialSegments: () => number;
  readonly nullPacketsAfterMs: number;
  readonly ticker: Ticker;
  readonly nowMs: () => number;
}

/** Reads an HLS stream as one transport stream until `stop` is called, together with all others who do so. */
export function readHls(
  stream: () => RelayStream,
  reader: SharedReader,
  { player, failedOver }: Pick<LiveReads, 'player' | 'failedOver'>,
  options: ReadHlsOptions,
): Reading {
  const { channels, shared, ticker } = options;
  const { id: streamId } = stream();
  const { readers } = options.streams.of(streamId);
  readers.add(reader);
  const reading = shared.join(streamId, reader, (sink) => {
    const feed = createTsOfChannel({
      ...options,
      follow: (told) =>
        channels.open(stream(), player()).follow({
          ...told,
          get player() {
            return readers.size > 1 ? `readers of ${streamId}` : player();
          },
        }),
      failedOver,
      sink,
    });
    return { feed, end: ticker.add(() => feed.tick()) };
  });
  return {
    resume: () => reading.resume(),
    failover: (to) => reading.failover(to),
    stop() {
      reading.stop();
      readers.delete(reader);
    },
    get source() {
      return reading.source;
    },
    get card() {
      return reading.card;
    },
  };
}
