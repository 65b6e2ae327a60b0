import type { ExecuteOptions, RuntimeClient } from './client';
import { parseTableLine, type TableEntry } from './parse-table-line';
import { readTable } from './read-table';
import { failure, type RuntimeResult, success } from './result';

export interface ShowTableOptions extends ExecuteOptions {
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
  const read = await readTable(client, ['show', 'table', table], table, onEntry, options);
  if (!read.ok) return read;
  return read.value ? success(entries) : failure('unexpected', `"show table" of ${table} was answered with nothing`);
}
