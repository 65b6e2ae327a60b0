import { badMapName } from './bad-map-name';
import type { ExecuteOptions, RuntimeClient } from './client';
import { executeSilent } from './execute-silent';
import { mapEntryLine } from './map-entry-line';
import { failure, type RuntimeResult } from './result';

/** Takes a key out of a map, as often as it is there. `not-found`: no such map, or no such key. */
export async function delMap(
  client: RuntimeClient,
  map: string,
  key: string,
  options?: ExecuteOptions,
): Promise<RuntimeResult<undefined>> {
  const line = mapEntryLine(key, '-');
  if (!line.ok) return line;
  return (
    badMapName(map) ??
    executeSilent(client, ['del', 'map', map, key], map, options, (reply) =>
      reply === 'Key not found.' ? failure('not-found', `map ${map} has no entry ${key}`) : undefined,
    )
  );
}
