import type { CardReason } from './cards';
import type { SourceFailure, Trigger } from './provider';

/** Who reads a stream, from the connection's first byte to its end. */
export interface RelayClient {
  readonly id: string;
  readonly streamId: string;
  readonly userAgent: string;
  readonly address: string;
  readonly username: string | undefined;
  /** RFC 3339. */
  readonly createdAt: string;
  /** `performance.now()` of the last byte that it took. */
  readonly lastAccessMs: number;
  /** Bytes of the stream that went to its socket. */
  readonly bytes: number;
  /** Segments of HLS that it got; 0 for what is no HLS. */
  readonly segments: number;
  /** Index of the source that it plays; -1 while it has none. */
  readonly source: number;
  /** Why it is shown a card; undefined while it is not. */
  readonly card: CardReason | undefined;
  readonly failovers: number;
  /** Ends its connection. */
  disconnect(): void;
  /**
   * Moves it to the next source, or to the one with this URL, exactly once for each call.
   * @returns the index of the source that is tried first; undefined where it is not moved: VOD, or while it is moving already.
   */
  failover(to?: string): number | undefined;
}

/** What happens to clients and sources; events, statistics and logs are made of it. Streams are named by their ids, sources by their index. */
export interface RelayReports {
  /** The stream has its first client. */
  streamStarted(streamId: string): void;
  /** Its last client has gone. Exactly once for each `streamStarted`. */
  streamStopped(streamId: string, reason: string): void;
  clientConnected(client: RelayClient): void;
  clientDisconnected(client: RelayClient): void;
  /** A client went over from one source to another, or to a card and back. */
  failedOver(report: Failover): void;
  /** A client could not be served by any source. */
  clientFailed(client: RelayClient, failure: SourceFailure): void;
  /** A connection to a provider was opened, or could not be. */
  connected(streamId: string, source: number, elapsedMs: number, failure: SourceFailure | undefined): void;
}

/** A source by its index, or the card. */
export type SourceName = number | 'card';

export interface Failover {
  readonly client: RelayClient;
  readonly from: SourceName;
  readonly to: SourceName;
  /** Which card it is, of a client that goes over to one. */
  readonly card?: CardReason | undefined;
  readonly trigger: Trigger;
  /** In words. */
  readonly reason: string;
  /** From the last byte of the old source to the first of the new one. */
  readonly byteGapMs: number;
  /** How much of the programme is missing or shown late, by its own times; undefined where it has none. */
  readonly pictureGapMs: number | undefined;
}

/** All clients that are there. */
export interface RelayClients {
  /** @throws never. `false`: as many are there as may be; answer 503. */
  add(client: RelayClient): boolean;
  /** @param reason why its stream stops, should it be the last one; `last client left` when left out. */
  remove(client: RelayClient, reason?: string): void;
  ofStream(streamId: string): readonly RelayClient[];
  all(): readonly RelayClient[];
  readonly count: number;
}
