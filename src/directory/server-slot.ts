import type { ApiCall, ApiOutcome, MediamtxClient, PathReport, ServerInfo } from '../mediamtx';
import { createTimeHistogram, observeSeconds, type TimeHistogram } from '../time-histogram';
import type { HolderPolicy } from './holder-policy';
import { hashText } from './rendezvous';
import type { ApiHealth, FleetServer } from './views';

/** Upper bounds of the buckets in which API call times are counted, in seconds. */
const apiSecondsBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5] as const;

/** Plain counters of the calls to one server's Control API, read by the metrics. */
export interface ApiCallStats {
  readonly outcomes: Record<ApiCall, Partial<Record<ApiOutcome, number>>>;
  readonly time: TimeHistogram;
}

/** Everything that the directory holds about one server. */
export interface ServerSlot {
  readonly name: string;
  readonly hash: number;
  readonly client: MediamtxClient;
  fleet: FleetServer;
  /** HAProxy can send a viewer there: not DOWN and not in maintenance. */
  usable: boolean;
  /** Live streams by name, of the last good inventory; kept by the stream index. */
  readonly live: Map<string, Holding>;
  readers: number;
  health: ApiHealth;
  consecutiveFailures: number;
  lastError: string | undefined;
  /** Monotonic ms at which the last good inventory was asked for; undefined before the first and after it was given up. */
  inventoryAt: number | undefined;
  inventoryTookMs: number | undefined;
  info: ServerInfo | undefined;
  readonly calls: ApiCallStats;
}

/** What is kept of a server's report: of a stream in the index the name is known, and that it is live. */
export type KeptReport = { -readonly [Key in Exclude<keyof PathReport, 'name' | 'live'>]: PathReport[Key] };

/** One server's claim to a stream. */
export interface Holding {
  readonly slot: ServerSlot;
  readonly entry: StreamEntry;
  /** Kept up to date in place: 100,000 new objects a round would cost more memory than the streams themselves. */
  readonly report: KeptReport;
  /** Monotonic ms at which this publisher was first seen there. */
  seenAt: number;
  /** The round of lists in which it was last confirmed. */
  round: number;
}

/** A stream and who has it; `chosen` is kept ready, so that a decision is one look into a map. */
export interface StreamEntry {
  readonly name: string;
  readonly policy: HolderPolicy;
  holdings: readonly Holding[];
  /** The usable holder with the newest publisher; undefined when none is usable. */
  chosen: ServerSlot | undefined;
}

export function createServerSlot(fleet: FleetServer, client: MediamtxClient, calls: ApiCallStats): ServerSlot {
  return {
    name: fleet.name,
    hash: hashText(fleet.name),
    client,
    fleet,
    usable: isUsable(fleet),
    live: new Map(),
    readers: 0,
    health: 'unknown',
    consecutiveFailures: 0,
    lastError: undefined,
    inventoryAt: undefined,
    inventoryTookMs: undefined,
    info: undefined,
    calls,
  };
}

export function isUsable(fleet: FleetServer): boolean {
  return fleet.operational !== 'DOWN' && fleet.administrative !== 'maint';
}

/** A stream that nobody has may start there. */
export function isPlaceable(slot: ServerSlot): boolean {
  return slot.usable && slot.fleet.administrative === 'ready' && slot.health !== 'suspect';
}

export function createApiCallStats(): ApiCallStats {
  return {
    outcomes: { 'paths/list': {}, 'paths/get': {}, info: {} },
    time: createTimeHistogram(apiSecondsBounds),
  };
}

export function countApiCall(stats: ApiCallStats, call: ApiCall, outcome: ApiOutcome, tookMs: number): void {
  const outcomes = stats.outcomes[call];
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  observeSeconds(stats.time, tookMs / 1000);
}
