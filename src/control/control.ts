import { setTimeout as pause } from 'node:timers/promises';
import type { Directory } from '../directory';
import type { Emit } from '../events';
import type { Logger } from '../log';
import { inTime } from '../measure';
import type { HaproxyInfo, HaproxyNode, RuntimeError } from '../runtime';
import type { Store } from '../store';
import { errorText } from '../wire';
import { controlledServer, type NodeServer } from './controlled-server';
import type { Command } from './decide';
import { type ActionReason, actionReasons } from './desired-state';
import type { ApiUrlFor } from './fleet-servers';
import { createFleetView } from './fleet-view';
import { isLine, longestDeadlineMs, longestOperator, longestReason, shortestDeadlineMs } from './intent';
import { createIntents } from './intents';
import { createMoves } from './moves';
import { type ControlNode, createNode, type NodeStats } from './node';
import { type Backends, kindIn, type ObserverStats } from './observe';
import { createRoutePush, type RoutePush } from './push';
import { createReconciler, type Reconciler } from './reconciler';
import { createStoredMemories } from './stored-memories';
import { createStreamTables } from './stream-tables';
import { createSurvey } from './survey';
import type { ControlledServer, ControlProblem, ControlResult, EmptySlot, Intent, Operations } from './views';

export interface HaproxyControlOptions {
  /** At least one; the first one's order of servers is everybody's. */
  readonly nodes: readonly HaproxyNode[];
  readonly backends: Backends;
  readonly apiUrlFor: ApiUrlFor;
  readonly directory: Directory;
  /** The map to be kept filled, as haproxy.cfg names it; null for none. */
  readonly map: string | null;
  /** How long the last good answer of a server counts. */
  readonly staleForMs: number;
  readonly store: Store;
  readonly emit: Emit;
  /** What to do with a server whose Control API fails while HAProxy calls it UP: no new streams, or drained as well. */
  readonly onApiFailure: 'suspect' | 'drain';
  /** Whether weights follow load. */
  readonly weights: 'config' | 'auto';
  /** Where agents share the store, whether this one decides what is done without an operator. Default: always. */
  readonly leads?: (() => boolean) | undefined;
  /** Pause between two looks at a HAProxy. Default 1000. */
  readonly intervalMs?: number;
  /** The least time from one comparison of the whole map with what it should be to the next. Default 60,000. */
  readonly compareMapEveryMs?: number;
  /** A session that asked for nothing for so long is not counted as a viewer. Default 10,000. */
  readonly goneAfterMs?: number;
  readonly log: Logger;
}

/** Plain counters, read by the metrics. */
export interface ControlStats {
  /** Summed over the nodes. */
  readonly observer: Readonly<ObserverStats>;
  readonly nodes: ReadonlyMap<string, NodeStats>;
  /** Commands that changed a state or a weight, by why they were given. */
  readonly actions: Record<ActionReason, number>;
  /** Times that the guard began to hold an automatic drain back. */
  readonly guardHolds: number;
  /** Servers that it holds back now. */
  readonly heldBack: number;
  /** Servers whose state somebody else set, on some node. */
  readonly external: number;
  readonly emptySlots: number;
}

/** Keeps every HAProxy as reality and operators want it: the states of its servers, its routes.map, and where moved streams go. */
export interface HaproxyControl extends Operations {
  /** Reads the store and begins to look at every HAProxy. Rejects when the store cannot be read; one that others share is waited for meanwhile. */
  start(): Promise<void>;
  /** Gives up what is under way and stops for good. HAProxy stays as it is. */
  stop(): Promise<void>;
  /** Counts viewers and streams, so that `servers()` tells of this moment. Never rejects. */
  refresh(): Promise<void>;
  /** One for each HAProxy; none when no map is kept. */
  readonly pushes: readonly RoutePush[];
  readonly stats: ControlStats;
}

const resumeEveryMs = 500;
/** An operator waits so long for HAProxy to be as desired; after that it is still being worked on. */
const answerAfterMs = 5000;
/** Who asked for the servers lately will ask again. */
const demandMs = 5000;

