import type { Directory, ServerView } from '../directory';
import type { Emit } from '../events';
import type { Logger } from '../log';
import { inTime } from '../measure';
import { emptySlotName, type HaproxyInfo, type RuntimeError, type ServerState } from '../runtime';
import type { Store } from '../store';
import { errorText } from '../wire';
import { createAutomatic } from './automatic';
import { controlledServer, type NodeServer } from './controlled-server';
import type { Command, NodeFacts } from './decide';
import {
  type ActionReason,
  actionReasons,
  type DesiredServer,
  type DesiredStateMemory,
  desiredState,
  type ServerFacts,
} from './desired-state';
import { type ApiUrlFor, fleetServers } from './fleet-servers';
import { intentId, isLine, longestDeadlineMs, longestOperator, longestReason, shortestDeadlineMs } from './intent';
import { createIntents } from './intents';
import { createKeptMemories } from './kept-memories';
import { type LoadMemory, loadWeights, type ServerLoad } from './load-weights';
import { type ControlNode, createNode, type NodeStats, type NodeToControl } from './node';
import type { NodeMemory } from './node-memory';
import type { ObserverStats } from './observe';
import { createServerEvents } from './server-events';
import { createSurvey } from './survey';
import { unionFleet } from './union-fleet';
import type {
  ControlledServer,
  ControlProblem,
  ControlResult,
  EmptySlot,
  Intent,
  IntentKind,
  Operations,
} from './views';

export interface ControlOptions {
  /** At least one; the first one's order of servers is everybody's. */
  readonly nodes: readonly NodeToControl[];
  /** HAProxy's name of the backend that holds the MediaMTX servers. */
  readonly backend: string;
  readonly apiUrlFor: ApiUrlFor;
  readonly directory: Pick<Directory, 'servers' | 'slots' | 'setServers' | 'streamNames' | 'entry'>;
  readonly store: Store;
  readonly emit: Emit;
  readonly moves: Pick<Operations, 'moves' | 'move' | 'clearMove' | 'tables'>;
  /** What to do with a server whose Control API fails while HAProxy calls it UP: no new streams, or drained as well. */
  readonly onApiFailure: 'suspect' | 'drain';
  /** Whether weights follow load. */
  readonly weights: 'config' | 'auto';
  /** Where agents share the store, whether this one decides what is done without an operator. Default: always. */
  readonly leads?: (() => boolean) | undefined;
  /** Pause between two looks at a HAProxy. Default 1000. */
  readonly intervalMs?: number;
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
  guardHolds: number;
  /** Servers that it holds back now. */
  heldBack: number;
  /** Servers whose state somebody else set, on some node. */
  readonly external: number;
  readonly emptySlots: number;
}

/** Keeps every HAProxy as reality and operators want it. */
export interface Control extends Operations {
  /** Reads the store and begins to look at every HAProxy. Rejects when the store cannot be read. */
  start(): Promise<void>;
  /** Gives up what is under way and stops for good. HAProxy stays as it is. */
  stop(): Promise<void>;
  /** Counts viewers and streams, so that `servers()` tells of this moment. Never rejects. */
  refresh(): Promise<void>;
  /** Whether every HAProxy has told its servers since the start. */
  isFleetKnown(): boolean;
  readonly stats: ControlStats;
}

/** So often weights are made anew. */
const weightsEveryMs = 5000;
/** An operator waits so long for HAProxy to be as wanted; after that it is still being worked on. */
const answerAfterMs = 5000;
/** Who asked for the servers lately will ask again. */
const demandMs = 5000;

