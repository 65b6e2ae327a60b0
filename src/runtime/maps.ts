import { ask, executeSilent, refused } from './ask';
import type { ExecuteOptions, RuntimeClient } from './client';
import { badMapName, mapEntryLine } from './command';
import { type MapInfo, parseFound, parseMapEntry, parseMaps } from './parse-maps';
import { failure, quote, type RuntimeError, type RuntimeResult, success } from './result';

/** The maps that the configuration names, with the number of their entries. */
export function showMaps(client: RuntimeClient, options?: ExecuteOptions): Promise<RuntimeResult<MapInfo[]>> {
  return ask(client, 'show map', [], undefined, options, parseMaps);
}

export interface ReadMapOptions extends ExecuteOptions {
  /** Default 1,000,000. More is `too-large`. */
  readonly maxEntries?: number | undefined;
}

/** As showMap, but each entry is given to `onEntry` when it arrives, and none is kept. What was given counts only when the result is `ok`. */
export async function readMap(
  client: RuntimeClient,
  map: string,
  onEntry: (key: string, value: string) => void,
  { maxEntries = 1_000_000, ...options }: ReadMapOptions = {},
): Promise<RuntimeResult<undefined>> {
  const bad = badMapName(map);
  if (bad !== undefined) return bad;
  let count = 0;
  const onLine = (line: string) => {
    const entry = parseMapEntry(line);
    if (entry === undefined) {
      return (
        refused(client, line, 'show map', map) ?? failure('unexpected', `an entry of map ${map} is ${quote(line)}`)
      );
    }
    if (++count > maxEntries) return failure('too-large', `map ${map} has more than ${maxEntries} entries`);
    onEntry(entry.key, entry.value);
    return undefined;
  };
  return client.executeLines(['show', 'map', map], onLine, { timeoutMs: 10_000, ...options });
}

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
  return ask(client, 'get map', [map, key], map, options, (reply) => {
    const found = parseFound(reply.trimEnd());
    return found === undefined
      ? failure('unexpected', `HAProxy answered "get map" of ${map} with ${quote(reply.trimEnd())}`)
      : success(found.value);
  });
}

/** A command with its payload must be shorter than HAProxy's `tune.bufsize`, 16384 unless configured; some room is left for the command. */
const usualPayloadBytes = 15_000;
const leastPayloadBytes = 1_000;

export interface AddMapOptions extends ExecuteOptions {
  /** Adds to a version that `prepare map` made, instead of to the one that lookups see. */
  readonly version?: number | undefined;
}

/**
 * Adds entries to a map, some hundred a command. It looks for no entries of the same keys: then the older one counts, so a change is setMap's.
 * The value is how many entries were added; on an error some may have been, since commands stand alone.
 *
 * `entries` is read while the commands are under way: give a copy of what may change meanwhile.
 * `not-found`: no such map. `invalid-command`: a key or value that cannot be sent. `unexpected`: HAProxy refused an entry, in its words.
 */
export async function addMap(
  client: RuntimeClient,
  map: string,
  entries: Iterable<readonly [key: string, value: string]>,
  { version, ...options }: AddMapOptions = {},
): Promise<RuntimeResult<number>> {
  const bad = badMapName(map);
  if (bad !== undefined) return bad;
  const args = version === undefined ? [map] : [`@${version}`, map];
  let maxBytes = usualPayloadBytes;
  let acceptedBytes = leastPayloadBytes;
  let added = 0;

  /**
   * Sends the lines, in halves where HAProxy's buffer turns out to be smaller than usual. Not where as many were taken before: then it is an answer
   * that was lost, and sending again would add twice.
   */
  const send = async (lines: readonly string[], bytes: number): Promise<RuntimeResult<undefined>> => {
    const sent = await executeSilent(client, 'add map', args, map, { ...options, payload: lines });
    if (sent.ok) {
      added += lines.length;
      // Full commands differ by less than a line.
      acceptedBytes = Math.max(acceptedBytes, bytes + 1_000);
    }
    if (sent.ok || !isTooBig(sent) || bytes <= acceptedBytes || lines.length < 2) return sent;
    maxBytes = Math.max(leastPayloadBytes, Math.floor(bytes / 2));
    const middle = Math.floor(lines.length / 2);
    const first = await send(lines.slice(0, middle), Math.floor(bytes / 2));
    return first.ok ? send(lines.slice(middle), Math.ceil(bytes / 2)) : first;
  };

  let lines: string[] = [];
  let bytes = 0;
  for (const [key, value] of entries) {
    const line = mapEntryLine(key, value);
    if (!line.ok) return line;
    // What was checked is ASCII: a character is a byte.
    if (bytes + line.value.length + 1 > maxBytes && lines.length > 0) {
      const sent = await send(lines, bytes);
      if (!sent.ok) return sent;
      lines = [];
      bytes = 0;
    }
    lines.push(line.value);
    bytes += line.value.length + 1;
  }
  if (lines.length > 0) {
    const sent = await send(lines, bytes);
    if (!sent.ok) return sent;
  }
  return success(added);
}

/** HAProxy 3.0 and newer say so; 2.6 closes the connection without a word, and without having done anything. */
function isTooBig(result: RuntimeResult<undefined>): boolean {
  return !result.ok && (result.error.reason === 'too-large' || result.error.reason === 'unanswered');
}

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
    executeSilent(client, 'set map', [map, key, value], map, options, (reply) =>
      reply === 'entry not found.' ? failure('not-found', `map ${map} has no entry ${key}`) : undefined,
    )
  );
}

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
    executeSilent(client, 'del map', [map, key], map, options, (reply) =>
      reply === 'Key not found.' ? failure('not-found', `map ${map} has no entry ${key}`) : undefined,
    )
  );
}

/** Takes all entries out of a map. A deadline of 10 s unless told otherwise. `not-found`: no such map. */
export async function clearMap(
  client: RuntimeClient,
  map: string,
  options?: ExecuteOptions,
): Promise<RuntimeResult<undefined>> {
  return badMapName(map) ?? executeSilent(client, 'clear map', [map], map, { timeoutMs: 10_000, ...options });
}

/**
 * Replaces all entries of a map at once: lookups see the old ones until the last moment, then the new ones, never a mixture and never nothing
 * (`prepare map`, `add map @version`, `commit map @version`). The value is the number of entries; there may be none.
 *
 * When it fails half way, the old entries stay, and the version that was prepared is cleared; where HAProxy cannot be asked any more, or does nothing
 * (3.4.7 clears no version but the current one), it is dropped by the next replacement. What addMap, setMap or delMap do to the map meanwhile is lost.
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
  return ask(client, 'prepare map', [map], map, options, (reply) => {
    const version = /^New version created: (\d{1,10})\n$/.exec(reply)?.[1];
    return version === undefined
      ? failure('unexpected', `HAProxy answered "prepare map" of ${map} with ${quote(reply)}`)
      : success(Number(version));
  });
}

function commitMap(client: RuntimeClient, map: string, version: number, options?: ExecuteOptions) {
  return executeSilent(client, 'commit map', [`@${version}`, map], map, { timeoutMs: 10_000, ...options });
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
  if (info.nextVersion >= version) await executeSilent(client, 'clear map', [`@${version}`, map], map);
  return 'is not current';
}

function because(error: RuntimeError, consequence: string): RuntimeResult<never> {
  return failure(error.reason, `${error.message}; ${consequence}`);
}
