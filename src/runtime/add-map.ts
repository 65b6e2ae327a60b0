import { badMapName } from './bad-map-name';
import type { ExecuteOptions, RuntimeClient } from './client';
import { executeSilent } from './execute-silent';
import { mapEntryLine } from './map-entry-line';
import { type RuntimeResult, success } from './result';

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
  const words = version === undefined ? ['add', 'map', map] : ['add', 'map', `@${version}`, map];
  let maxBytes = usualPayloadBytes;
  let acceptedBytes = leastPayloadBytes;
  let added = 0;

  /**
   * Sends the lines, in halves where HAProxy's buffer turns out to be smaller than usual. Not where as many were taken before: then it is an answer
   * that was lost, and sending again would add twice.
   */
  const send = async (lines: readonly string[], bytes: number): Promise<RuntimeResult<undefined>> => {
    const sent = await executeSilent(client, words, map, { ...options, payload: lines });
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
