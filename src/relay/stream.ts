export type StreamType = 'live' | 'vod' | 'hls';

/** How HLS is given to players: from one fetch loop for all of them, or each with what it asks for. */
export const hlsModes = ['channel', 'passthrough'] as const;
export type HlsMode = (typeof hlsModes)[number];

/** A stream of the relay, as it is stored. */
export interface RelayStream {
  /** Keyed hashes of the account's part of the URL and of all of it, 32 hexadecimal digits: see `streamIdOf`. */
  readonly id: string;
  /** The primary source. May hold credentials: never shown. */
  readonly url: string;
  readonly failoverUrls: readonly string[];
  readonly resolverUrl: string | undefined;
  readonly userAgent: string;
  /** Sent to the provider, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly type: StreamType;
  /** Only for the type `hls`. */
  readonly hls: HlsMode;
  /** Bits a second, of a channel's variant; undefined: any. */
  readonly maxBandwidth?: number | undefined;
  /** RFC 3339. */
  readonly createdAt: string;
}

/** The sources of a stream in the order in which they are tried: the primary, then the backups. */
export function sourcesOf(stream: RelayStream): readonly string[] {
  return [stream.url, ...stream.failoverUrls];
}

/** What is sent to its providers, names in lower case. */
export function providerHeaders({ userAgent, headers }: RelayStream): Readonly<Record<string, string>> {
  return { 'user-agent': userAgent, ...headers };
}
