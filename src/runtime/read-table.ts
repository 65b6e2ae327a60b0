import type { ExecuteOptions, RuntimeClient } from './client';
import { noSuchThing } from './no-such-thing';
import { refusal } from './refusal';
import type { LineSink } from './reply-lines';
import { failure, quote, type RuntimeResult, success } from './result';

/** `# table: sessions, type: string, size:204800, used:2` */
const header = /^# table: \S+, type: \w+, size:\d+, used:\d+$/;

/** A dump of 200,000 entries takes HAProxy a fraction of a second, and longer when it is busy with viewers. */
const dumpTimeoutMs = 10_000;

/**
 * Runs a `show table` and gives every entry's line to `onEntry` as it comes. Entries are checked by `onEntry`, the rest here.
 * The result's value tells whether there was a header: a key that is not in the table is answered without one.
 */
export async function readTable(
  client: RuntimeClient,
  words: readonly string[],
  table: string,
  onEntry: LineSink,
  options?: ExecuteOptions,
): Promise<RuntimeResult<boolean>> {
  let hasHeader = false;
  const onLine: LineSink = (line) => {
    if (hasHeader) return onEntry(line);
    hasHeader = header.test(line);
    if (hasHeader) return undefined;
    return (
      noSuchThing(client, line, table) ??
      refusal(line, 'show table') ??
      failure('unexpected', `"show table" of ${table} begins with ${quote(line)}`)
    );
  };
  const reply = await client.executeLines(words, onLine, { timeoutMs: dumpTimeoutMs, ...options });
  return reply.ok ? success(hasHeader) : reply;
}
