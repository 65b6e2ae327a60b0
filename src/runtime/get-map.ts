import { badMapName } from './bad-map-name';
import type { ExecuteOptions, RuntimeClient } from './client';
import { mapEntryLine } from './map-entry-line';
import { noSuchThing } from './no-such-thing';
import { refusal } from './refusal';
import { failure, quote, type RuntimeResult, success } from './result';

/**
 * What a lookup of a key in a map gives; undefined when the key is not there. `not-found`: no such map.
 * `invalid-command`: a key that stream names do not allow.
 */
export async function getMap(
  client: RuntimeClient,
  map: string,
  key: string,
  options?: ExecuteOptions,
): Promise<RuntimeResult<string | undefined>> {
  const line = mapEntryLine(key, '-');
  if (!line.ok) return line;
  const bad = badMapName(map);
  if (bad !== undefined) return bad;
  const reply = await client.execute(['get', 'map', map, key], options);
  if (!reply.ok) return reply;
  const text = reply.value.trimEnd();
  // `type=str, case=sensitive, found=yes, idx=tree, key="live/a", value="mtx1", type="str"`, the same in 2.6, 3.0 and 3.2.
  const [, found, value] =
    /^type=\w+, case=\w+, found=(yes|no)(?:, .*, value="([^"]*)", type="\w+")?$/.exec(text) ?? [];
  if (found === 'no') return success(undefined);
  if (found === 'yes' && value !== undefined) return success(value);
  return (
    noSuchThing(client, text, map) ??
    refusal(text, 'get map') ??
    failure('unexpected', `HAProxy answered "get map" of ${map} with ${quote(text)}`)
  );
}
