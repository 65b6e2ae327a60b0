import type { ServerKind } from '../directory';
import { clearTableServer, type RuntimeClient, type RuntimeResult, setServerState, setServerWeight } from '../runtime';
import type { Command } from './decide';

export interface ApplyOptions {
  /** For short commands. */
  readonly client: RuntimeClient;
  /** For those that go through a whole table. */
  readonly bulk: RuntimeClient;
  /** That of the server. */
  readonly backend: string;
  /** Those that remember servers of that backend. */
  readonly tables: readonly string[];
  /** The backend's servers of now by name. */
  readonly serverIds: ReadonlyMap<string, number>;
  readonly signal: AbortSignal;
}

/** Tables of the shipped haproxy.cfg: which server each viewer plays from, and which one last answered for a stream. */
export const sessionsTable = 'sessions';
export const streamsTable = 'streams';
/** And which relay last had a stream of each account. */
export const accountsTable = 'relay_accounts';
export const tablesOf: Readonly<Record<ServerKind, readonly string[]>> = {
  mediamtx: [sessionsTable, streamsTable],
  relay: [accountsTable],
};

/** Carries one command out. Every failure is a value. A table that this HAProxy has not got holds nothing to be cleared. */
export async function apply(command: Command, options: ApplyOptions): Promise<RuntimeResult<undefined>> {
  const { client, bulk, backend, tables, serverIds, signal } = options;
  switch (command.kind) {
    case 'set-state':
      return setServerState(client, backend, command.server, command.state, { signal });
    case 'set-weight':
      return setServerWeight(client, backend, command.server, command.weight, { signal });
    case 'clear-entries': {
      for (const table of tables) {
        const cleared = await clearTableServer(bulk, table, command.serverId, { serverIds, signal });
        if (!cleared.ok && cleared.error.reason !== 'not-found') return cleared;
      }
      return { ok: true, value: undefined };
    }
  }
}
