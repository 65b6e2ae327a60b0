import { badMapName } from './bad-map-name';
import type { ExecuteOptions, RuntimeClient } from './client';
import { executeSilent } from './execute-silent';
import { mapEntryLine } from './map-entry-line';
import { failure, type RuntimeResult } from './result';

/** Changes the value of a key that is in the map, wherever it is there twice too. `not-found`: no such map, or no such key (see addMap). */
export async function setMap(
  client: RuntimeClient,
  map: string,
  key: string,
  value: string,
  options?: ExecuteOptions,
): Promise<RuntimeResult<undefined>> {
  const line = mapEntryLine(key, value);
  if (!line.ok) return line;
  return (
    badMapName(map) ??
    executeSilent(client, ['set', 'map', map, key, value], map, options, (reply) =>
      reply === 'entry not found.' ? failure('not-found', `map ${map} has no entry ${key}`) : undefined,
    )
  );
}
