import { accountOf, type ServerKind } from '../directory';
import { isStreamName } from '../mediamtx';
import {
  administrativeState,
  getMap,
  type HaproxyNode,
  type RuntimeClient,
  type RuntimeResult,
  showServersState,
  showTable,
  showTableKey,
} from '../runtime';
import { accountsTable, sessionsTable, streamsTable } from './apply';
import type { RoutePush } from './push';
import { serverOf } from './server-of';
import type { NodeTables, Operations } from './views';

/** One HAProxy whose tables people ask about. */
export interface NodeWithTables extends Pick<HaproxyNode, 'name' | 'statistics'> {
  /** Keeps its routes.map; undefined where that is off. */
  readonly push?: Pick<RoutePush, 'view'>;
}

/** HAProxy's backend of the agents, by whose checks its configuration goes. */
const agentBackend = 'mtx_agent';
/** People wait for what the tables hold, and a HAProxy that hangs must not keep them. */
const tablesAfterMs = 3000;

/**
 * Makes the answer to what the tables of each HAProxy hold about a stream.
 * @param kindOf what has the stream, or would have it.
 */
export function createStreamTables(
  nodes: readonly NodeWithTables[],
  kindOf: (stream: string) => ServerKind,
  signal: AbortSignal,
): Operations['tables'] {
  const asked = nodes.map((node) => ({ node, sessions: createStreamSessions({ client: node.statistics, signal }) }));
  return async (stream) => {
    if (!isStreamName(stream)) return [];
    const kind = kindOf(stream);
    return Promise.all(asked.map(({ node, sessions }) => tablesOf(node, sessions, { stream, kind }, signal)));
  };
}

/** What one HAProxy holds about a stream. A HAProxy that hangs is told of, and holds nobody up for long. */
async function tablesOf(
  node: NodeWithTables,
  sessions: StreamSessionsReader,
  { stream, kind }: { readonly stream: string; readonly kind: ServerKind },
  signal: AbortSignal,
): Promise<NodeTables> {
  const { push, statistics: client } = node;
  const nothing = { node: node.name, lastServer: undefined, route: undefined, sessions: {} };
  const limit = { signal: AbortSignal.any([signal, AbortSignal.timeout(tablesAfterMs)]) };
  const last =
    kind === 'relay'
      ? await showTableKey(client, accountsTable, accountOf(stream), limit)
      : await showTableKey(client, streamsTable, stream, limit);
  if (!last.ok) return { ...nothing, error: last.error.message };
  const watched = await sessions.read();
  if (!watched.ok) return { ...nothing, error: watched.error.message };
  const agents = await showServersState(client, agentBackend, limit);
  const seen = {
    node: node.name,
    // Where the backend has another name, nothing is said.
    agentsUp: agents.ok
      ? agents.value.filter(
          ({ operational, adminBits }) => operational !== 'stopped' && administrativeState(adminBits) !== 'maint',
        ).length
      : undefined,
    lastServer: last.value === undefined ? undefined : serverOf(last.value),
    sessions: Object.fromEntries(watched.value.get(stream) ?? []),
  };
  if (push === undefined) return { ...seen, route: undefined, error: undefined };
  const { file, state } = push.view();
  const route = await getMap(client, file, stream, limit);
  return {
    ...seen,
    push: state,
    route: route.ok ? route.value : undefined,
    error: route.ok ? undefined : route.error.message,
  };
}

/** Sessions by server, by stream. A server is named as people know it. */
type StreamSessions = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** Reads who watches what from one HAProxy's table `sessions`. */
interface StreamSessionsReader {
  /** As it was at most a second ago. One reading is under way at a time; whoever asks meanwhile gets the same. */
  read(): Promise<RuntimeResult<StreamSessions>>;
}

const goodForMs = 1000;
/** People wait for it. */
const timeoutMs = 3000;

function createStreamSessions(options: {
  readonly client: RuntimeClient;
  readonly signal: AbortSignal;
}): StreamSessionsReader {
  const { client, signal } = options;
  let reading: Promise<RuntimeResult<StreamSessions>> | undefined;
  let forget: NodeJS.Timeout | undefined;
  let goodUntil = Number.NEGATIVE_INFINITY;

  async function start(): Promise<RuntimeResult<StreamSessions>> {
    const streams = new Map<string, Map<string, number>>();
    const counted = await showTable(client, sessionsTable, {
      signal,
      timeoutMs,
      keep(entry) {
        const server = serverOf(entry);
        // No stream's name holds the sign that ends it in a key.
        const end = entry.key.indexOf('|');
        if (server === undefined || end < 0) return false;
        const stream = entry.key.slice(0, end);
        const servers = streams.get(stream) ?? new Map<string, number>();
        streams.set(stream, servers.set(server, (servers.get(server) ?? 0) + 1));
        return false;
      },
    });
    goodUntil = performance.now() + goodForMs;
    return counted.ok ? { ok: true, value: streams } : counted;
  }

  return {
    read() {
      if (reading !== undefined && performance.now() < goodUntil) return reading;
      clearTimeout(forget);
      goodUntil = Number.POSITIVE_INFINITY;
      const begun = start();
      reading = begun;
      // A great table's counts are not held for nobody.
      const drop = () => {
        forget = setTimeout(() => {
          if (reading === begun) reading = undefined;
        }, goodForMs);
        forget.unref();
      };
      begun.then(drop, drop);
      return begun;
    },
  };
}
