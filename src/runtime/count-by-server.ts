import type { ExecuteOptions, RuntimeClient } from './client';
import { readTable } from './read-table';
import { failure, quote, type RuntimeResult, success } from './result';

/** More servers than that are no fleet but a reply gone wrong. */
const mostServers = 10_000;

/** What a stick table says of servers. */
export interface ServerCounts {
  /** Entries by server id (`srv_id`); those without a server are under 0. */
  readonly byServer: ReadonlyMap<number, number>;
  /** The longest time that an entry, counted or not, still has; 0 in an empty table. The table's `expire`, if an entry was used just now. */
  readonly longestExpiresInMs: number;
}

/**
 * How many entries of a stick table point to each server. Nothing but the counts is held, so the table may have any size; a deadline of
 * 10 s unless told otherwise. `not-found`: no such table.
 *
 * @param leastExpiresInMs entries that expire sooner are not counted: nobody has used them for a while.
 */
export async function countByServer(
  client: RuntimeClient,
  table: string,
  { leastExpiresInMs = 0, ...options }: ExecuteOptions & { readonly leastExpiresInMs?: number | undefined } = {},
): Promise<RuntimeResult<ServerCounts>> {
  const counts = new Map<number, number>();
  let longestExpiresInMs = 0;
  const onEntry = (line: string) => {
    if (!line.startsWith('0x') || !line.includes(': key=')) {
      return failure('unexpected', `an entry of "show table" is ${quote(line)}`);
    }
    const serverId = serverIdOf(line);
    if (serverId === undefined) return failure('unexpected', `server_id of a table entry is none: ${quote(line)}`);
    const expiresInMs = numberAfter(line, ' exp=');
    if (expiresInMs === undefined) return failure('unexpected', `exp of a table entry is none: ${quote(line)}`);
    longestExpiresInMs = Math.max(longestExpiresInMs, expiresInMs);
    if (expiresInMs < leastExpiresInMs) return undefined;
    if (!counts.has(serverId) && counts.size >= mostServers) {
      return failure('unexpected', `table ${table} names more than ${mostServers} servers`);
    }
    counts.set(serverId, (counts.get(serverId) ?? 0) + 1);
    return undefined;
  };
  const read = await readTable(client, ['show', 'table', table], table, onEntry, options);
  if (!read.ok) return read;
  return read.value
    ? success({ byServer: counts, longestExpiresInMs })
    : failure('unexpected', `"show table" of ${table} was answered with nothing`);
}

/** 0 without a server, undefined for what is no number. */
function serverIdOf(line: string): number | undefined {
  return line.includes(' server_id=') ? numberAfter(line, ' server_id=') : 0;
}

/** The number after the last ` name=`. A key cannot hold it: HAProxy escapes its `=`. */
function numberAfter(line: string, field: string): number | undefined {
  const at = line.lastIndexOf(field);
  if (at < 0) return undefined;
  const end = line.indexOf(' ', at + field.length);
  const value = line.slice(at + field.length, end < 0 ? undefined : end);
  return /^\d{1,10}$/.test(value) ? Number(value) : undefined;
}
