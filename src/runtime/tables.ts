import { setTimeout as pause } from 'node:timers/promises';
import { executeSilent, refused } from './ask';
import type { ExecuteOptions, RuntimeClient } from './client';
import type { LineSink } from './exchange';
import { numberAfter, parseTableLine, serverIdOf, type TableEntry, textAfter } from './parse-tables';
import { failure, quote, type RuntimeResult, success } from './result';

/** `# table: sessions, type: string, size:204800, used:2` */
const header = /^# table: \S+, type: \w+, size:\d+, used:\d+$/;

/** A dump of 200,000 entries takes HAProxy a fraction of a second, and longer when it is busy with viewers. */
const dumpTimeoutMs = 10_000;

/**
 * Runs a `show table` and gives every entry's line to `onEntry` as it comes. Entries are checked by `onEntry`, the rest here.
 * The result's value tells whether there was a header: a key that is not in the table is answered without one.
 */
async function readTable(
  client: RuntimeClient,
  table: string,
  args: readonly string[],
  onEntry: LineSink,
  options?: ExecuteOptions,
): Promise<RuntimeResult<boolean>> {
  let hasHeader = false;
  const onLine: LineSink = (line) => {
    if (hasHeader) return onEntry(line);
    hasHeader = header.test(line);
    if (hasHeader) return undefined;
    return (
      refused(client, line, 'show table', table) ??
      failure('unexpected', `"show table" of ${table} begins with ${quote(line)}`)
    );
  };
  const reply = await client.executeLines(['show', 'table', table, ...args], onLine, {
    timeoutMs: dumpTimeoutMs,
    ...options,
  });
  return reply.ok ? success(hasHeader) : reply;
}

interface ShowTableOptions extends ExecuteOptions {
  /** Default 1,000,000. More is `too-large`: a table that is cut off would look like viewers who left. */
  readonly maxEntries?: number | undefined;
  /** Asked of each entry as it arrives; those that it does not want are not held. Default: all are kept. */
  readonly keep?: ((entry: TableEntry) => boolean) | undefined;
}

/**
 * Every entry of a stick table, read as it arrives; a deadline of 10 s unless told otherwise. To count, countByServer needs no memory for entries.
 * `not-found`: no such table.
 */
export async function showTable(
  client: RuntimeClient,
  table: string,
  { maxEntries = 1_000_000, keep, ...options }: ShowTableOptions = {},
): Promise<RuntimeResult<TableEntry[]>> {
  const entries: TableEntry[] = [];
  const onEntry = (line: string) => {
    const entry = parseTableLine(line);
    if (!entry.ok) return entry;
    if (keep?.(entry.value) === false) return undefined;
    if (entries.length >= maxEntries) {
      return failure('too-large', `table ${table} has more than ${maxEntries} entries`);
    }
    entries.push(entry.value);
    return undefined;
  };
  const read = await readTable(client, table, [], onEntry, options);
  if (!read.ok) return read;
  return read.value ? success(entries) : failure('unexpected', `"show table" of ${table} was answered with nothing`);
}

/** HAProxy looks one key up at once. */
const keyTimeoutMs = 1000;

/**
 * One entry of a stick table; undefined when there is none of that key. Looking does not renew it. A deadline of 1 s unless told otherwise.
 * `not-found`: no such table. `invalid-command`: a key with characters that stream and session names do not have.
 */
export async function showTableKey(
  client: RuntimeClient,
  table: string,
  key: string,
  options?: ExecuteOptions,
): Promise<RuntimeResult<TableEntry | undefined>> {
  let found: TableEntry | undefined;
  const onEntry = (line: string) => {
    const entry = parseTableLine(line);
    if (!entry.ok) return entry;
    if (found !== undefined || entry.value.key !== key) {
      return failure('unexpected', `"show table" of ${table} has other entries than the one that was asked for`);
    }
    found = entry.value;
    return undefined;
  };
  const read = await readTable(client, table, ['key', key], onEntry, {
    timeoutMs: keyTimeoutMs,
    ...options,
  });
  return read.ok ? success(found) : read;
}

/** More servers than that are no fleet but a reply gone wrong. */
const mostServers = 10_000;

/** What a stick table says of servers. */
export interface ServerCounts {
  /** Entries by server id (`srv_id`) of now; those without a server are under 0. */
  readonly byServer: ReadonlyMap<number, number>;
  /** Entries, counted or not, whose number is another than that of the server that their key names: they were stored before the servers were numbered anew. */
  readonly renumbered: number;
  /** The longest time that an entry, counted or not, still has; 0 in an empty table. The table's `expire`, if an entry was used just now. */
  readonly longestExpiresInMs: number;
}

/**
 * How many entries of a stick table point to each server. Nothing but the counts is held, so the table may have any size; a deadline of
 * 10 s unless told otherwise. `not-found`: no such table.
 *
 * @param serverIds the servers of now by name: an entry that names one of them is of that one, whatever its number, as HAProxy has it.
 * @param leastExpiresInMs entries that expire sooner are not counted: nobody has used them for a while.
 */
