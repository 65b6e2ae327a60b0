import type { Logger } from '../log';
import {
  createMediamtxClient,
  isStreamName,
  type MediamtxClient,
  type MediamtxClientOptions,
  noReaders,
  type ReaderCounts,
} from '../mediamtx';
import { type RecordTime, recordNothing } from '../record-time';
import { createConfirmations } from './confirmations';
import { createHolderPolicy, type HolderPolicy, type HolderRule } from './holder-policy';
import { nextInventoryMs } from './inventory-schedule';
import { createLookups, type LookupResult, type LookupStats } from './lookup';
import { createLookupBudget } from './lookup-budget';
import {
  type ApiCallStats,
  countApiCall,
  createApiCallStats,
  createServerSlot,
  type Holding,
  isUsable,
  type ServerSlot,
  type StreamEntry,
} from './server-slot';
import { createStreamIndex, isNewer } from './stream-index';
import type {
  EvidenceSource,
  FleetServer,
  HolderView,
  ServerEvidence,
  ServerView,
  StreamChange,
  StreamView,
} from './views';

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
  readonly credentialsFor: (server: string) => { username?: string | undefined; password?: string | undefined };
  readonly log: Logger;
  /** Told of every lookup that asked servers, and of every list. */
  readonly recordLookup?: RecordTime;
  readonly recordPoll?: RecordTime;
  /** Tests put their own servers here. */
  readonly createClient?: (options: MediamtxClientOptions) => MediamtxClient;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
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
  /** A stream that a server holds or an operator has moved. */
  entry(stream: string): StreamEntry | undefined;
  /** What an earlier lookup said; undefined when somebody must be asked. */
  known(stream: string): LookupResult | undefined;
  /** Asks the servers; undefined when the lookup budget is used up. Never rejects. */
  ask(stream: string): Promise<LookupResult> | undefined;
  /** What the inventory alone says of a stream that it has not got: complete when every usable server's list is good. */
  absence(): LookupResult;
  slots(): readonly ServerSlot[];
  policyOf(stream: string): HolderPolicy;
  evidence(stream: string, lookup: LookupResult | undefined): ServerEvidence[];
  countStaleAnswer(): void;

  /**
   * The server that routes.map should name for a stream: an operator's choice while that server is usable, else its one chosen
   * holder. Undefined where the question must be asked for each session: nobody has it, or replicas share its sessions.
   */
  route(stream: string): string | undefined;
  /** Every stream that has a route, in no order. */
  routes(): IterableIterator<readonly [stream: string, server: string]>;
  /** Calls `listener` in the same turn, once for each stream whose `route` became another. @returns what ends that. */
  onRouteChange(listener: (stream: string) => void): () => void;
  /** Calls `listener` in the same turn when a server begins or ceases to hold a stream. @returns what ends that. */
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

  /** Every stream in the inventory, in no order. */
  streamNames(): IterableIterator<string>;
  stream(name: string): StreamView | undefined;
  servers(): ServerView[];
  readonly streamCount: number;
  readonly conflictCount: number;
  readonly lookupsKept: number;
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
  const { log, staleForMs, suspectAfter, recordLookup = recordNothing, recordPoll = recordNothing } = options;
  const now = options.now ?? (() => performance.now());
  const apiCalls = new Map<string, ApiCallStats>();
  const policyOf = createHolderPolicy(options.holders);
  const routeListeners = new Set<(stream: string) => void>();
  const changeListeners = new Set<(change: StreamChange) => void>();
  const goneListeners = new Set<(stream: string, server: string) => void>();
  const index = createStreamIndex(policyOf, options.maxStreams, {
    refused(count) {
      stats.refusedStreams += count;
      log.warn({ count, maxStreams: options.maxStreams }, 'streams not taken in: directory.maxStreams is reached');
    },
    changed(change) {
      if (change.kind === 'vanished' && change.source === 'inventory') lookElsewhere(change.stream);
      for (const listener of changeListeners) listener(change);
    },
    routed(stream) {
      for (const listener of routeListeners) listener(stream);
    },
    overrideGone(stream, server) {
      log.info({ stream, server }, 'the server that an operator chose has lost the stream; its choice is over');
      for (const listener of goneListeners) listener(stream, server);
    },
  });
  const budget = createLookupBudget(options.lookup.perSecond, now);
  const lookups = createLookups({
    ...options.lookup,
    staleForMs,
    maxKept: 20_000,
    budget,
    now,
    recordLookup,
    onAsk(askedAt) {
      const asked = { question: index.ask(), source: 'lookup', askedAt: Math.floor(askedAt) } as const;
      return (slot, stream, report) => index.hear(slot, stream, report, asked);
    },
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
  const polling = new Set<ServerSlot>();
  const timers = new Map<ServerSlot, NodeJS.Timeout>();
  const conflicting = new Set<string>();
  let slots: readonly ServerSlot[] = [];
  let running = false;
  let told = false;

  function connect(server: FleetServer): ServerSlot {
    const calls = apiCalls.get(server.name) ?? createApiCallStats();
    apiCalls.set(server.name, calls);
    const client = (options.createClient ?? createMediamtxClient)({
      server: server.name,
      apiUrl: server.apiUrl,
      ...options.credentialsFor(server.name),
      timeoutMs: options.apiTimeoutMs,
      onCall: (call, outcome, tookMs) => countApiCall(calls, call, outcome, tookMs),
    });
    const slot = createServerSlot(server, client, calls);
    index.join(slot);
    return slot;
  }

  function disconnect(slot: ServerSlot): void {
    clearTimeout(timers.get(slot));
    timers.delete(slot);
    slot.usable = false;
    index.leave(
      slot,
      slots.some(({ name }) => name === slot.name),
    );
    void slot.client.close();
  }

  function isCurrent(slot: ServerSlot): boolean {
    return running && slots.includes(slot);
  }

  function schedule(slot: ServerSlot, delayMs: number): void {
    clearTimeout(timers.get(slot));
    timers.set(
      slot,
      setTimeout(() => void poll(slot), delayMs),
    );
  }

  /** A stream that is not in its server's list any more may have moved: the others are asked before their next lists. */
  function lookElsewhere(stream: string): void {
    // Not before the list is taken over.
    setImmediate(() => {
      if (running && index.get(stream) === undefined && searches.take()) void confirm(stream);
    });
  }

  /** New servers one shortly after the other: a large fleet's first lists all at once would set the process's memory for good. */
  function startPolling(): void {
    const fresh = slots.filter((slot) => !timers.has(slot));
    const staggerMs = Math.min(10, options.intervalMs / fresh.length);
    fresh.forEach((slot, i) => schedule(slot, i * staggerMs));
  }

  /** One round of the inventory of one server: ask, take over or keep the last good answer, come again. */
  async function poll(slot: ServerSlot): Promise<void> {
    if (polling.has(slot)) return;
    polling.add(slot);
    // Whole milliseconds, and never later than it was.
    const askedAt = Math.floor(now());
    const round = index.list(slot, askedAt);
    const readers = { ...noReaders };
    const isFirst = slot.inventoryAt === undefined;
    const answer = await slot.client.listPaths((report) => {
      if (!report.live) return;
      addReaders(readers, report.readers);
      round.note(report);
    });
    polling.delete(slot);
    if (!isCurrent(slot)) return;
    recordPoll(answer.tookMs, 1, answer.ok ? 0 : 1);
    const tookMs = now() - askedAt;
    const takeOverStarted = performance.now();
    if (answer.ok) {
      stats.ignoredNames += answer.value.ignored;
      slot.inventoryTookMs = tookMs;
      if (round.finish()) {
        slot.readers = readers;
        trust(slot, askedAt);
      }
    } else fail(slot, answer.detail);
    const nextMs = nextInventoryMs({
      intervalMs: options.intervalMs,
      tookMs,
      ownMs: answer.ok ? answer.value.ownMs + performance.now() - takeOverStarted : 0,
      servers: slots.length,
      consecutiveFailures: slot.consecutiveFailures,
    });
    // From the second list on the servers take turns, so that a stream that moves is seen by the first of two.
    const turn = isFirst && answer.ok ? (slots.indexOf(slot) + 1) / slots.length : 1;
    schedule(slot, nextMs * turn);
  }

  /** Asks once which MediaMTX it is; a server that will not say is not asked again until it has failed and recovered. */
  async function learnVersion(slot: ServerSlot): Promise<void> {
    slot.info = { version: undefined, era: undefined };
    const answer = await slot.client.info();
    if (answer.ok) slot.info = answer.value;
  }

  /** The server's list is good and new. */
  function trust(slot: ServerSlot, askedAt: number): void {
    if (slot.consecutiveFailures >= suspectAfter) log.info({ server: slot.name }, 'Control API answers again');
    slot.health = 'ok';
    slot.consecutiveFailures = 0;
    slot.lastError = undefined;
    slot.inventoryAt = askedAt;
    noteConflicts();
    if (slot.info === undefined) void learnVersion(slot);
  }

  function fail(slot: ServerSlot, detail: string): void {
    slot.consecutiveFailures++;
    slot.lastError = detail;
    // After a failure it may be another program that answers: ask for its version again.
    slot.info = undefined;
    const suspect = slot.consecutiveFailures >= suspectAfter;
    if (suspect && slot.health !== 'suspect') log.warn({ server: slot.name, detail }, 'Control API is suspect');
    slot.health = suspect ? 'suspect' : 'failing';
    const tooOld = slot.inventoryAt !== undefined && now() - slot.inventoryAt > staleForMs;
    if (tooOld || slot.fleet.operational === 'DOWN') forget(slot);
  }

  function forget(slot: ServerSlot): void {
    if (slot.index.held > 0) log.warn({ server: slot.name, streams: slot.index.held }, 'last good list given up');
    slot.inventoryAt = undefined;
    slot.readers = noReaders;
    index.clear(slot);
  }

  function noteConflicts(): void {
    for (const entry of index.contested()) {
      if (isConflict(entry)) {
        if (conflicting.has(entry.name)) continue;
        conflicting.add(entry.name);
        stats.conflicts++;
        const servers = entry.holdings.map((holding) => holding.slot.name);
        log.warn(
          { stream: entry.name, servers, chosen: entry.chosen?.name },
          'stream has publishers on several servers',
        );
      }
    }
    for (const name of conflicting) {
      const entry = index.get(name);
      if (entry === undefined || !isConflict(entry)) conflicting.delete(name);
    }
  }

  function isStale(slot: ServerSlot): boolean {
    return slot.consecutiveFailures > 0;
  }

  function holderView(
    { slot, report }: Pick<Holding, 'slot' | 'report'>,
    told: { readonly source: EvidenceSource; readonly askedAt: number } | undefined,
  ): HolderView {
    return {
      server: slot.name,
      publisherSince: report.publisherSinceMs > 0 ? new Date(report.publisherSinceMs).toISOString() : undefined,
      sourceType: report.sourceType,
      tracks: report.tracks,
      ...readersView(report.readers),
      bytesReceived: report.bytesReceived,
      bytesSent: report.bytesSent,
      evidence: {
        source: told?.source ?? 'inventory',
        ageMs: Math.round(now() - (told?.askedAt ?? slot.inventoryAt ?? now())),
        stale: isStale(slot),
      },
    };
  }

  function streamView(entry: StreamEntry): StreamView {
    const first = entry.moved ?? entry.chosen;
    const holdings = [...entry.holdings].sort((a, b) => {
      if (a.slot === first || b.slot === first) return a.slot === first ? -1 : 1;
      return isNewer(a, b) ? -1 : 1;
    });
    return {
      name: entry.name,
      holders: holdings.map((holding) => holderView(holding, index.told(holding.slot, entry.name))),
      conflict: isConflict(entry),
      policy: entry.policy,
    };
  }

  function serverView(slot: ServerSlot): ServerView {
    const { name, address, port, apiUrl, operational, administrative } = slot.fleet;
    return {
      name,
      address,
      port,
      apiUrl,
      operational,
      administrative,
      api: {
        health: slot.health,
        consecutiveFailures: slot.consecutiveFailures,
        lastError: slot.lastError,
        inventoryAgeMs: slot.inventoryAt === undefined ? undefined : Math.round(now() - slot.inventoryAt),
        inventoryTookMs: slot.inventoryTookMs === undefined ? undefined : Math.round(slot.inventoryTookMs),
        version: slot.info?.version,
        era: slot.info?.era,
      },
      streams: slot.index.held,
      ...readersView(slot.readers),
      hlsSessions: slot.readers.hls,
    };
  }

  function absence(): LookupResult {
    const complete = slots.every((slot) => !slot.usable || slot.health === 'ok');
    return { holders: [], complete, askedAt: now() };
  }

  return {
    quick: (stream) => index.quick(stream),
    entry: (stream) => index.get(stream),
    known: (stream) => lookups.known(stream, slots),
    ask: (stream) => lookups.ask(stream, slots),
    absence,
    slots: () => slots,
    policyOf,
    countStaleAnswer: () => {
      stats.staleAnswers++;
    },
    evidence(stream, lookup) {
      return slots.map((slot) => {
        const isHeld = index.holds(slot, stream);
        const found = lookup?.holders.find((holder) => holder.slot === slot);
        // A stream that found no place in the index is known from its lookup alone.
        const told =
          isHeld || found === undefined ? index.told(slot, stream) : { source: 'lookup' as const, ...lookup };
        const at = told?.askedAt ?? slot.inventoryAt;
        return {
          server: slot.name,
          says: isHeld || found !== undefined ? 'live' : slot.inventoryAt === undefined ? 'no answer' : 'not live',
          source: at === undefined ? undefined : (told?.source ?? 'inventory'),
          ageMs: at === undefined ? undefined : Math.round(now() - at),
          stale: isStale(slot),
        };
      });
    },

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
      if (entry !== undefined && entry.holdings.length > 0) return streamView(entry);
      const looked = isStreamName(name) ? lookups.known(name, slots) : undefined;
      if (looked === undefined || looked.holders.length === 0) return undefined;
      return {
        name,
        holders: looked.holders.map((holder) => holderView(holder, { source: 'lookup', askedAt: looked.askedAt })),
        conflict: false,
        policy: policyOf(name),
      };
    },
    servers: () => slots.map(serverView),
    get streamCount() {
      return index.size;
    },
    get conflictCount() {
      return conflicting.size;
    },
    get lookupsKept() {
      return lookups.size;
    },
    hasEvidence: () => told && (slots.length === 0 || slots.some((slot) => slot.inventoryAt !== undefined)),

    setServers(servers) {
      told = true;
      const before = new Map(slots.map((slot) => [slot.name, slot]));
      slots = servers.map((server) => {
        const slot = before.get(server.name);
        if (slot === undefined || slot.fleet.apiUrl !== server.apiUrl) return connect(server);
        before.delete(server.name);
        const wasUsable = slot.usable;
        slot.fleet = server;
        slot.usable = isUsable(server);
        if (slot.usable !== wasUsable) index.rechoose(slot);
        if (server.operational === 'DOWN' && slot.consecutiveFailures > 0) forget(slot);
        // A server that has come up is asked at once, whatever its back-off was.
        if (slot.usable && !wasUsable && running) schedule(slot, 0);
        return slot;
      });
      for (const gone of before.values()) disconnect(gone);
      const names = new Set(servers.map((server) => server.name));
      for (const name of apiCalls.keys()) if (!names.has(name)) apiCalls.delete(name);
      if (running) startPolling();
    },
    start() {
      running = true;
      startPolling();
    },
    async stop() {
      running = false;
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
      lookups.stop();
      await Promise.all(slots.map((slot) => slot.client.close()));
    },
    stats,
  };
}

/**
 * Two servers really hold a stream of policy `newest` at once, as opposed to one list being older than a publisher's move:
 * every holder was listed after the newest publisher had been seen.
 */
function isConflict(entry: StreamEntry): boolean {
  if (entry.policy === 'spread' || entry.holdings.length < 2) return false;
  const newestSeenAt = Math.max(...entry.holdings.map((holding) => holding.seenAt));
  return entry.holdings.every(
    ({ slot }) => slot.consecutiveFailures === 0 && slot.inventoryAt !== undefined && slot.inventoryAt >= newestSeenAt,
  );
}

function subscribe<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

function addReaders(sums: Record<keyof ReaderCounts, number>, more: ReaderCounts): void {
  // Most streams have none.
  if (more === noReaders) return;
  for (const protocol of Object.keys(more) as (keyof ReaderCounts)[]) sums[protocol] += more[protocol];
}

function readersView(counts: ReaderCounts): Pick<HolderView, 'readers' | 'readersByProtocol'> {
  const { rtsp, rtmp, srt, webrtc, other } = counts;
  return { readers: rtsp + rtmp + srt + webrtc + other, readersByProtocol: { rtsp, rtmp, srt, webrtc, other } };
}
