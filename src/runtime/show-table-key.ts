import type { ExecuteOptions, RuntimeClient } from './client';
import { parseTableLine, type TableEntry } from './parse-table-line';
import { readTable } from './read-table';
import { failure, type RuntimeResult, success } from './result';

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
  const read = await readTable(client, ['show', 'table', table, 'key', key], table, onEntry, {
    timeoutMs: keyTimeoutMs,
    ...options,
  });
  return read.ok ? success(found) : read;
}
