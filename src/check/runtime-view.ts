import {
  type HaproxyInfo,
  type RuntimeClient,
  type RuntimeError,
  type ServerState,
  type StatLine,
  showEnv,
  showInfo,
  showServersState,
  showStat,
} from '../runtime';

/** What a running HAProxy says about itself, as far as it answers. */
export interface RuntimeView {
  /** The socket, as people write it. */
  readonly socket: string;
  /** Why it cannot be asked. */
  readonly error: RuntimeError | undefined;
  readonly info: HaproxyInfo | undefined;
  /** `user`, `operator` or `admin`. */
  readonly level: string | undefined;
  /** Its environment; it may hold secrets. */
  readonly environment: ReadonlyMap<string, string>;
  /** Servers of the backend; undefined when it has no such backend. */
  readonly servers: readonly ServerState[] | undefined;
  readonly serversError: RuntimeError | undefined;
}

/** Asks a running HAProxy what it is, and for the servers of a backend. Never rejects. */
export async function readRuntime(client: RuntimeClient, backend: string, signal?: AbortSignal): Promise<RuntimeView> {
  const options = { signal };
  const info = await showInfo(client, options);
  const nothing = { socket: client.name, info: undefined, level: undefined, servers: undefined };
  if (!info.ok) return { ...nothing, error: info.error, environment: new Map(), serversError: undefined };
  // Answered at every level, with one word (management guide, "show cli level").
  const level = await client.execute(['show', 'cli', 'level'], options);
  const environment = await showEnv(client, options);
  const servers = await showServersState(client, backend, options);
  return {
    socket: client.name,
    error: undefined,
    info: info.value,
    level: level.ok ? /^(user|operator|admin)\b/.exec(level.value.trim())?.[1] : undefined,
    environment: environment.ok ? environment.value : new Map(),
    servers: servers.ok ? servers.value : undefined,
    serversError: servers.ok ? undefined : servers.error,
  };
}

/** The servers of one backend in `show stat`; none where HAProxy does not answer. */
export async function serverStats(client: RuntimeClient, backend: string, signal?: AbortSignal): Promise<StatLine[]> {
  const stats = await showStat(client, backend, { signal });
  return stats.ok ? stats.value.filter(({ type, proxy }) => type === 'server' && proxy === backend) : [];
}
