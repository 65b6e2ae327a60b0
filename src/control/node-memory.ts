import type { AdministrativeState } from '../directory';
import { isRecord } from '../wire';

/** The process of one HAProxy, so that two can be told apart over a restart of the agent. */
export interface HaproxyProcess {
  readonly pid: number;
  /** Milliseconds since 1970, to a second or two. */
  readonly startedMs: number;
}

/** The state that control last applied, and on whose behalf. */
export interface OwnState {
  readonly state: AdministrativeState;
  readonly by: 'intent' | 'automatic';
}

/** What is remembered of one server in one HAProxy process. */
export interface ServerMemory {
  /** The state that was last seen or set; undefined when a command ended so that nobody knows. */
  readonly state: AdministrativeState | undefined;
  readonly weight: number | undefined;
  /** What control last applied, while it stands. */
  readonly own: OwnState | undefined;
  readonly ownWeight: number | undefined;
  /** The intent that was carried out last; see intentId. */
  readonly intentId: string | undefined;
  /** Somebody else set the state, and it is left alone. */
  readonly isExternal: boolean;
  readonly isWeightExternal: boolean;
  /** It went into maintenance, and what points there has not been forgotten yet. */
  readonly isToBeCleared: boolean;
  /** Seen to differ from what was expected, and to be believed when it still does at another look. Never stored. */
  readonly doubtSinceMs: number | undefined;
}

/** What is remembered of one HAProxy. */
export interface NodeMemory {
  readonly process: HaproxyProcess | undefined;
  readonly servers: ReadonlyMap<string, ServerMemory>;
  /** What control had set in the process before: a state file carries it over a reload. */
  readonly before: ReadonlyMap<string, Pick<ServerMemory, 'own' | 'ownWeight'>>;
}

export const emptyNodeMemory: NodeMemory = { process: undefined, servers: new Map(), before: new Map() };

/** Estimates of one process's start differ by the rounding of its uptime and by corrections of the clock. */
const startToleranceMs = 5_000;

/** The memory to go on with when this process answers: the same if it is the same process, else all is to be done again. */
export function enterProcess(memory: NodeMemory, process: HaproxyProcess): NodeMemory {
  const known = memory.process;
  if (known?.pid === process.pid && Math.abs(known.startedMs - process.startedMs) <= startToleranceMs) return memory;
  const before = [...memory.servers].map(([name, { own, ownWeight }]) => [name, { own, ownWeight }] as const);
  return { process, servers: new Map(), before: new Map(before) };
}

/** The memory as it is stored. */
export interface StoredNodeMemory {
  readonly process: HaproxyProcess;
  readonly servers: Readonly<Record<string, Omit<ServerMemory, 'doubtSinceMs'>>>;
}

export function toStoredNodeMemory({ process, servers }: NodeMemory): StoredNodeMemory | undefined {
  if (process === undefined) return undefined;
  const stored = [...servers].map(([name, memory]) => {
    const { state, weight, own, ownWeight, intentId, isExternal, isWeightExternal, isToBeCleared } = memory;
    return [name, { state, weight, own, ownWeight, intentId, isExternal, isWeightExternal, isToBeCleared }] as const;
  });
  return { process, servers: Object.fromEntries(stored) };
}

/** Reads what toStoredNodeMemory made; undefined where it is none. */
export function readNodeMemory(value: unknown): StoredNodeMemory | undefined {
  if (!isRecord(value) || !isRecord(value['process']) || !isRecord(value['servers'])) return undefined;
  const { pid, startedMs } = value['process'];
  if (typeof pid !== 'number' || typeof startedMs !== 'number') return undefined;
  const servers = Object.entries(value['servers']).flatMap(([name, stored]) => {
    const memory = readServerMemory(stored);
    return memory === undefined ? [] : [[name, memory] as const];
  });
  return { process: { pid, startedMs }, servers: Object.fromEntries(servers) };
}

export function resumeNodeMemory({ process, servers }: StoredNodeMemory): NodeMemory {
  const resumed = Object.entries(servers).map(
    ([name, stored]) => [name, { ...stored, doubtSinceMs: undefined }] as const,
  );
  return { process, servers: new Map(resumed), before: new Map() };
}

function readServerMemory(value: unknown): Omit<ServerMemory, 'doubtSinceMs'> | undefined {
  if (!isRecord(value)) return undefined;
  const own = value['own'];
  const ownState = isRecord(own) ? stateOf(own['state']) : undefined;
  const by = isRecord(own) && own['by'] === 'automatic' ? 'automatic' : 'intent';
  return {
    state: stateOf(value['state']),
    weight: numberOf(value['weight']),
    own: ownState === undefined ? undefined : { state: ownState, by },
    ownWeight: numberOf(value['ownWeight']),
    intentId: typeof value['intentId'] === 'string' ? value['intentId'] : undefined,
    isExternal: value['isExternal'] === true,
    isWeightExternal: value['isWeightExternal'] === true,
    isToBeCleared: value['isToBeCleared'] === true,
  };
}

function stateOf(value: unknown): AdministrativeState | undefined {
  return value === 'ready' || value === 'drain' || value === 'maint' ? value : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