export function createControl(options: ControlOptions): Control {
  const { directory, emit, log, moves, leads = () => true } = options;
  const { isShared } = options.store;
  const stopping = new AbortController();
  const intents = createIntents(options.store, log);
  const automatic = isShared ? createAutomatic(options.store, log) : undefined;
  const memories = createKeptMemories(options.store, log);
  const survey = createSurvey(directory, stopping.signal, () => performance.now());
  const tellEvents = createServerEvents(emit);
  const nodes = options.nodes.map((node): ControlNode => {
    const created: ControlNode = createNode({
      node,
      backend: options.backend,
      apiUrlFor: options.apiUrlFor,
      intervalMs: options.intervalMs ?? 1000,
      goneAfterMs: options.goneAfterMs ?? 10_000,
      think,
      isShared,
      onDoubt,
      onProcess: (haproxy, before) => onProcess(node.name, haproxy, before),
      onAction: (command, error) => onAction(node.name, command, error),
      onMemory: (memory) => memories.keep(node.name, memory),
      log,
    });
    return created;
  });
  const stats: ControlStats = {
    get observer() {
      return sumOf(nodes.map((node) => node.stats));
    },
    nodes: new Map(nodes.map((node) => [node.name, node.stats])),
    actions: Object.fromEntries(actionReasons.map((reason) => [reason, 0])) as Record<ActionReason, number>,
    guardHolds: 0,
    heldBack: 0,
    get external() {
      return names().filter(isExternal).length;
    },
    get emptySlots() {
      return emptySlots().length;
    },
  };
  let desiredMemory: DesiredStateMemory = new Map();
  let desired: ReadonlyMap<string, DesiredServer> = new Map();
  let loadMemory: LoadMemory | undefined;
  let weights: NodeFacts['weights'] = options.weights === 'auto' ? undefined : new Map();
  /** What was wanted and done before the agent was restarted. */
  let carriedOut: ReadonlySet<string> = new Set();
  let reported: string | undefined;
  let demandedAt = Number.NEGATIVE_INFINITY;

  /** Nodes whose word counts: those that answer, or all while none does. */
  function heard(): ControlNode[] {
    const live = nodes.filter((node) => !node.isLost());
    return live.length > 0 ? live : nodes;
  }

  /** The servers of a HAProxy: all of its states but the empty slots. One whose address a new process still looks for is a server as before. */
  function statesOf(node: ControlNode): readonly ServerState[] {
    const known = new Set(node.fleet().map(({ name }) => name));
    return (node.states() ?? []).filter((state) => emptySlotName(state) === undefined || known.has(state.serverName));
  }

  function names(): string[] {
    return [...new Set(heard().flatMap((node) => statesOf(node).map(({ serverName }) => serverName)))];
  }

  /** Slots that no HAProxy has an address for. */
  function emptySlots(): EmptySlot[] {
    const servers = new Set([...names(), ...directory.servers().map(({ name }) => name)]);
    const slots = new Map<string, EmptySlot>();
    for (const state of heard().flatMap((node) => node.states() ?? [])) {
      const { serverName: name } = state;
      const hostName = emptySlotName(state);
      if (hostName !== undefined && !servers.has(name) && !slots.has(name))
        slots.set(name, { name, hostName, intent: intents.get(name) });
    }
    return [...slots.values()];
  }

  function isExternal(name: string): boolean {
    return heard().some((node) => node.memory().servers.get(name)?.isExternal === true);
  }

  /** What is wanted now, from what everybody was last seen to say. */
  function think(): Pick<NodeFacts, 'desired' | 'weights'> {
    const nowMs = Date.now();
    intents.loadIfDue();
    const before = desired;
    automatic?.loadIfDue();
    desired = compute(nowMs);
    tellDesired(before);
    report();
    const isOut = [...desired.values()].some(({ state }) => state === 'drain' || state === 'maint');
    if (isOut || options.weights === 'auto' || isDemanded()) void survey.look('ifDue');
    if (isDemanded()) for (const node of nodes) void node.sessions.count('ifDue');
    if (options.weights === 'auto') thinkOfWeights(nowMs);
    return { desired, weights: weightsInForce() };
  }

  function compute(nowMs: number): ReadonlyMap<string, DesiredServer> {
    const facts = serverFacts();
    const { onApiFailure } = options;
    if (automatic === undefined || leads()) {
      const made = desiredState(desiredMemory, facts, { onApiFailure }, nowMs);
      desiredMemory = made.memory;
      if (automatic === undefined) return made.desired;
      const drained = [...made.memory].flatMap(([name, { damping }]) => (damping.drained ? [name] : []));
      const { drained: decided } = automatic.inForce();
      automatic.decide({ drained: new Set(drained), weights: weights ?? automatic.inForce().weights }, actNow);
      // Until the store has it, what was decided before is in force; but what is held back can be told.
      const inForce = desiredState(desiredMemory, facts, { onApiFailure, decided }, nowMs).desired;
      return new Map([...inForce].map(([name, each]) => [name, withGuard(each, made.desired.get(name))]));
    }
    const { drained: decided } = automatic.inForce();
    const made = desiredState(desiredMemory, facts, { onApiFailure, decided }, nowMs);
    // To go on from, should this agent come to decide.
    desiredMemory = made.memory;
    if (options.weights === 'auto') weights = weightsInForce();
    return made.desired;
  }

  /** Weights by load, as this agent or the one that decides for all has found them. */
  function weightsInForce(): NodeFacts['weights'] {
    if (automatic === undefined) return weights;
    const { weights: decided } = automatic.inForce();
    // Nobody has decided anything yet.
    return options.weights === 'auto' && decided.size === 0 ? undefined : decided;
  }

  function actNow(): void {
    for (const node of nodes) void node.now();
  }

  /** Before what another agent did is taken for somebody's hand. */
  async function onDoubt(): Promise<boolean> {
    if (!isShared) return true;
    try {
      await Promise.all([intents.load(), automatic?.load()]);
      return true;
    } catch {
      // The store tells that it is away.
      return false;
    }
  }

  function serverFacts(): ServerFacts[] {
    const health = new Map(directory.servers().map((server) => [server.name, server.api.health]));
    // Every server counts, also those without a Control API: their URL is of no interest here.
    const fleet = unionFleet(
      heard().map((node) => {
        const found = fleetServers(node.states() ?? [], () => 'none', node.backups());
        const names = new Set(found.map(({ name }) => name));
        return [...found, ...node.fleet().filter(({ name }) => !names.has(name))];
      }),
      new Map(),
    );
    return fleet.map(({ name, operational, administrative, isBackup }) => ({
      name,
      operational,
      isBackup,
      takesViewers: operational === 'UP' && administrative === 'ready',
      api: health.get(name) ?? 'unknown',
      intent: intents.get(name),
    }));
  }

  function thinkOfWeights(nowMs: number): void {
    const look = survey.latest();
    if (look === undefined || (loadMemory !== undefined && nowMs - loadMemory.atMs < weightsEveryMs)) return;
    const servers = directory.servers();
    const isListed = ({ name, api }: ServerView) => api.inventoryAgeMs !== undefined && look.servers.has(name);
    // Before the first lists everybody looks idle. Who does not answer at all is not waited for.
    const isLoadKnown = servers.every(
      (server) =>
        isListed(server) ||
        server.backup ||
        server.operational !== 'UP' ||
        server.administrative === 'maint' ||
        server.api.health === 'suspect',
    );
    if (loadMemory === undefined && !isLoadKnown) return;
    const readers = new Map(
      servers.filter(isListed).map((server) => [server.name, server.readers + server.hlsSessions]),
    );
    // A backup has no share to be weighed while others are up.
    const states = heard().flatMap((node) =>
      statesOf(node).filter(({ serverName }) => !node.backups().has(serverName)),
    );
    const configured = new Map(states.map((state) => [state.serverName, state.configuredWeight]));
    const loads = [...configured].map(
      ([name, configuredWeight]): ServerLoad => ({
        name,
        configuredWeight,
        readers: readers.get(name),
        bytesSent: look.servers.get(name)?.bytesSent ?? 0,
        presentWeight: ownWeightOf(name),
      }),
    );
    ({ weights, memory: loadMemory } = loadWeights(loadMemory, loads, nowMs));
  }

  /** The weight that a server has in some HAProxy, where it is one that control gave it. */
  function ownWeightOf(name: string): number | undefined {
    const own = heard().flatMap((node) => {
      const weight = node.states()?.find(({ serverName }) => serverName === name)?.weight;
      return weight !== undefined && node.memory().servers.get(name)?.ownWeight === weight ? [weight] : [];
    });
    return own[0];
  }

  /** Tells the directory of the fleet when it became another, and everybody of servers that came and went. */
  function report(): void {
    const fleet = unionFleet(
      heard().map((node) => node.fleet()),
      outBy(desired),
    );
    const api = new Map(directory.servers().map((server) => [server.name, server.api]));
    if (nodes.every((node) => node.states() === undefined)) return;
    const text = JSON.stringify(fleet);
    if (text !== reported) {
      directory.setServers(fleet);
      reported = text;
    }
    const seen = fleet.map(({ name, operational, administrative }) => ({
      name,
      operational,
      isMaint: administrative === 'maint',
      api: api.get(name)?.health ?? ('unknown' as const),
      apiError: api.get(name)?.lastError,
    }));
    tellEvents(
      seen,
      heard().some((node) => node.isSettling()),
    );
  }

  /** Servers that are on their way out by what is desired, where nobody's hand stands against it. */
  function outBy(wanted: ReadonlyMap<string, DesiredServer>): Map<string, IntentKind> {
    const out = [...wanted].flatMap(([name, { state }]): [string, IntentKind][] =>
      (state === 'drain' || state === 'maint') && !isExternal(name) ? [[name, state]] : [],
    );
    return new Map(out);
  }

  function tellDesired(before: ReadonlyMap<string, DesiredServer>): void {
    let heldBack = 0;
    for (const [server, wanted] of desired) {
      const old = before.get(server);
      if (wanted.isHeldBack) heldBack++;
      if (wanted.isHeldBack && old?.isHeldBack !== true) {
        stats.guardHolds++;
        log.warn({ server }, `server is not drained: ${wanted.because}`);
      }
      // What an earlier life of the agent did, it told as well.
      const isToldBefore = old === undefined && carriedOut.has(`${server} ${wanted.intentId}`);
      const isPastDeadline = wanted.reason === 'deadline' && old?.reason !== 'deadline' && !isToldBefore;
      if (isPastDeadline) tellIntent(server, 'maint', wanted.because, 'agent');
      const isAutomatic = wanted.by === 'automatic';
      if (isAutomatic && old !== undefined && old.by !== 'automatic')
        tellIntent(server, 'drain', wanted.because, 'agent');
      if (!isAutomatic && old?.by === 'automatic' && wanted.state !== 'drain' && wanted.state !== 'maint')
        tellIntent(server, 'ready', 'its Control API answers again, or automatic action may not hold it', 'agent');
    }
    stats.heldBack = heldBack;
  }

  function tellIntent(server: string, kind: IntentKind, reason: string, evidence: 'operator' | 'agent'): void {
    log.info({ server, kind, reason, by: evidence }, 'server is wanted otherwise');
    emit({ type: 'server.intent', server, reason, evidence, data: { kind } });
  }

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
    log.info({ node, server, command: kind, to: what, reason, because }, 'HAProxy was told');
  }

  function isDemanded(): boolean {
    return performance.now() - demandedAt < demandMs;
  }

  /** @param known what the directory knows, by server: made once for all of them, since it goes through all. */
  function view(name: string, known = directoryViews()): ControlledServer {
    const seen = survey.latest();
    return controlledServer({
      name,
      nodes: nodes.flatMap((node) => nodeServer(node, name)),
      unanswered: nodes.filter((node) => node.states() === undefined).map((node) => node.name),
      desired: desired.get(name),
      intent: intents.get(name),
      directory: known.get(name),
      survey: seen === undefined ? undefined : { server: seen.servers.get(name), ageMs: seen.ageMs },
    });
  }

  function directoryViews() {
    return new Map(directory.servers().map((server) => [server.name, server]));
  }

  function nodeServer(node: ControlNode, name: string): NodeServer[] {
    const state = statesOf(node).find(({ serverName }) => serverName === name);
    if (state === undefined) return [];
    const counts = node.sessions.latest();
    return [
      {
        node: node.name,
        state,
        memory: node.memory().servers.get(name),
        viewers: counts === undefined ? undefined : (counts.get(state.serverId) ?? 0),
        trouble: node.trouble?.message,
        isSettling: node.isSettling(),
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
    const problem = checkOrder(server, order, names(), emptySlots());
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
      return refused('store-failed', `the store does not keep it, so nothing was done: ${errorText(error)}`);
    }
    log.info({ server, kind, reason, operator, deadline: intent.deadline }, 'intent');
    const data = { kind, operator, ...(intent.deadline === undefined ? {} : { deadline: intent.deadline }) };
    emit({ type: 'server.intent', server, reason, evidence: 'operator', data });
    // Before HAProxy is told: who is located from now on is not sent there any more.
    think();
    await inTime(Promise.all(nodes.map((node) => node.now())), answerAfterMs);
    await inTime(refresh(), answerAfterMs);
    return { ok: true, value: view(server) };
  }

  return {
    async start() {
      await intents.load();
      await automatic?.load();
      const kept = await Promise.all(nodes.map((node) => memories.load(node.name)));
      const drained = automatic?.inForce().drained ?? drainedIn(kept);
      desiredMemory = drainedBefore(drained, (server) => intents.get(server));
      if (options.weights === 'auto') weights = weightsInForce();
      carriedOut = new Set(
        kept.flatMap(({ servers }) => [...servers].map(([server, { intentId: id }]) => `${server} ${id}`)),
      );
      for (const [i, node] of nodes.entries()) {
        const memory = kept[i];
        if (memory !== undefined) node.start(memory);
      }
    },
    async stop() {
      stopping.abort();
      await Promise.all(nodes.map((node) => node.stop()));
      await memories.settled();
    },
    refresh,
    servers() {
      demandedAt = performance.now();
      void survey.look('ifDue');
      for (const node of nodes) void node.sessions.count('ifDue');
      const known = directoryViews();
      return names().map((name) => view(name, known));
    },
    emptySlots,
    setIntent,
    isFleetKnown: () => nodes.every((node) => node.states() !== undefined),
    moves: () => moves.moves(),
    move: (stream, server, by) => moves.move(stream, server, by),
    clearMove: (stream, operator) => moves.clearMove(stream, operator),
    tables: (stream) => moves.tables(stream),
    stats,
  };
}

function withGuard(inForce: DesiredServer, decided: DesiredServer | undefined): DesiredServer {
  return decided?.isHeldBack === true ? { ...inForce, isHeldBack: true, because: decided.because } : inForce;
}

/** Servers that the agent drained on its own before it was restarted. */
function drainedIn(kept: readonly NodeMemory[]): Set<string> {
  const all = kept.flatMap((memory) => [...memory.servers]);
  return new Set(all.flatMap(([name, { own }]) => (own?.by === 'automatic' && own.state === 'drain' ? [name] : [])));
}

/** They stay so until their API answers. */
function drainedBefore(
  drained: Iterable<string>,
  intentOf: (server: string) => Intent | undefined,
): DesiredStateMemory {
  const damping = { drained: true, flaps: 1, okSinceMs: undefined, suspectSinceMs: undefined, releasedMs: undefined };
  return new Map(
    [...drained].map((name) => {
      const intent = intentOf(name);
      return [name, { damping, intentId: intent === undefined ? undefined : intentId(intent, Date.now()) }];
    }),
  );
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
    return { kind: 'no-haproxy', message: 'no HAProxy has told its servers yet' };
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
