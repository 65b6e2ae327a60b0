import * as z from 'zod/mini';
import type { AdministrativeState } from '../directory';
import { readAs } from '../store';

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

const state = z.enum(['ready', 'drain', 'maint']);
/** What cannot be read of a server is not known of it. */
function orNothing<T>(schema: z.ZodMiniType<T>) {
  return z.catch(z.optional(schema), undefined);
}
const storedServer = z.object({
  state: orNothing(state),
  weight: orNothing(z.number()),
  own: orNothing(z.object({ state, by: z.catch(z.enum(['intent', 'automatic']), 'intent') })),
  ownWeight: orNothing(z.number()),
  intentId: orNothing(z.string()),
  isExternal: z.catch(z.boolean(), false),
  isWeightExternal: z.catch(z.boolean(), false),
  isToBeCleared: z.catch(z.boolean(), false),
});

const storedNode = z.object({
  process: z.object({ pid: z.number(), startedMs: z.number() }),
  servers: z.record(z.string(), storedServer),
});

/** The memory as it is stored. */
export type StoredNodeMemory = z.infer<typeof storedNode>;

export function toStoredNodeMemory({ process, servers }: NodeMemory): StoredNodeMemory | undefined {
  if (process === undefined) return undefined;
  const stored = [...servers].map(([name, memory]) => {
    const { state, weight, own, ownWeight, intentId, isExternal, isWeightExternal, isToBeCleared } = memory;
    return [name, { state, weight, own, ownWeight, intentId, isExternal, isWeightExternal, isToBeCleared }] as const;
  });
  return { process, servers: Object.fromEntries(stored) };
}

/** Reads what toStoredNodeMemory made; undefined where it is none. */
export const readNodeMemory = readAs(storedNode);

export function resumeNodeMemory({ process, servers }: StoredNodeMemory): NodeMemory {
  const unknown = { state: undefined, weight: undefined, own: undefined, ownWeight: undefined, intentId: undefined };
  const resumed = Object.entries(servers).map(
    ([name, stored]) => [name, { ...unknown, ...stored, doubtSinceMs: undefined }] as const,
  );
  return { process, servers: new Map(resumed), before: new Map() };
}
