import type { RuntimeClient } from './client';
import { type ReadMapOptions, readMap } from './read-map';
import { type RuntimeResult, success } from './result';

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
  options?: ReadMapOptions,
): Promise<RuntimeResult<(readonly [key: string, value: string])[]>> {
  const entries: (readonly [string, string])[] = [];
  const read = await readMap(client, map, (key, value) => entries.push([key, value]), options);
  return read.ok ? success(entries) : read;
}
