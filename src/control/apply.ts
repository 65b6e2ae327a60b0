import { clearTableServer, type RuntimeClient, type RuntimeResult, setServerState, setServerWeight } from '../runtime';
import type { Command } from './decide';

export interface ApplyOptions {
  /** For short commands. */
  readonly client: RuntimeClient;
  /** For those that go through a whole table. */
  readonly bulk: RuntimeClient;
  readonly backend: string;
  /** The servers of now by name. */
  readonly serverIds: ReadonlyMap<string, number>;
  readonly signal: AbortSignal;
}

/** Tables of the shipped haproxy.cfg: which server each viewer plays from, and which one last answered for a stream. */
export const sessionsTable = 'sessions';
export const streamsTable = 'streams';

/** Carries one command out. Every failure is a value. A table that this HAProxy has not got holds nothing to be cleared. */
export async function apply(command: Command, options: ApplyOptions): Promise<RuntimeResult<undefined>> {
  const { client, bulk, backend, serverIds, signal } = options;
  switch (command.kind) {
    case 'set-state':
      return setServerState(client, backend, command.server, command.state, { signal });
    case 'set-weight':
      return setServerWeight(client, backend, command.server, command.weight, { signal });
    case 'clear-entries': {
      const sessions = await clearTableServer(bulk, sessionsTable, command.serverId, { serverIds, signal });
      if (!sessions.ok && sessions.error.reason !== 'not-found') return sessions;
      const streams = await clearTableServer(bulk, streamsTable, command.serverId, { serverIds, signal });
      return !streams.ok && streams.error.reason === 'not-found' ? { ok: true, value: undefined } : streams;
    }
  }
}
