import type { Logger } from '../log';
import { type RecordTime, recordNothing } from '../measure';
import {
  createMediamtxClient,
  isStreamName,
  type MediamtxClient,
  type MediamtxClientOptions,
  noReaders,
} from '../mediamtx';
import { createConfiguredPaths, pathAt } from './configured-paths';
import { createConfirmations } from './confirmations';
import { createConflicts } from './conflicts';
import { describeEvidence, describeFound, describeServer, describeStream } from './describe';
import { createHolderPolicy, type HolderPolicy, type HolderRule } from './holder-policy';
import { createIdlePaths } from './idle-paths';
import { createInventory } from './inventory';
import { createLookups, isOfFleet, type LookupResult, type LookupStats } from './lookup';
import { createLookupBudget } from './lookup-budget';
import { canHold } from './server-kind';
import {
  type ApiCallStats,
  countApiCall,
  createApiCallStats,
  createServerSlot,
  isUsable,
  type ServerSlot,
  type StreamEntry,
} from './server-slot';
import { createStreamIndex, type IndexListeners } from './stream-index';
import type { FleetServer, PathAt, ServerEvidence, ServerView, StreamChange, StreamView } from './views';

/** Streams that operators can move at the same time. */
export const maxOverrides = 10_000;

export interface DirectoryOptions {
  readonly intervalMs: number;
  /** How long a server's last good list is used while its API fails. */
  readonly staleForMs: number;
  /** Failures in a row after which a server's API is suspect. */
  readonly suspectAfter: number;
  readonly maxStreams: number;
  readonly holders: readonly HolderRule[];
  readonly lookup: {
    readonly deadlineMs: number;
    readonly ttlMs: number;
    readonly missTtlMs: number;
    readonly perSecond: number;
  };
  /** Deadline of one Control API call. */
  readonly apiTimeoutMs: number;
  readonly credentialsFor: (server: Pick<FleetServer, 'name' | 'kind'>) => {
    username?: string | undefined;
    password?: string | undefined;
  };
  readonly log: Logger;
  /** Told of every lookup that asked servers, and of every list. */
  readonly recordLookup?: RecordTime;
  readonly recordPoll?: RecordTime;
  /** Tests put their own servers here. */
  readonly createClient?: (options: MediamtxClientOptions) => MediamtxClient;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
  /** Milliseconds since 1970. */
  readonly wallNow?: () => number;
}

/** Plain counters, read by the metrics. */
export interface DirectoryStats {
  readonly lookups: LookupStats;
  /** By server name; servers that left the fleet are dropped. */
  readonly apiCalls: ReadonlyMap<string, ApiCallStats>;
  /** Streams newly seen with publishers on two servers at once. */
  conflicts: number;
  /** Decisions and answers that rested on a last good list of a server whose API fails. */
  staleAnswers: number;
  /** Streams not taken in because `maxStreams` was reached, summed over lists. */
  refusedStreams: number;
  /** Listed names that break MediaMTX's own rule, summed over lists. */
  ignoredNames: number;
}

/** Who holds what, and how do we know. All reading is synchronous; only `ask` waits for servers. */
export interface Directory {
  /** The server whose decision can be given at once; undefined where `entry` must be looked at. */
  quick(stream: string): ServerSlot | undefined;
  /** A stream that a server holds or has a filler for, or that an operator has moved. */
  entry(stream: string): StreamEntry | undefined;
  /** What an earlier lookup said; undefined when somebody must be asked. */
  known(stream: string): LookupResult | undefined;
  /** Asks the servers; undefined when the lookup budget is used up. Never rejects. */
  ask(stream: string): Promise<LookupResult> | undefined;
  /** What the inventory alone says of a stream that it has not got: complete when the list of every usable server that could have it is good. */
  absence(stream: string): LookupResult;
  /** Every list of a MediaMTX that HAProxy uses is good. */
  hasEveryList(): boolean;
  slots(): readonly ServerSlot[];
  policyOf(stream: string): HolderPolicy;
  evidence(stream: string, lookup: LookupResult | undefined): ServerEvidence[];
  /** What is known of the stream's path on a server that has not got it live. */
  pathAt(slot: ServerSlot, stream: string): PathAt;
  countStaleAnswer(): void;

