import type { HolderPolicy } from './holder-policy';
import type { ServerKind } from './server-kind';

/** How a fact reached the directory: the periodic list, a single question, or a server's own report. */
export type EvidenceSource = 'inventory' | 'lookup' | 'push';

/** HAProxy's operational state of a server; `UNKNOWN` where no HAProxy was asked (static list). */
export type OperationalState = 'UP' | 'DOWN' | 'UNKNOWN';
/** HAProxy's administrative state of a server. */
export type AdministrativeState = 'ready' | 'drain' | 'maint';

/** One server of HAProxy's backends `mtx` and `mtx_relays`, as HAProxy (or the configuration file) describes it. */
export interface FleetServer {
  readonly name: string;
  readonly kind: ServerKind;
  readonly address: string;
  /** Port at which viewers are served, as in haproxy.cfg. */
  readonly port: number;
  /** Base URL of the Control API, without a trailing slash, e.g. `http://127.0.0.11:9997`. */
  readonly apiUrl: string;
  readonly operational: OperationalState;
  readonly administrative: AdministrativeState;
  /** HAProxy uses it only when no other server is left (`backup`). */
  readonly isBackup: boolean;
}

/**
 * Health of a server's Control API: `unknown` before the first answer, `ok`, `failing` after one failure,
 * `suspect` after `suspectAfter` failures in a row.
 */
export type ApiHealth = 'unknown' | 'ok' | 'failing' | 'suspect';

/** Readers that MediaMTX serves without HAProxy. */
export type ReadersByProtocol = Readonly<Record<'rtsp' | 'rtmp' | 'srt' | 'webrtc' | 'other', number>>;

/** One server that has a stream live, and how we know. */
export interface HolderView {
  readonly server: string;
  /** When the publisher appeared there (RFC 3339), if known: what MediaMTX says, but not later than when it was first seen. */
  readonly publisherSince: string | undefined;
  readonly sourceType: string | undefined;
  /** The server pulls a copy from elsewhere; nobody publishes there. */
  readonly pulled: boolean;
  readonly tracks: readonly string[];
  /** Readers by other ways than HLS, and by which. */
  readonly readers: number;
  readonly readersByProtocol: ReadersByProtocol;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly evidence: {
    readonly source: EvidenceSource;
    readonly ageMs: number;
    /** True when the server's API has not confirmed it lately: a last good answer. */
    readonly stale: boolean;
  };
}

export interface StreamView {
  readonly name: string;
  /** `relay`: it is in the store of a relay, whether anybody plays it or not. */
  readonly kind: ServerKind;
  /** The chosen holder first. Empty while there is only a filler. */
  readonly holders: readonly HolderView[];
  /** Servers on which the path is always available and the publisher is away: they show their filler. */
  readonly fillers: readonly string[];
  /** More than one publisher, and the stream is not one of those that are replicated. */
  readonly conflict: boolean;
  readonly policy: HolderPolicy;
}

export interface ServerView {
  readonly name: string;
  readonly kind: ServerKind;
  readonly address: string;
  readonly port: number;
  readonly apiUrl: string;
  readonly operational: OperationalState;
  readonly administrative: AdministrativeState;
  /** HAProxy uses it only when no other server is left (`backup`). */
  readonly backup: boolean;
  readonly api: {
    readonly health: ApiHealth;
    readonly consecutiveFailures: number;
    /** Why the last call failed; undefined when it did not. */
    readonly lastError: string | undefined;
    /** Age of the inventory in use; undefined before the first one. */
    readonly inventoryAgeMs: number | undefined;
    /** How long the last list took. */
    readonly inventoryTookMs: number | undefined;
    readonly version: string | undefined;
    readonly era: 'pre-session' | 'session' | undefined;
  };
  readonly streams: number;
  /** Readers by other ways than HLS, and by which. */
  readonly readers: number;
  readonly readersByProtocol: ReadersByProtocol;
  /** HLS viewers as the server counts them, since MediaMTX v1.18: most came through HAProxy and are among its viewers. */
  readonly hlsSessions: number;
}

/**
 * What a server that has not got a stream live can do about it: `startable`: start it for who asks; `configured`: wait for its publisher, or for a
 * source that is not on demand; `not configured`: nothing; `unknown`: it has not said.
 */
export type PathAt = 'startable' | 'configured' | 'not configured' | 'unknown';

/** One sentence of evidence for the `why` of a decision. */
export interface ServerEvidence {
  readonly server: string;
  /** `filler`: the path is always available there, and its publisher is away. */
  readonly says: 'live' | 'filler' | 'not live' | 'no answer';
  readonly source: EvidenceSource | undefined;
  readonly ageMs: number | undefined;
  readonly stale: boolean;
  /** What it could do about a stream that it has not got; undefined where it has it. */
  readonly path: PathAt | undefined;
}

/** A server began or ceased to hold a stream live. */
export interface StreamChange {
  readonly stream: string;
  readonly kind: 'appeared' | 'vanished';
  readonly server: string;
  readonly serverKind: ServerKind;
  /** When the publisher came there, in ms since 1970; 0 when the server did not say. */
  readonly publisherSinceMs: number;
  readonly source: EvidenceSource;
}