export async function countByServer(
  client: RuntimeClient,
  table: string,
  {
    leastExpiresInMs = 0,
    serverIds,
    ...options
  }: ExecuteOptions & {
    readonly leastExpiresInMs?: number | undefined;
    readonly serverIds?: ReadonlyMap<string, number> | undefined;
  } = {},
): Promise<RuntimeResult<ServerCounts>> {
  const counts = new Map<number, number>();
  let longestExpiresInMs = 0;
  let renumbered = 0;
  const onEntry = (line: string) => {
    if (!line.startsWith('0x') || !line.includes(': key=')) {
      return failure('unexpected', `an entry of "show table" is ${quote(line)}`);
    }
    const storedId = serverIdOf(line);
    if (storedId === undefined) return failure('unexpected', `server_id of a table entry is none: ${quote(line)}`);
    const serverId = serverIds?.get(textAfter(line, ' server_key=') ?? '') ?? storedId;
    if (serverId !== storedId) renumbered++;
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
  const read = await readTable(client, table, [], onEntry, options);
  if (!read.ok) return read;
  return read.value
    ? success({ byServer: counts, longestExpiresInMs, renumbered })
    : failure('unexpected', `"show table" of ${table} was answered with nothing`);
}

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
  return executeSilent(client, 'clear table', [table, 'key', key], table, options, (reply) =>
    reply === 'Entry currently in use, cannot remove'
      ? failure('busy', `${key} of table ${table} is in use at this moment`)
      : undefined,
  );
}

/** Requests that hold an entry are mostly over after some milliseconds; whoever downloads a segment slowly holds his for longer. */
const clearAgainMs = [5, 20, 50, 100];

/**
 * Forgets entries of a stick table, one by one; those that are held at this moment again, for some hundred milliseconds in all.
 *
 * @returns the keys whose entries stay.
 */
export async function clearTableKeys(
  client: RuntimeClient,
  table: string,
  keys: readonly string[],
  options: ExecuteOptions = {},
): Promise<readonly string[]> {
  const stay: string[] = [];
  let left = keys;
  for (const pauseMs of [0, ...clearAgainMs]) {
    if (left.length === 0) break;
    if (pauseMs > 0) await pause(pauseMs, undefined, { signal: options.signal }).catch(() => undefined);
    const held: string[] = [];
    for (const key of left) {
      const cleared = await clearTableKey(client, table, key, options);
      if (!cleared.ok) (cleared.error.reason === 'busy' ? held : stay).push(key);
    }
    left = held;
  }
  return [...stay, ...left];
}

/**
 * Forgets every entry of a stick table that points to a server, by its id (`srv_id`), so that whoever comes next is located anew. HAProxy leaves out, without
 * a word, entries that a request or a peer holds at this moment. A deadline of 10 s a command unless told otherwise. `not-found`: no such table.
 *
 * HAProxy clears by the stored number alone. Where the servers were numbered anew since entries were stored, that would forget another server's viewers: with
 * `serverIds`, the servers of now by name, it is looked for such entries first, and if there are any, those of this server are cleared one by one. It is also
 * looked for what was left out, and cleared again, for some hundred milliseconds at most: what is held for longer stays.
 */
export async function clearTableServer(
  client: RuntimeClient,
  table: string,
  serverId: number,
  { serverIds, ...options }: ExecuteOptions & { readonly serverIds?: ReadonlyMap<string, number> | undefined } = {},
): Promise<RuntimeResult<undefined>> {
  if (!Number.isInteger(serverId) || serverId < 1) {
    return failure('invalid-command', `${serverId} is no id of a server: HAProxy counts from 1`);
  }
  if (serverIds === undefined) return clearByNumber(client, table, serverId, options);
  for (let pass = 0; ; pass++) {
    const counts = await countByServer(client, table, { ...options, serverIds });
    if (!counts.ok) return counts;
    const isLeft = counts.value.byServer.has(serverId);
    if (pass > 0 && (!isLeft || pass > clearAgainMs.length)) return success(undefined);
    if (pass > 0) await pause(clearAgainMs[pass - 1], undefined, { signal: options.signal }).catch(() => undefined);
    const cleared =
      counts.value.renumbered > 0
        ? await clearOneByOne(client, table, serverId, serverIds, options)
        : await clearByNumber(client, table, serverId, options);
    if (!cleared.ok) return cleared;
  }
}

function clearByNumber(
  client: RuntimeClient,
  table: string,
  serverId: number,
  options: ExecuteOptions,
): Promise<RuntimeResult<undefined>> {
  const args = [table, 'data.server_id', 'eq', String(serverId)];
  return executeSilent(client, 'clear table', args, table, { timeoutMs: dumpTimeoutMs, ...options }, (reply) =>
    reply.endsWith('Data type not stored in this table')
      ? failure('unexpected', `table ${table} stores no servers: no "stick store" rule fills it`)
      : undefined,
  );
}

async function clearOneByOne(
  client: RuntimeClient,
  table: string,
  serverId: number,
  serverIds: ReadonlyMap<string, number>,
  options: ExecuteOptions,
): Promise<RuntimeResult<undefined>> {
  const entries = await showTable(client, table, {
    ...options,
    keep: ({ serverKey = '', serverId: stored }) => (serverIds.get(serverKey) ?? stored) === serverId,
  });
  if (!entries.ok) return entries;
  for (const { key } of entries.value) {
    const cleared = await clearTableKey(client, table, key, options);
    if (!cleared.ok && cleared.error.reason !== 'busy') return cleared;
  }
  return success(undefined);
}
