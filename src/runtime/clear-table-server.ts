import type { ExecuteOptions, RuntimeClient } from './client';
import { executeSilent } from './execute-silent';
import { failure, type RuntimeResult } from './result';

/**
 * Forgets every entry of a stick table that points to a server, by its id (`srv_id`), so that whoever comes next is located anew. HAProxy leaves out, without
 * a word, entries that a request holds at this moment. A deadline of 10 s unless told otherwise. `not-found`: no such table.
 */
export async function clearTableServer(
  client: RuntimeClient,
  table: string,
  serverId: number,
  options?: ExecuteOptions,
): Promise<RuntimeResult<undefined>> {
  if (!Number.isInteger(serverId) || serverId < 1) {
    return failure('invalid-command', `${serverId} is no id of a server: HAProxy counts from 1`);
  }
  const words = ['clear', 'table', table, 'data.server_id', 'eq', String(serverId)];
  return executeSilent(client, words, table, { timeoutMs: 10_000, ...options }, (reply) =>
    reply.endsWith('Data type not stored in this table')
      ? failure('unexpected', `table ${table} stores no servers: no "stick store" rule fills it`)
      : undefined,
  );
}