  /**
   * The server that routes.map should name for a stream: an operator's choice while that server is usable, else its one chosen
   * holder, else a server with a filler. Undefined where the question must be asked for each session: nobody has it, or replicas share its
   * sessions.
   */
  route(stream: string): string | undefined;
  /** Every stream that has a route, in no order. */
  routes(): IterableIterator<readonly [stream: string, server: string]>;
  /** Calls `listener` in the same turn, once for each stream whose `route` became another. @returns what ends that. */
  onRouteChange(listener: (stream: string) => void): () => void;
  /** Calls `listener` in the same turn when a server begins or ceases to hold a stream; a filler does not count. @returns what ends that. */
  onStreamChange(listener: (change: StreamChange) => void): () => void;
  /**
   * Somebody outside says that something happened to a stream on a server (or somewhere): asks that server (or all), once, and takes
   * over what it says at once. Never rejects; over the lookup budget, or of a name or server that cannot be, nothing is asked.
   */
  confirm(stream: string, server?: string): Promise<void>;
  /**
   * An operator's choice of the server for a stream; undefined clears it. It holds while the server is usable, until it is cleared
   * or the server, having held the stream, loses it.
   *
   * @throws RangeError above `maxOverrides` streams.
   */
  setOverride(stream: string, server: string | undefined): void;
  /** Calls `listener` when an override ended because its server lost the stream. @returns what ends that. */
  onOverrideGone(listener: (stream: string, server: string) => void): () => void;

  /** Every stream in the inventory, live or with a filler, in no order. */
  streamNames(): IterableIterator<string>;
  stream(name: string): StreamView | undefined;
  servers(): ServerView[];
  /** Live ones. */
  readonly streamCount: number;
  readonly conflictCount: number;
  readonly lookupsKept: number;
  /** Paths that are not live, and entries of configurations, kept over all servers. */
  readonly pathsKept: number;
  /** Some server's streams are known, or there is nothing to wait for. */
  hasEvidence(): boolean;

  /** Takes over the fleet as HAProxy describes it; unchanged servers keep what is known of them. */
  setServers(servers: readonly FleetServer[]): void;
  start(): void;
  stop(): Promise<void>;
  readonly stats: DirectoryStats;
}

/** Streams that vanished and are looked for elsewhere at once. */
const searchesPerSecond = 10;

