import { badMapName } from './bad-map-name';
import type { ExecuteOptions, RuntimeClient } from './client';
import { noSuchThing } from './no-such-thing';
import { refusal } from './refusal';
import { failure, quote, type RuntimeResult } from './result';

export interface ReadMapOptions extends ExecuteOptions {
  /** Default 1,000,000. More is `too-large`. */
  readonly maxEntries?: number | undefined;
}

/** `0x559b6d7f6300 live/b mtx2`; the address tells entries apart that have the same key. */
const entryLine = /^0x[0-9a-f]{1,16} (\S+) (.+)$/;

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
    const [, key, value] = entryLine.exec(line) ?? [];
    if (key === undefined || value === undefined) {
      return (
        noSuchThing(client, line, map) ??
        refusal(line, 'show map') ??
        failure('unexpected', `an entry of map ${map} is ${quote(line)}`)
      );
    }
    if (++count > maxEntries) return failure('too-large', `map ${map} has more than ${maxEntries} entries`);
    onEntry(key, value);
    return undefined;
  };
  return client.executeLines(['show', 'map', map], onLine, { timeoutMs: 10_000, ...options });
}
