import type { Directory } from '../directory';
import type { Logger } from '../log';
import { type HaproxyInfo, isAnotherProcess, type RuntimeClient, type RuntimeError, showInfo } from '../runtime';
import { backOffMs } from '../wire';
import { createMovedStreams } from './moved-streams';
import { type PushPlan, planPush } from './push-plan';
import { createRoutesMap, type RoutesMapStats } from './routes-map';

/** The part of the directory that routes come from. */
export type RouteDirectory = Pick<Directory, 'route' | 'routes' | 'onRouteChange' | 'servers' | 'entry'>;

export interface RoutePushOptions {
  /** The node's name, for the log. */
  readonly node: string;
  readonly client: RuntimeClient;
  readonly directory: RouteDirectory;
  /** The map as haproxy.cfg names it; `routes.map` also finds `/etc/haproxy/routes.map`. */
  readonly map: string;
  readonly log: Logger;
  /**
   * How long entries of streams that nobody is known to have are left alone after the start, unless every usable server has been
   * listed before. Default 60,000, as `directory.staleFor`.
   */
  readonly staleForMs?: number;
  /** How long changes are collected before they are sent. Default 10. */
  readonly collectMs?: number;
  /** Pause between two looks at the number of the map's entries. Default 5000. */
  readonly checkEveryMs?: number;
  /** Least pause between two comparisons of the whole map. Default 60,000. */
  readonly compareEveryMs?: number;
  /** Streams that may wait to be sent; above, all streams are compared instead. Default 10,000. */
  readonly maxPending?: number;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

/** Plain counters, read by the metrics. */
export interface RoutePushStats extends RoutesMapStats {
  /** Entries that were not as they had been left, and were repaired. */
  repaired: number;
  failures: number;
  /** Times that more streams changed at once than are kept. */
  overflows: number;
  /** Entries of the table `streams` cleared because their stream moved. */
  cleared: number;
}

/**
 * - `starting`: the map has not been read yet.
 * - `right`: it has every route that the directory had a moment ago.
 * - `behind`: changes are on their way.
 * - `refused`: HAProxy cannot be asked, has no such map, or refuses; it is tried again, and HAProxy asks the agent meanwhile.
 */
export type RoutePushState = 'starting' | 'right' | 'behind' | 'refused';

export interface RoutePushView {
  readonly node: string;
  readonly map: string;
  /** The map as HAProxy lists it. */
  readonly file: string;
  readonly state: RoutePushState;
  /** Entries that HAProxy has, as far as we know. */
  readonly entries: number;
  /** Changes that wait to be sent. */
  readonly waiting: number;
  /** Why it is refused. */
  readonly error: RuntimeError | undefined;
}

/** Keeps the map of one HAProxy as the directory has it. */
export interface RoutePush {
  /** Begins; a second call does nothing. */
  start(): void;
  /** Gives up what is under way and stops for good. The map stays as it is: HAProxy ignores it when the agent's check has failed. */
  stop(): Promise<void>;
  /** The map may have become another (a new process of HAProxy): it is read again at once, whatever the back-off was. */
  resync(reason: string): void;
  /** HAProxy was seen to answer: what could not be sent is tried again now, however long ago it failed. Nothing while all goes well. */
  retry(): void;
  /** Resolves when everything that changed before the call has been sent, or could not be. */
  sent(): Promise<void>;
  view(): RoutePushView;
  readonly stats: RoutePushStats;
}

const backOff = { firstMs: 250, longestMs: 30_000 };
const evidenceEveryMs = 250;
const checkAgainMs = 1000;

/**
 * Pushes routes into HAProxy before anybody asks. One command at a time:
 *
 * - At the start, after `resync` and after any failure the map is read, and what differs is sent; a map that is empty, or differs much,
 *   is replaced in one step, so that lookups never meet an empty one.
 * - Then changes of the directory are sent as they come, collected for `collectMs`.
 * - An entry whose stream nobody is known to have is taken out only after every usable server has been listed once (or `staleForMs` has
 *   passed): an agent that has just started knows less than the map that its predecessor left.
 * - The number of entries is checked every `checkEveryMs`, the entries themselves at times (at most 1 % of the time goes into that).
 * - When a stream's server changes, its entry in the table `streams` is cleared: HAProxy goes by it when there is no agent.
 *
 * Entries whose keys are no stream names are none of ours: they are left alone, except when the whole map is replaced.
 * Several agents may keep the same map: they write the same routes, and an entry that is there twice is harmless.
 */
export function createRoutePush(options: RoutePushOptions): RoutePush {
  const { node, client, directory, map, log } = options;
  const { staleForMs = 60_000, collectMs = 10, checkEveryMs = 5000, compareEveryMs = 60_000 } = options;
  const { maxPending = 10_000 } = options;
  const now = options.now ?? (() => performance.now());
  const stats: RoutePushStats = {
    added: 0,
    changed: 0,
    removed: 0,
    replacements: 0,
    reads: 0,
    repaired: 0,
    failures: 0,
    overflows: 0,
    cleared: 0,
  };
  const stopping = new AbortController();
  const { signal } = stopping;
  const pending = new Set<string>();
  const inHaproxy = createRoutesMap({ client, map, directory, signal, stats });
  const isRelayed = (stream: string): boolean => directory.entry(stream)?.kind === 'relay';
  const moved = createMovedStreams(client, isRelayed, signal, now);
  /** Why the map must be read; undefined while we know what is in it. */
  let unread: string | undefined = 'start';
  let mustCompareAll = false;
  let mayRemove = false;
  let lastError: RuntimeError | undefined;
  let failuresInARow = 0;
  let startedAt = 0;
  let nextCheckAt = 0;
  let nextComparisonAt = 0;
  /** A number that is too great is no reason to read the map before this. */
  let nextCountReadAt = 0;
  /** The next reading is of another process. */
  let isResync = false;
  let wasRead = false;
  /** The process whose map was read last. */
  let process: HaproxyInfo | undefined;
  let running: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isCollecting = false;
  let unsubscribe: (() => void) | undefined;
  let waiting: (() => void)[] = [];
  /** The map is read because nobody knows what is in it. */
  let isReading = false;

  function noteChange(stream: string): void {
    if (!mustCompareAll) {
      pending.add(stream);
      if (pending.size > maxPending) {
        pending.clear();
        mustCompareAll = true;
        stats.overflows++;
      }
    }
    if (isCollecting || running !== undefined || lastError !== undefined || unread !== undefined) return;
    isCollecting = true;
    arm(collectMs);
  }

  function arm(delayMs: number): void {
    clearTimeout(timer);
    if (!signal.aborted) timer = setTimeout(run, delayMs);
  }

  function run(): void {
    isCollecting = false;
    running ??= pass().finally(() => {
      running = undefined;
      arm(nextDelayMs());
    });
  }

  function hurry(): void {
    failuresInARow = 0;
    if (unsubscribe !== undefined && running === undefined) arm(0);
  }

  function nextDelayMs(): number {
    if (lastError !== undefined) return failuresInARow === 0 ? 0 : backOffMs(failuresInARow, backOff);
    if (unread !== undefined) return 0;
    if (pending.size > 0 || mustCompareAll) {
      isCollecting = true;
      return collectMs;
    }
    const untilCheckMs = Math.min(moved.dueInMs(), Math.max(0, nextCheckAt - now()));
    return mayRemove ? untilCheckMs : Math.min(evidenceEveryMs, untilCheckMs);
  }

  async function pass(): Promise<void> {
    const due = waiting;
    waiting = [];
    const error = await step();
    if (!signal.aborted) note(error);
    // What was to be sent before a pass was sent by it, unless the map must be read first: changes that come all the time hold nobody up.
    if (unread !== undefined && lastError === undefined) waiting = [...due, ...waiting];
    else release(due);
    if (!isBehind() || lastError !== undefined) releaseAll();
  }

  function isBehind(): boolean {
    return unread !== undefined || mustCompareAll || pending.size > 0;
  }

  function release(due: readonly (() => void)[]): void {
    for (const resolve of due) resolve();
  }

  function releaseAll(): void {
    const all = waiting;
    waiting = [];
    release(all);
  }

  /** The most urgent thing that is to be done, or nothing. */
  async function step(): Promise<RuntimeError | undefined> {
    if (!mayRemove && (everybodyWasListed() || now() - startedAt >= staleForMs)) {
      mayRemove = true;
      mustCompareAll = true;
    }
    if (unread !== undefined) {
      isReading = true;
      const error = await readAndRepair();
      isReading = false;
      return error;
    }
    if (pending.size > 0 || mustCompareAll) return carryOut(planFromDirectory());
    if (moved.dueInMs() === 0) {
      stats.cleared += await moved.clearSome();
      return undefined;
    }
    return now() >= nextCheckAt ? check() : undefined;
  }

  // An error is logged when it begins, when it becomes another, and when it ends. That HAProxy cannot be reached is logged by who watches it.
  function note(error: RuntimeError | undefined): void {
    if (error === undefined) {
      if (lastError !== undefined) log.info({ node, map }, 'routes are pushed again');
      lastError = undefined;
      failuresInARow = 0;
      return;
    }
    stats.failures++;
    unread ??= 'a failure';
    if (error.reason !== lastError?.reason) {
      const write = error.reason === 'unreachable' ? log.debug.bind(log) : log.warn.bind(log);
      write(
        { node, map, reason: error.reason },
        `${error.message}; until routes can be pushed, HAProxy asks the agent`,
      );
    }
    lastError = error;
    failuresInARow++;
  }

  function everybodyWasListed(): boolean {
    const servers = directory.servers();
    return (
      servers.length > 0 &&
      servers.every(
        ({ operational, administrative, api }) =>
          operational === 'DOWN' || administrative === 'maint' || api.inventoryAgeMs !== undefined,
      )
    );
  }

  /** Every stream that has a route, and every entry that has none any more (if that may be said already). */
  function* everything(): Iterable<readonly [string, string | undefined]> {
    yield* directory.routes();
    if (!mayRemove) return;
    for (const stream of inHaproxy.entries.keys()) if (directory.route(stream) === undefined) yield [stream, undefined];
  }

  function* whatChanged(): Iterable<readonly [string, string | undefined]> {
    for (const stream of pending) {
      const server = directory.route(stream);
      if (server !== undefined || mayRemove) yield [stream, server];
    }
  }

  /** The plan for all that waits, in the same turn: what changes later waits again. */
  function planFromDirectory(): PushPlan {
    const plan = planPush(inHaproxy.entries, mustCompareAll ? everything() : whatChanged());
    pending.clear();
    mustCompareAll = false;
    return plan;
  }

  async function readAndRepair(): Promise<RuntimeError | undefined> {
    let reason = unread;
    unread = undefined;
    const began = now();
    const info = await showInfo(client, { signal });
    if (!info.ok) return info.error;
    // A process that started with an empty map did not lose entries: this may be noticed before anybody has told of the new process.
    if (process !== undefined && isAnotherProcess(process, info.value)) reason = 'another HAProxy process answers';
    process = info.value;
    const read = await inHaproxy.read();
    if (!read.ok) return read.error;
    if (read.value === 'replaced') {
      unread ??= reason;
      return undefined;
    }
    const tookMs = now() - began;
    // During a reload the old process may have answered once more: that is seen soon.
    nextCheckAt = now() + (isResync ? Math.min(checkAgainMs, checkEveryMs) : checkEveryMs);
    isResync = false;
    nextComparisonAt = now() + Math.max(compareEveryMs, tookMs * 100);
    nextCountReadAt = now() + tookMs * 100;

    const isCheck = reason === 'count' || reason === 'comparison';
    const expected = isCheck && !mustCompareAll ? new Set(pending) : undefined;
    mustCompareAll = true;
    const plan = planFromDirectory();
    if (expected !== undefined) noteRepairs(plan, expected);
    const error = await carryOut(plan, inHaproxy.entries.size === 0 && plan.add.length > 0);
    if (error !== undefined) return error;
    if (!isCheck) {
      const { add, change, remove } = plan;
      const counts = { added: add.length, changed: change.length, removed: remove.length };
      log.info(
        { node, map, reason, entries: inHaproxy.entries.size, ...counts, tookMs: Math.round(now() - began) },
        'routes pushed',
      );
    }
    wasRead = true;
    return undefined;
  }

  function noteRepairs({ add, change, remove }: PushPlan, expected: ReadonlySet<string>): void {
    const unexpected = [...add.map(([stream]) => stream), ...change.map(([stream]) => stream), ...remove].filter(
      (stream) => !expected.has(stream),
    );
    if (unexpected.length === 0) return;
    stats.repaired += unexpected.length;
    log.warn(
      { node, map, entries: unexpected.length },
      'entries of the map had been changed by somebody else; repaired',
    );
  }

  async function carryOut(plan: PushPlan, isFill = false): Promise<RuntimeError | undefined> {
    moved.note(plan, inHaproxy.entries);
    return inHaproxy.apply(plan, isFill);
  }

  async function check(): Promise<RuntimeError | undefined> {
    nextCheckAt = now() + checkEveryMs;
    const count = await inHaproxy.count();
    if (!count.ok) return count.error;
    // Several agents add the same stream at the same moment: what is there twice is harmless, what is missing is not.
    const isWorthReading = count.value === 'fewer' || (count.value === 'other' && now() >= nextCountReadAt);
    if (isWorthReading) unread ??= 'count';
    else if (now() >= nextComparisonAt) return compare();
    return undefined;
  }

  async function compare(): Promise<RuntimeError | undefined> {
    const began = now();
    const isRight = await inHaproxy.compare();
    if (!isRight.ok) return isRight.error;
    nextComparisonAt = now() + Math.max(compareEveryMs, (now() - began) * 100);
    if (!isRight.value) unread ??= 'comparison';
    return undefined;
  }

  function waitingNow(): number {
    if (!mustCompareAll) return pending.size + inHaproxy.sending;
    return directory.servers().reduce((sum, { streams }) => sum + streams, 0);
  }

  function stateNow(): RoutePushState {
    if (lastError !== undefined) return 'refused';
    if (!wasRead) return 'starting';
    return isBehind() || isReading || inHaproxy.sending > 0 ? 'behind' : 'right';
  }

  return {
    start() {
      if (unsubscribe !== undefined || signal.aborted) return;
      unsubscribe = directory.onRouteChange(noteChange);
      startedAt = now();
      arm(0);
    },
    async stop() {
      stopping.abort();
      unsubscribe?.();
      clearTimeout(timer);
      await running;
      releaseAll();
    },
    sent() {
      if (unsubscribe === undefined || signal.aborted) return Promise.resolve();
      if (running === undefined && (!isBehind() || lastError !== undefined)) return Promise.resolve();
      return new Promise((resolve) => waiting.push(resolve));
    },
    resync(reason) {
      unread = reason;
      isResync = true;
      hurry();
    },
    retry() {
      if (lastError !== undefined) hurry();
    },
    view: () => ({
      node,
      map,
      file: inHaproxy.file,
      state: stateNow(),
      entries: inHaproxy.entries.size,
      waiting: waitingNow(),
      error: lastError,
    }),
    stats,
  };
}
