import { createTimeHistogram, observeSeconds, type TimeHistogram } from '../measure';
import {
  type ApiCall,
  type ApiOutcome,
  type MediamtxClient,
  noReaders,
  type PlayableReport,
  type ReaderCounts,
  type ServerInfo,
} from '../mediamtx';
import type { HolderPolicy } from './holder-policy';
import { hashText } from './rendezvous';
import type { ServerKind } from './server-kind';
import type { ApiHealth, EvidenceSource, FleetServer } from './views';

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
  /** Of all its streams. */
  readers: ReaderCounts;
  health: ApiHealth;
  consecutiveFailures: number;
  lastError: string | undefined;
  /** Monotonic ms at which the last good inventory was asked for; undefined before the first and after it was given up. */
  inventoryAt: number | undefined;
  inventoryTookMs: number | undefined;
  info: ServerInfo | undefined;
  readonly calls: ApiCallStats;
  /** The stream index's own. */
  readonly index: SlotInIndex;
}

/** What the stream index keeps of a server. Questions are numbered in the order in which they are asked. */
export interface SlotInIndex {
  /** 1 to 65,535 while the server is in the fleet, else 0; used again after it left. */
  number: number;
  /** Streams that it holds or has a filler for, and those of them with a filler. */
  held: number;
  fillers: number;
  /** Those of them whose first holder is another server, by row. */
  readonly second: Map<number, Holding>;
  /** Those that it told of outside its lists, later than the last of them, by row. */
  readonly told: Map<number, Told>;
  /** Streams that it said it has not got, later than its last list, with the question. */
  readonly denied: Map<string, number>;
  /** The last list that was taken over, the last single question that was answered, and the last question before all was given up. */
  listed: number;
  heard: number;
  cleared: number;
  /** Nothing is known of it, so that overrides to it can neither be kept nor dropped for good. */
  isInDoubt: boolean;
}

/** A single answer's origin. */
export interface Told {
  readonly source: EvidenceSource;
  /** Monotonic ms. */
  readonly askedAt: number;
  readonly question: number;
}

/** What is kept of a server's report: of a stream in the index the name is known, and that there is something to play. */
export type KeptReport = { -readonly [Key in Exclude<keyof PlayableReport, 'name' | 'live'>]: PlayableReport[Key] };

/** One server's claim to a stream. */
export interface Holding {
  readonly slot: ServerSlot;
  /** Its `publisherSinceMs` is what counts (see publisher-since.ts). */
  report: KeptReport;
  /** What the server said of that, by which a new publisher is known. */
  claimedSinceMs: number;
  /** Monotonic ms at which this publisher was first seen there. */
  seenAt: number;
  /** The question that the report answers. */
  question: number;
}

/** A stream and who has it, as of now: made on demand. */
export interface StreamEntry {
  readonly name: string;
  readonly kind: ServerKind;
  readonly policy: HolderPolicy;
  /** Who has it live. Empty when there is only an operator's word, or a filler. */
  readonly holdings: readonly Readonly<Holding>[];
  /** Those of them of which one should be. */
  readonly rivals: readonly Readonly<Holding>[];
  /** Servers that show their filler, because the publisher is away. */
  readonly fillers: readonly Readonly<Holding>[];
  /** Whoever has the stream (see choose-holder.ts); undefined when none is usable. */
  readonly chosen: ServerSlot | undefined;
  /** `chosen` shows its filler, and nobody usable has the stream live. */
  readonly isFiller: boolean;
  /** Its sessions are spread over the usable holders. */
  readonly isSpread: boolean;
  /** The server that an operator chose, while it is usable. */
  readonly moved: ServerSlot | undefined;
  /** That `chosen` has it rests on a lookup alone, which is worth asking again when it gets old. */
  readonly isLookedUp: boolean;
}

export function createServerSlot(fleet: FleetServer, client: MediamtxClient, calls: ApiCallStats): ServerSlot {
  return {
    name: fleet.name,
    hash: hashText(fleet.name),
    client,
    fleet,
    usable: isUsable(fleet),
    readers: noReaders,
    health: 'unknown',
    consecutiveFailures: 0,
    lastError: undefined,
    inventoryAt: undefined,
    inventoryTookMs: undefined,
    info: undefined,
    calls,
    index: {
      number: 0,
      held: 0,
      fillers: 0,
      second: new Map(),
      told: new Map(),
      denied: new Map(),
      listed: 0,
      heard: 0,
      cleared: 0,
      isInDoubt: true,
    },
  };
}

export function isUsable(fleet: FleetServer): boolean {
  return fleet.operational !== 'DOWN' && fleet.administrative !== 'maint';
}

/** A stream that nobody has may start there, as far as the server itself is concerned. No relay starts what is not in its store. */
function isFit(slot: ServerSlot): boolean {
  return (
    slot.fleet.kind === 'mediamtx' && slot.usable && slot.fleet.administrative === 'ready' && slot.health !== 'suspect'
  );
}

/** The MediaMTX servers on which a stream that nobody has may start. Backups are among them only when there is nobody else, as HAProxy has it. */
export function placeable(slots: readonly ServerSlot[]): readonly ServerSlot[] {
  const fit = slots.filter(isFit);
  const active = fit.filter(({ fleet }) => !fleet.isBackup);
  return active.length > 0 ? active : fit;
}

export function createApiCallStats(): ApiCallStats {
  return {
    outcomes: { 'paths/list': {}, 'paths/get': {}, 'config/paths/list': {}, info: {} },
    time: createTimeHistogram(apiSecondsBounds),
  };
}

export function countApiCall(stats: ApiCallStats, call: ApiCall, outcome: ApiOutcome, tookMs: number): void {
  const outcomes = stats.outcomes[call];
  outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  observeSeconds(stats.time, tookMs / 1000);
}
