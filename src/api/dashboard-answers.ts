import type { Said } from './schemas';

/*
 * What the page at `/` is told beyond the API, below `/ui/`. It is the page's own and changes with it.
 */

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

export type DashboardServer = Said['Server'] & {
  readonly viewersPeak: number | null;
  readonly load: { readonly requestsPerSecond: number; readonly bytesPerSecond: number } | null;
};

/** Everything that the page shows at all times. */
export interface DashboardNow {
  readonly time: string;
  readonly version: string;
  readonly startedAt: string;
  /** `token`: with one; `refused`: none is configured; `impossible`: no HAProxy is controlled. */
  readonly changes: 'token' | 'refused' | 'impossible';
  readonly store: Said['Readiness']['store'];
  readonly hasEvidence: boolean;
  readonly streams: number;
  readonly conflicts: number;
  /** How many there are. */
  readonly relays: number;
  readonly viewers: number | null;
  readonly viewersPeak: number | null;
  readonly viewersPeakAt: string | null;
  readonly latest: Sample | null;
  readonly hour: Sample | null;
  readonly servers: readonly DashboardServer[];
  readonly emptySlots: Said['ServerList']['emptySlots'];
  readonly moves: readonly Said['Move'][];
}

export type DashboardStream = Said['Stream'] & {
  readonly viewersPeak: number | null;
  readonly move: Said['Move'] | null;
};

export interface DashboardStreams {
  readonly total: number;
  readonly streams: readonly DashboardStream[];
}