/** Makes the directory; nothing is asked before `start`. */
export function createDirectory(options: DirectoryOptions): Directory {
  const { log, staleForMs, recordLookup = recordNothing, recordPoll = recordNothing } = options;
  const now = options.now ?? (() => performance.now());
  const apiCalls = new Map<string, ApiCallStats>();
  const policyOf = createHolderPolicy(options.holders);
  const routeListeners = new Set<(stream: string) => void>();
  const changeListeners = new Set<(change: StreamChange) => void>();
  const goneListeners = new Set<(stream: string, server: string) => void>();
  const listeners: IndexListeners = {
    refused(count) {
      stats.refusedStreams += count;
      log.warn({ count, maxStreams: options.maxStreams }, 'streams left out: directory.maxStreams is reached');
    },
    changed(change) {
      if (change.kind === 'vanished' && change.source === 'inventory' && change.serverKind === 'mediamtx')
        lookElsewhere(change.stream);
      for (const listener of changeListeners) listener(change);
    },
    routed(stream) {
      for (const listener of routeListeners) listener(stream);
    },
    overrideGone(stream, server) {
      log.info({ stream, server }, 'the server that an operator chose has lost the stream; its choice is over');
      for (const listener of goneListeners) listener(stream, server);
    },
  };
  const wallNow = options.wallNow ?? Date.now;
  const index = createStreamIndex(policyOf, options.maxStreams, listeners, wallNow);
  const budget = createLookupBudget(options.lookup.perSecond, now);
  const idle = createIdlePaths(options.maxStreams);
  const configured = createConfiguredPaths({ maxNames: options.maxStreams, waitMs: options.lookup.deadlineMs, now });
  const lookups = createLookups({
    ...options.lookup,
    staleForMs,
    maxKept: 20_000,
    budget,
    now,
    wallNow,
    recordLookup,
    onAsk(askedAt) {
      const asked = { question: index.ask(), source: 'lookup', askedAt: Math.floor(askedAt) } as const;
      return (slot, stream, report) => {
        index.hear(slot, stream, report, asked);
        idle.hear(slot, stream, report);
      };
    },
    alongside: (asked) => configured.refresh(asked.filter(isMediamtx)),
  });
  const confirm = createConfirmations({
    index,
    budget,
    slots: () => slots,
    onOverBudget: () => {
      stats.lookups.overBudget++;
    },
    onDone: (stream) => lookups.forget(stream),
    now,
  });
  // A server that dies takes thousands of streams with it: those wait for the others' lists.
  const searches = createLookupBudget(searchesPerSecond, now);
  const stats: DirectoryStats = {
    lookups: lookups.stats,
    apiCalls,
    conflicts: 0,
    staleAnswers: 0,
    refusedStreams: 0,
    ignoredNames: 0,
  };
  const conflicts = createConflicts(index, log, () => {
    stats.conflicts++;
  });
  const inventory = createInventory({
    index,
    idle,
    slots: () => slots,
    intervalMs: options.intervalMs,
    suspectAfter: options.suspectAfter,
    log,
    now,
    recordPoll,
    onIgnored(names) {
      stats.ignoredNames += names;
    },
    onList: () => void conflicts.look(),
    onFailure(slot) {
      const isTooOld = slot.inventoryAt !== undefined && now() - slot.inventoryAt > staleForMs;
      if (isTooOld || slot.fleet.operational === 'DOWN') forget(slot);
    },
  });
  let slots: readonly ServerSlot[] = [];
  let told = false;

  function connect(server: FleetServer): ServerSlot {
    const calls = apiCalls.get(server.name) ?? createApiCallStats();
    apiCalls.set(server.name, calls);
    const client = (options.createClient ?? createMediamtxClient)({
      server: server.name,
      apiUrl: server.apiUrl,
      ...options.credentialsFor(server),
      timeoutMs: options.apiTimeoutMs,
      onCall: (call, outcome, tookMs) => countApiCall(calls, call, outcome, tookMs),
    });
    const slot = createServerSlot(server, client, calls);
    index.join(slot);
    return slot;
  }

  function disconnect(slot: ServerSlot): void {
    inventory.leave(slot);
    slot.usable = false;
    idle.forget(slot);
    configured.forget(slot);
    index.leave(
      slot,
      slots.some(({ name }) => name === slot.name),
    );
    void slot.client.close();
  }

  /** A stream that is not in its server's list any more may have moved: the others are asked before their next lists. */
  function lookElsewhere(stream: string): void {
    // Not before the list is taken over.
    setImmediate(() => {
      const isGone = (index.get(stream)?.holdings.length ?? 0) === 0;
      if (inventory.isRunning && isGone && searches.take()) void confirm(stream);
    });
  }

  function forget(slot: ServerSlot): void {
    if (slot.index.held > 0)
      log.warn({ server: slot.name, streams: slot.index.held }, 'the last good list is too old and is no longer used');
    slot.inventoryAt = undefined;
    slot.readers = noReaders;
    idle.forget(slot);
    configured.forget(slot);
    index.clear(slot);
  }

  function pathOn(slot: ServerSlot, stream: string): PathAt {
    // A relay has its streams, or has not: it is not configured to have any.
    if (slot.fleet.kind === 'relay') return 'not configured';
    return pathAt(idle.startOf(slot, stream), configured.startOf(slot, stream));
  }

  function isListed(slot: ServerSlot): boolean {
    return !slot.usable || slot.health === 'ok';
  }

  function absence(stream: string): LookupResult {
    const complete = slots.every((slot) => isListed(slot) || !canHold(slot.fleet.kind, stream));
    return { holders: [], fillers: [], complete, among: slots, askedAt: now() };
  }

  /** The fleet may have changed while the servers were asked, or have been unknown when they were. */
  async function ofFleet(asked: Promise<LookupResult>, stream: string): Promise<LookupResult> {
    const result = await asked;
    return !result.complete || isOfFleet(result, stream, slots) ? result : { ...result, complete: false };
  }

  return {
    quick: (stream) => index.quick(stream),
    entry: (stream) => index.get(stream),
    known: (stream) => lookups.known(stream, slots),
    ask(stream) {
      const asked = lookups.ask(stream, slots);
      return asked === undefined ? undefined : ofFleet(asked, stream);
    },
    absence,
    hasEveryList: () => slots.filter(isMediamtx).every(isListed),
    slots: () => slots,
    policyOf,
    countStaleAnswer: () => {
      stats.staleAnswers++;
    },
    evidence: (stream, lookup) =>
      slots.map((slot) => describeEvidence(index, slot, stream, lookup, () => pathOn(slot, stream), now())),
    pathAt: pathOn,

    route: (stream) => index.route(stream),
    routes: () => index.routes(),
    onRouteChange: (listener) => subscribe(routeListeners, listener),
    onStreamChange: (listener) => subscribe(changeListeners, listener),
    onOverrideGone: (listener) => subscribe(goneListeners, listener),
    confirm,
    setOverride(stream, server) {
      if (server !== undefined && !isStreamName(stream))
        throw new RangeError(`no MediaMTX path can be named "${stream}"`);
      if (server !== undefined && index.overrideCount >= maxOverrides && index.overrideOf(stream) === undefined) {
        throw new RangeError(`${maxOverrides} streams are moved already; clear one first`);
      }
      index.setOverride(stream, server);
    },

    streamNames: () => index.names(),
    stream(name) {
      const entry = index.get(name);
      if (entry !== undefined && entry.holdings.length + entry.fillers.length > 0)
        return describeStream(index, entry, now());
      const looked = isStreamName(name) ? lookups.known(name, slots) : undefined;
      if (looked === undefined || looked.holders.length + looked.fillers.length === 0) return undefined;
      return describeFound(name, looked, policyOf(name), now());
    },
    servers: () => slots.map((slot) => describeServer(slot, now())),
    get streamCount() {
      return index.size;
    },
    get conflictCount() {
      return conflicts.count;
    },
    get lookupsKept() {
      return lookups.size;
    },
    get pathsKept() {
      return idle.size + configured.size;
    },
    hasEvidence: () => told && (slots.length === 0 || slots.some((slot) => slot.inventoryAt !== undefined)),

    setServers(servers) {
      told = true;
      const known = new Map(slots.map((slot) => [slot.name, slot]));
      slots = servers.map((server) => {
        const slot = known.get(server.name);
        if (slot === undefined || !isSameProgram(slot.fleet, server)) return connect(server);
        known.delete(server.name);
        const wasUsable = slot.usable;
        const before = slot.fleet;
        slot.fleet = server;
        slot.usable = isUsable(server);
        if (slot.usable !== wasUsable || isChosenOtherwise(slot, before)) index.rechoose(slot);
        if (server.operational === 'DOWN' && slot.consecutiveFailures > 0) forget(slot);
        // A server that has come up is asked at once.
        if (slot.usable && !wasUsable && inventory.isRunning) inventory.askNow(slot);
        return slot;
      });
      for (const gone of known.values()) disconnect(gone);
      const names = new Set(servers.map((server) => server.name));
      for (const name of apiCalls.keys()) if (!names.has(name)) apiCalls.delete(name);
      if (inventory.isRunning) inventory.askNew();
    },
    start: () => inventory.start(),
    async stop() {
      inventory.stop();
      lookups.stop();
      await Promise.all(slots.map((slot) => slot.client.close()));
    },
    stats,
  };
}

/** What another program at the name of this one holds, nobody knows yet. */
function isSameProgram(before: FleetServer, now: FleetServer): boolean {
  return (
    before.kind === now.kind &&
    before.apiUrl === now.apiUrl &&
    before.address === now.address &&
    before.port === now.port
  );
}

function isMediamtx({ fleet }: ServerSlot): boolean {
  return fleet.kind === 'mediamtx';
}

/** Which of several fillers is shown depends on who drains, and which relay has an account on who is a backup as well. */
function isChosenOtherwise({ fleet, index }: ServerSlot, before: FleetServer): boolean {
  const isOtherReady = (fleet.administrative === 'ready') !== (before.administrative === 'ready');
  return fleet.kind === 'relay'
    ? isOtherReady || fleet.isBackup !== before.isBackup
    : isOtherReady && index.fillers > 0;
}

function subscribe<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
