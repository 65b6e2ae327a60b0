import { badMapName } from './bad-map-name';
import type { ExecuteOptions, RuntimeClient } from './client';
import { executeSilent } from './execute-silent';
import type { RuntimeResult } from './result';

/** Takes all entries out of a map. A deadline of 10 s unless told otherwise. `not-found`: no such map. */
export async function clearMap(
  client: RuntimeClient,
  map: string,
  options?: ExecuteOptions,
): Promise<RuntimeResult<undefined>> {
  return badMapName(map) ?? executeSilent(client, ['clear', 'map', map], map, { timeoutMs: 10_000, ...options });
}
