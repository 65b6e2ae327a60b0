import type { ExecuteOptions, RuntimeClient } from './client';
import { executeSilent } from './execute-silent';
import { failure, type RuntimeResult } from './result';

/**
 * Forgets one entry of a stick table; one that is not there is no error. `not-found`: no such table.
 * `busy`: a request holds the entry at this moment, so it stays.
 */
export function clearTableKey(
  client: RuntimeClient,
  table: string,
  key: string,
  options?: ExecuteOptions,
): Promise<RuntimeResult<undefined>> {
  return executeSilent(client, ['clear', 'table', table, 'key', key], table, options, (reply) =>
    reply === 'Entry currently in use, cannot remove'
      ? failure('busy', `${key} of table ${table} is in use at this moment`)
      : undefined,
  );
}
