/** Somebody who plays a stream. Times are ms since 1970. */
export interface Viewer {
  readonly stream: string;
  /** What tells this play of the stream from others; a made-up word where it is an address that may not be shown. */
  readonly session: string;
  /** The server that the session is bound to; undefined while it has none. */
  readonly server: string | undefined;
  /** The HAProxy that was used last, by its `localpeer`. */
  readonly node: string;
  /** When the agent saw it first. */
  readonly joinedMs: number;
  readonly lastSeenMs: number;
  /** From the first to the last sight. */
  readonly watchedMs: number;
  /** Sent to it since it joined; undefined where HAProxy's table does not count that. */
  readonly bytes: number | undefined;
  /** False while there is no link to its node: it may have left, or be with another server by now. */
  readonly isCertain: boolean;
}

/** A viewer came or went. */
export interface ViewerChange {
  readonly kind: 'joined' | 'left';
  readonly viewer: Viewer;
  /** Viewers of that stream after the change. */
  readonly viewersOfStream: number;
  /** `live`: it just happened. `found`: it was there when the agent was told what HAProxy's tables hold. `lost`: its HAProxy has been out of reach for too long. */
  readonly evidence: 'live' | 'found' | 'lost';
}

/** What is known of a viewer's entry in the table `sessions`; taken over during the call. */
export interface Sighting {
  readonly node: string;
  /** `stream|session`. */
  readonly key: string;
  readonly serverName: string | undefined;
  /** How long ago it was used. */
  readonly idleMs: number;
  /** True: it was used just now. False: this is from a list of all entries. */
  readonly live: boolean;
  /** `bytes_out_cnt` of the entry on that node; undefined where it is not counted. */
  readonly bytesOut: number | undefined;
}
