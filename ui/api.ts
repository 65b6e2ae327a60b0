/** The answers of the agent that this page reads: the parts that it shows. */

export type IntentKind = 'ready' | 'drain' | 'maint';

export interface Intent {
  readonly kind: IntentKind;
  readonly reason: string;
  readonly operator: string;
  readonly since: string;
  readonly deadline: string | null;
}

export interface NodeView {
  readonly node: string;
  readonly operational: 'UP' | 'DOWN' | 'UNKNOWN';
  readonly administrative: IntentKind;
  readonly weight: number;
  readonly viewers: number | null;
}

export interface ControlView {
  readonly intent: Intent | null;
  readonly wanted: IntentKind | 'external';
  readonly because: string;
  readonly nodes: readonly NodeView[];
  readonly viewersLeft: number | null;
  readonly onlyHere: readonly string[];
  readonly onlyHereCount: number | null;
  readonly safeToStop: boolean;
  readonly notSafeBecause: string;
}

export interface Server {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly operational: 'UP' | 'DOWN' | 'UNKNOWN';
  readonly administrative: IntentKind;
  readonly backup: boolean;
  readonly api: {
    readonly health: 'unknown' | 'ok' | 'failing' | 'suspect';
    readonly consecutiveFailures: number;
    readonly lastError: string | null;
    readonly inventoryAgeMs: number | null;
    readonly inventoryTookMs: number | null;
    readonly version: string | null;
  };
  readonly streams: number;
  readonly hlsSessions: number;
  readonly control: ControlView | null;
  readonly viewers: number | null;
  readonly viewersPeak: number | null;
  readonly load: { readonly requestsPerSecond: number; readonly bytesPerSecond: number } | null;
}

export interface EmptySlot {
  readonly name: string;
  readonly hostName: string;
  readonly intent: Intent | null;
}

export interface Move {
  readonly stream: string;
  readonly server: string;
  readonly reason: string;
  readonly operator: string;
  readonly since: string;
}

/** Rates are a second; null where there is nothing to tell. */
export interface Sample {
  readonly atMs: number;
  readonly seconds: number;
  readonly viewers: number | null;
  readonly streams: number;
  readonly decisions: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly requests: number | null;
  readonly apiCalls: number;
  readonly naiveCalls: number | null;
}

/** Of where orders and events are kept. */
export interface StoreView {
  readonly up: boolean;
  /** Why nothing is kept. */
  readonly failure: string | null;
  /** What was lost before the agent started. */
  readonly damage: string | null;
}

export interface Now {
  readonly time: string;
  readonly version: string;
  readonly startedAt: string;
  /** `token`: with one; `refused`: none is configured; `impossible`: no HAProxy is controlled. */
  readonly changes: 'token' | 'refused' | 'impossible';
  readonly store: StoreView | null;
  readonly hasEvidence: boolean;
  readonly streams: number;
  readonly conflicts: number;
  readonly viewers: number | null;
  readonly viewersPeak: number | null;
  readonly viewersPeakAt: string | null;
  readonly latest: Sample | null;
  readonly hour: Sample | null;
  readonly servers: readonly Server[];
  /** Entries of haproxy.cfg for which no HAProxy has an address. */
  readonly emptySlots: readonly EmptySlot[];
  readonly moves: readonly Move[];
}

export interface Holder {
  readonly server: string;
  readonly publisherSince: string | null;
  readonly sourceType: string | null;
  /** It pulls a copy; nobody publishes there. */
  readonly pulled: boolean;
  readonly tracks: readonly string[];
  readonly readers: number;
  readonly evidence: { readonly source: string; readonly ageMs: number; readonly stale: boolean };
}

export interface Stream {
  readonly name: string;
  readonly holders: readonly Holder[];
  /** Servers that show their filler, because the publisher is away. */
  readonly fillers: readonly string[];
  readonly conflict: boolean;
  readonly policy: 'auto' | 'newest' | 'spread';
  readonly viewers: number | null;
  readonly viewersPeak: number | null;
  readonly move: Move | null;
}

export interface StreamRows {
  readonly total: number;
  readonly streams: readonly Stream[];
}

/** One play of one stream by one player. */
export interface Viewer {
  readonly stream: string;
  readonly session: string;
  readonly server: string | null;
  readonly node: string;
  readonly joined: string;
  readonly lastSeen: string;
  readonly watchedSeconds: number;
  readonly bytes: number | null;
  readonly certain: boolean;
}

interface ViewerCount {
  readonly viewers: number;
  readonly peak: number;
}

export interface ViewerList {
  readonly total: ViewerCount;
  readonly streams: readonly ViewerCount[];
  readonly servers: readonly ViewerCount[];
  readonly nodes: readonly ViewerCount[];
  /** By other ways than HLS. */
  readonly readers: Readonly<Record<'rtsp' | 'rtmp' | 'srt' | 'webrtc' | 'other', number>>;
  readonly viewers: readonly Viewer[];
  readonly next: string | null;
}

export interface Happened {
  readonly id: string;
  readonly time: string;
  readonly type: string;
  readonly subject: string | null;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Explanation {
  readonly stream: string;
  readonly state: 'located' | 'placed' | 'unknown';
  readonly server: string | null;
  readonly rule: string;
  readonly because: string;
  readonly evidence: readonly {
    readonly server: string;
    readonly says: string;
    readonly source: string | null;
    readonly ageMs: number | null;
    readonly stale: boolean;
    readonly path: string | null;
  }[];
  readonly move: Move | null;
  readonly haproxy:
    | readonly {
        readonly node: string;
        readonly lastServer: string | null;
        readonly route: string | null;
        readonly sessions: Readonly<Record<string, number>>;
        readonly error: string | null;
      }[]
    | null;
  readonly next: readonly string[];
}

/** A request that was answered with a problem (RFC 9457), or not at all. */
export class AskError extends Error {
  constructor(
    /** 0 when there was no answer. */
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** A stream's name as a part of a path: its slashes are encoded, so that a last word is never taken for a question. */
export function inPath(name: string): string {
  return encodeURIComponent(name);
}

interface AskOptions {
  readonly signal?: AbortSignal | undefined;
  readonly method?: 'POST' | 'DELETE';
  readonly body?: unknown;
  readonly token?: string | undefined;
}

/**
 * Asks the agent. The token travels in a header, never in a URL.
 * @throws AskError in words that can be shown; AbortError when `signal` says so.
 */
export async function ask<T>(path: string, { signal, method, body, token }: AskOptions = {}): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
  let response: Response;
  try {
    response = await fetch(path, {
      method: method ?? 'GET',
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw new AskError(0, 'The agent does not answer.');
  }
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok) return answer as T;
  const detail = (answer as { detail?: unknown } | undefined)?.detail;
  throw new AskError(response.status, typeof detail === 'string' ? detail : `The agent answered ${response.status}.`);
}
