import { addMap } from './add-map';
import { badMapName } from './bad-map-name';
import type { ExecuteOptions, RuntimeClient } from './client';
import { executeSilent } from './execute-silent';
import { noSuchThing } from './no-such-thing';
import { refusal } from './refusal';
import { failure, quote, type RuntimeError, type RuntimeResult, success } from './result';
import { showMaps } from './show-maps';

/**
 * Replaces all entries of a map at once: lookups see the old ones until the last moment, then the new ones, never a mixture and never nothing
 * (`prepare map`, `add map @version`, `commit map @version`). The value is the number of entries; there may be none.
 *
 * When it fails half way, the old entries stay, and the version that was prepared is cleared; where HAProxy cannot be asked any more it is
 * dropped by the next replacement. What addMap, setMap or delMap do to the map meanwhile is lost.
 * Errors are those of addMap. Each command has its deadline, the last one 10 s unless told otherwise.
 */
export async function replaceMap(
  client: RuntimeClient,
  map: string,
  entries: Iterable<readonly [key: string, value: string]>,
  options?: ExecuteOptions,
): Promise<RuntimeResult<number>> {
  const prepared = await prepareMap(client, map, options);
  if (!prepared.ok) return prepared;
  const version = prepared.value;
  const added = await addMap(client, map, entries, { ...options, version });
  if (!added.ok) {
    await dropVersion(client, map, version);
    return because(added.error, `map ${map} is as it was`);
  }
  const committed = await commitMap(client, map, version, options);
  if (committed.ok) return added;
  switch (await dropVersion(client, map, version)) {
    case 'is current':
      return added;
    case 'is not current':
      return because(committed.error, `map ${map} is as it was`);
    case 'unknown':
      return because(committed.error, `whether map ${map} has the new entries is not known`);
  }
}

async function prepareMap(client: RuntimeClient, map: string, options?: ExecuteOptions) {
  const bad = badMapName(map);
  if (bad !== undefined) return bad;
  const reply = await client.execute(['prepare', 'map', map], options);
  if (!reply.ok) return reply;
  const version = /^New version created: (\d{1,10})\n$/.exec(reply.value)?.[1];
  if (version !== undefined) return success(Number(version));
  return (
    noSuchThing(client, reply.value, map) ??
    refusal(reply.value, 'prepare map') ??
    failure('unexpected', `HAProxy answered "prepare map" of ${map} with ${quote(reply.value)}`)
  );
}

function commitMap(client: RuntimeClient, map: string, version: number, options?: ExecuteOptions) {
  return executeSilent(client, ['commit', 'map', `@${version}`, map], map, { timeoutMs: 10_000, ...options });
}

/**
 * Looks before it clears: a commit whose answer was lost may have been carried out, and clearing the current version would empty the map.
 * The caller's signal is left aside: it is no reason to leave things behind.
 */
async function dropVersion(client: RuntimeClient, map: string, version: number) {
  const maps = await showMaps(client);
  const info = maps.ok ? maps.value.find(({ id, file }) => file === map || `#${id}` === map) : undefined;
  if (info === undefined) return 'unknown';
  if (info.currentVersion === version) return 'is current';
  if (info.nextVersion >= version) await executeSilent(client, ['clear', 'map', `@${version}`, map], map);
  return 'is not current';
}

function because(error: RuntimeError, consequence: string): RuntimeResult<never> {
  return failure(error.reason, `${error.message}; ${consequence}`);
}
