/** How a fact reached the directory: the periodic list, a single question, or a server's own report. */
export type EvidenceSource = 'inventory' | 'lookup' | 'push';

/** HAProxy's operational state of a server; `UNKNOWN` where no HAProxy was asked (static list). */
export type OperationalState = 'UP' | 'DOWN' | 'UNKNOWN';
/** HAProxy's administrative state of a server. */
export type AdministrativeState = 'ready' | 'drain' | 'maint';

/** One server of HAProxy's `backend mtx`, as HAProxy (or the configuration file) describes it. */
export interface FleetServer {
  readonly name: string;
  readonly address: string;
  /** Port of the HLS server, as in haproxy.cfg. */
  readonly port: number;
  /** Base URL of the Control API, without a trailing slash, e.g. `http://127.0.0.11:9997`. */
  readonly apiUrl: string;
  readonly operational: OperationalState;
  readonly administrative: AdministrativeState;
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
  /** When the publisher appeared there (RFC 3339, as MediaMTX wrote it), if known. */
  readonly publisherSince: string | undefined;
  readonly sourceType: string | undefined;
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
  /** The chosen holder first (newest publisher). */
  readonly holders: readonly HolderView[];
  /** More than one publisher, and the stream is not one of those that are replicated on purpose. */
  readonly conflict: boolean;
  readonly policy: 'newest' | 'spread';
}

export interface ServerView {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly apiUrl: string;
  readonly operational: OperationalState;
  readonly administrative: AdministrativeState;
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

/** One sentence of evidence for the `why` of a decision. */
export interface ServerEvidence {
  readonly server: string;
  readonly says: 'live' | 'not live' | 'no answer';
  readonly source: EvidenceSource | undefined;
  readonly ageMs: number | undefined;
  readonly stale: boolean;
}

/** A server began or ceased to hold a stream. */
export interface StreamChange {
  readonly stream: string;
  readonly kind: 'appeared' | 'vanished';
  readonly server: string;
  /** When the publisher came there, in ms since 1970; 0 when the server did not say. */
  readonly publisherSinceMs: number;
  readonly source: EvidenceSource;
}
