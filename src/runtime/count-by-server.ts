import type { ExecuteOptions, RuntimeClient } from './client';
import { readTable } from './read-table';
import { failure, quote, type RuntimeResult, success } from './result';

/** More servers than that are no fleet but a reply gone wrong. */
const mostServers = 10_000;

/**
 * How many entries of a stick table point to each server, by server id (`srv_id`); entries without a server count under 0. Nothing but the counts is held,
 * so the table may have any size; a deadline of 10 s unless told otherwise. `not-found`: no such table.
 */
export async function countByServer(
  client: RuntimeClient,
  table: string,
  options?: ExecuteOptions,
): Promise<RuntimeResult<Map<number, number>>> {
  const counts = new Map<number, number>();
  const onEntry = (line: string) => {
    if (!line.startsWith('0x') || !line.includes(': key=')) {
      return failure('unexpected', `an entry of "show table" is ${quote(line)}`);
    }
    const serverId = serverIdOf(line);
    if (serverId === undefined) return failure('unexpected', `server_id of a table entry is none: ${quote(line)}`);
    if (!counts.has(serverId) && counts.size >= mostServers) {
      return failure('unexpected', `table ${table} names more than ${mostServers} servers`);
    }
    counts.set(serverId, (counts.get(serverId) ?? 0) + 1);
    return undefined;
  };
  const read = await readTable(client, ['show', 'table', table], table, onEntry, options);
  if (!read.ok) return read;
  return read.value ? success(counts) : failure('unexpected', `"show table" of ${table} was answered with nothing`);
}

const field = ' server_id=';

/** 0 without a server, undefined for what is no number. A key cannot hold the field's name: HAProxy escapes its `=`. */
function serverIdOf(line: string): number | undefined {
  const at = line.lastIndexOf(field);
  if (at < 0) return 0;
  const end = line.indexOf(' ', at + field.length);
  const value = line.slice(at + field.length, end < 0 ? undefined : end);
  return /^\d{1,10}$/.test(value) ? Number(value) : undefined;
}