export function createHaproxyControl(options: HaproxyControlOptions): HaproxyControl {
  const { directory, store, emit, log, map, staleForMs, intervalMs = 1000, leads = () => true } = options;
  const { compareMapEveryMs: compareEveryMs = 60_000 } = options;
  const stopping = new AbortController();
  const intents = createIntents(store, log, () => reconciler.reconcile());
  const memories = createStoredMemories(store, log);
  const survey = createSurvey(directory, stopping.signal, () => performance.now());
  const haproxys = options.nodes.map((node) => {
    const { name, routes: client } = node;
    return map === null
      ? node
      : {
          ...node,
          push: createRoutePush({ node: name, client, directory, map, staleForMs, compareEveryMs, log }),
        };
  });
  const pushes = haproxys.flatMap((node) => ('push' in node ? [node.push] : []));
  const nodes = haproxys.map((node) =>
    createNode({
      node,
      backends: options.backends,
      apiUrlFor: options.apiUrlFor,
      intervalMs,
      goneAfterMs: options.goneAfterMs ?? 10_000,
      desired: () => reconciler.desired(),
      onObserved: () => reconciler.reconcile(),
      isShared: store.isShared,
      onDoubt: () => reconciler.reload(),
      onProcess: (haproxy, before) => onProcess(node.name, haproxy, before),
      onAction: (command, error) => onAction(node.name, command, error),
      onMemory: (memory) => memories.note(node.name, memory),
      log,
    }),
  );
  const isFleetKnown = () => nodes.every((node) => node.states() !== undefined);
  const moves = createMoves({ store, directory, nodes: haproxys, emit, log, isFleetKnown });
  const view = createFleetView(nodes, directory, (server) => intents.get(server), kindIn(options.backends));
  const reconciler: Reconciler = createReconciler({
    ...options,
    nodes,
    view,
    intents,
    survey,
    leads,
    isWatched: () => performance.now() - demandedAt < demandMs,
    intervalMs,
  });
  const stats: ControlStats = {
    get observer() {
      return sumOf(nodes.map((node) => node.stats));
    },
    nodes: new Map(nodes.map((node) => [node.name, node.stats])),
    actions: Object.fromEntries(actionReasons.map((reason) => [reason, 0])) as Record<ActionReason, number>,
    get guardHolds() {
      return reconciler.stats.guardHolds;
    },
    get heldBack() {
      return reconciler.stats.heldBack;
    },
    get external() {
      return view.names().filter((name) => view.isExternal(name)).length;
    },
    get emptySlots() {
      return view.emptySlots().length;
    },
  };
  let demandedAt = Number.NEGATIVE_INFINITY;
  let resuming: Promise<void> | undefined;

  function onProcess(node: string, haproxy: HaproxyInfo, before: HaproxyInfo | undefined): void {
    const { pid, version } = haproxy;
    if (before === undefined) {
      log.info({ node, pid, version }, 'HAProxy answers');
      return;
    }
    const reason = `process ${pid} answers instead of ${before.pid}`;
    emit({ type: 'haproxy.reloaded', reason, evidence: 'haproxy', data: { node, pid, before: before.pid, version } });
  }

  function onAction(node: string, command: Command, error: RuntimeError | undefined): void {
    const { kind, server, reason, because } = command;
    if (error !== undefined) return;
    if (kind !== 'clear-entries') stats.actions[reason]++;
    const what = kind === 'set-state' ? command.state : kind === 'set-weight' ? command.weight : undefined;
    log.info({ node, server, command: kind, to: what, reason, because }, 'applied to HAProxy');
  }

  /** @param known what the directory knows, by server: made once for all of them, since it goes through all. */
  function serverView(name: string, known = directoryViews()): ControlledServer {
    const seen = survey.latest();
    return controlledServer({
      name,
      nodes: nodes.flatMap((node) => nodeServer(node, name)),
      unanswered: nodes.filter((node) => node.states() === undefined).map((node) => node.name),
      desired: reconciler.desired().desired.get(name),
      intent: intents.get(name),
      directory: known.get(name),
      survey: seen === undefined ? undefined : { server: seen.servers.get(name), ageMs: seen.ageMs },
    });
  }

  function directoryViews() {
    return new Map(directory.servers().map((server) => [server.name, server]));
  }

  function nodeServer(node: ControlNode, name: string): NodeServer[] {
    const state = view.statesOf(node).find(({ serverName }) => serverName === name);
    if (state === undefined) return [];
    return [
      {
        node: node.name,
        state,
        memory: node.memory().servers.get(name),
        viewers: node.viewers()?.get(name),
        lastError: node.lastError?.message,
        isYoung: node.isYoung(),
      },
    ];
  }

  async function refresh(): Promise<void> {
    demandedAt = performance.now();
    await Promise.all([survey.look('now'), ...nodes.map((node) => node.sessions.count('now'))]);
  }

  async function setIntent(
    server: string,
    order: Parameters<Operations['setIntent']>[1],
  ): Promise<ControlResult<ControlledServer>> {
    const problem = checkOrder(server, order, view.names(), view.emptySlots());
    if (problem !== undefined) return { ok: false, problem };
    const { kind, reason, operator, deadlineMs } = order;
    const nowMs = Date.now();
    const intent: Intent = {
      kind,
      reason,
      operator,
      since: laterThan(intents.get(server)?.since, nowMs),
      ...(deadlineMs === undefined ? {} : { deadline: new Date(nowMs + deadlineMs).toISOString() }),
    };
    try {
      await intents.set(server, intent);
    } catch (error) {
      return refused('store-failed', `it could not be stored, so nothing was done: ${errorText(error)}`);
    }
    log.info({ server, kind, reason, operator, deadline: intent.deadline }, 'intent');
    const data = { kind, operator, ...(intent.deadline === undefined ? {} : { deadline: intent.deadline }) };
    emit({ type: 'server.intent', server, reason, evidence: 'operator', data });
    // Before HAProxy is told: who is located from now on is not sent there any more.
    reconciler.reconcile();
    await inTime(Promise.all(nodes.map((node) => node.now())), answerAfterMs);
    await inTime(refresh(), answerAfterMs);
    return { ok: true, value: serverView(server) };
  }

  /** Goes on where an earlier life of the agent ended. Rejects when the store fails. */
  async function resume(): Promise<void> {
    await intents.load();
    const stored = await Promise.all(nodes.map(async (node) => ({ node, memory: await memories.load(node.name) })));
    await reconciler.resume(stored.map(({ memory }) => memory));
    for (const { node, memory } of stored) node.resume(memory);
  }

  /** A store that others share may come late. */
  async function resumeLater(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await pause(resumeEveryMs, undefined, { signal: stopping.signal });
        await resume();
        reconciler.reconcile();
        for (const node of nodes) void node.now();
        return;
      } catch {
        // The store logs that it is away.
      }
    }
  }

  return {
    async start() {
      await moves.start();
      await resume().catch((error: unknown) => {
        if (!store.isShared) throw error;
        resuming = resumeLater();
      });
      reconciler.start();
      for (const node of nodes) node.start();
      for (const push of pushes) push.start();
    },
    async stop() {
      await Promise.all(pushes.map((push) => push.stop()));
      stopping.abort();
      await resuming;
      reconciler.stop();
      await Promise.all(nodes.map((node) => node.stop()));
      await memories.written();
      await moves.stop();
    },
    refresh,
    servers() {
      demandedAt = performance.now();
      void survey.look('ifDue');
      for (const node of nodes) void node.sessions.count('ifDue');
      const known = directoryViews();
      return view.names().map((name) => serverView(name, known));
    },
    emptySlots: () => view.emptySlots(),
    setIntent,
    moves: () => moves.moves(),
    move: (stream, server, by) => moves.move(stream, server, by),
    clearMove: (stream, operator) => moves.clearMove(stream, operator),
    tables: createStreamTables(haproxys, (stream) => directory.entry(stream)?.kind ?? 'mediamtx', stopping.signal),
    pushes,
    stats,
  };
}

