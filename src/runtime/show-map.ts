import { badMapName } from './bad-map-name';
import type { ExecuteOptions, RuntimeClient } from './client';
import { noSuchThing } from './no-such-thing';
import { refusal } from './refusal';
import { failure, quote, type RuntimeResult, success } from './result';

export interface ShowMapOptions extends ExecuteOptions {
  /** Default 1,000,000. More is `too-large`. */
  readonly maxEntries?: number | undefined;
}

/** `0x559b6d7f6300 live/b mtx2`; the address tells entries apart that have the same key. */
const entryLine = /^0x[0-9a-f]{1,16} (\S+) (.+)$/;

/**
 * The entries that lookups in a map see, in HAProxy's order, read as they arrive; a deadline of 10 s unless told otherwise.
 * A key may come twice, and then the first counts. `not-found`: no such map.
 *
 * When another version is committed meanwhile (by another client; one client asks one thing at a time), HAProxy takes away the entries that it is about to
 * print, and says nothing of it: the list is short then. Where that can happen, compare with showMaps' `currentVersion` before and after.
 */
export async function showMap(
  client: RuntimeClient,
  map: string,
  { maxEntries = 1_000_000, ...options }: ShowMapOptions = {},
): Promise<RuntimeResult<(readonly [key: string, value: string])[]>> {
  const bad = badMapName(map);
  if (bad !== undefined) return bad;
  const entries: (readonly [string, string])[] = [];
  const onLine = (line: string) => {
    const [, key, value] = entryLine.exec(line) ?? [];
    if (key === undefined || value === undefined) {
      return (
        noSuchThing(client, line, map) ??
        refusal(line, 'show map') ??
        failure('unexpected', `an entry of map ${map} is ${quote(line)}`)
      );
    }
    if (entries.length >= maxEntries) return failure('too-large', `map ${map} has more than ${maxEntries} entries`);
    entries.push([key, value]);
    return undefined;
  };
  const read = await client.executeLines(['show', 'map', map], onLine, { timeoutMs: 10_000, ...options });
  return read.ok ? success(entries) : read;
}
