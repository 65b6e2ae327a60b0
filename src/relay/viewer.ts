import type { CardReason } from './cards';
import type { RelayClient } from './client';

/** Who asks, as far as it is known from the request. */
export interface Viewer {
  /** Of this connection. */
  readonly id: string;
  /** The same for all connections of one player: the accounts know it by this. */
  readonly player: string;
  readonly address: string;
  readonly userAgent: string;
  readonly username: string | undefined;
}

/** The id of a client as a header may hold it: whoever asks may have chosen it. */
export function idInHeader(id: string): string {
  return id.replace(/[^\x20-\x7e]/gu, '?');
}

/** What the list of clients shows of one, as it changes. */
export interface Standing {
  source: number;
  card?: CardReason | undefined;
  bytes: number;
  /** Of HLS. */
  segments?: number;
  failovers: number;
  /** `performance.now()` of the last byte that it took. */
  lastAccessMs: number;
}

/** Makes the client that a viewer is, from now on. */
export function clientOf(
  viewer: Viewer,
  streamId: string,
  standing: Readonly<Standing>,
  orders: Pick<RelayClient, 'disconnect' | 'failover'>,
): RelayClient {
  const { id, userAgent, address, username } = viewer;
  return {
    id,
    streamId,
    userAgent,
    address,
    username,
    createdAt: new Date().toISOString(),
    get lastAccessMs() {
      return standing.lastAccessMs;
    },
    get bytes() {
      return standing.bytes;
    },
    get segments() {
      return standing.segments ?? 0;
    },
    get source() {
      return standing.source;
    },
    get card() {
      return standing.card;
    },
    get failovers() {
      return standing.failovers;
    },
    ...orders,
  };
}