function checkOrder(
  server: string,
  { kind, reason, operator, deadlineMs }: Parameters<Operations['setIntent']>[1],
  known: readonly string[],
  empty: readonly EmptySlot[],
): ControlProblem | undefined {
  const slot = empty.find(({ name }) => name === server);
  // What was wanted of the server that had it before can be taken back.
  if (slot !== undefined && !(kind === 'ready' && slot.intent !== undefined)) {
    return { kind: 'no-such-server', message: `${server} is an empty slot: HAProxy has no address for it` };
  }
  if (known.length === 0 && empty.length === 0)
    return { kind: 'no-haproxy', message: 'no HAProxy has reported its servers yet' };
  if (slot === undefined && !known.includes(server)) {
    const some = known.slice(0, 10).join(', ') + (known.length > 10 ? ', …' : '');
    return {
      kind: 'no-such-server',
      message: `there is no server ${JSON.stringify(server.slice(0, 80))}, there are ${some}`,
    };
  }
  const bad = (message: string): ControlProblem => ({ kind: 'bad-request', message });
  if (!isLine(reason, longestReason)) return bad(`reason: one line of 1 to ${longestReason} characters is needed`);
  if (!isLine(operator, longestOperator))
    return bad(`operator: one line of 1 to ${longestOperator} characters is needed`);
  if (deadlineMs === undefined) return undefined;
  if (kind !== 'drain') return bad(`deadline: only a drain can have one, not ${kind}`);
  const isInRange = deadlineMs >= shortestDeadlineMs && deadlineMs <= longestDeadlineMs;
  return isInRange ? undefined : bad(`deadline: ${deadlineMs} ms is not allowed, from 1 s to 7 days is`);
}

function refused(
  kind: ControlProblem['kind'],
  message: string,
): { readonly ok: false; readonly problem: ControlProblem } {
  return { ok: false, problem: { kind, message } };
}

/** The time of a new intent; two of one millisecond must differ, and a clock that was set back must not make it look old. */
function laterThan(before: string | undefined, nowMs: number): string {
  const beforeMs = before === undefined ? 0 : Date.parse(before);
  return new Date(beforeMs >= nowMs && beforeMs - nowMs < 60_000 ? beforeMs + 1 : nowMs).toISOString();
}

function sumOf(all: readonly ObserverStats[]): ObserverStats {
  const sum = (read: (stats: ObserverStats) => number) => all.reduce((total, stats) => total + read(stats), 0);
  return {
    polls: sum(({ polls }) => polls),
    failures: sum(({ failures }) => failures),
    reloads: sum(({ reloads }) => reloads),
    changes: sum(({ changes }) => changes),
    isUp: all.every(({ isUp }) => isUp),
  };
}
