import { failure, quote, type RuntimeResult, success } from './result';

/** One map of HAProxy's, as `show map` lists it. */
export interface MapInfo {
  /** HAProxy takes `#` and this number for the name. */
  readonly id: number;
  /** The name to give to commands: the path as the configuration wrote it, without `opt@`, but with `virt@` (both known from 2.9 or 3.0 on). */
  readonly file: string;
  /** Entries of all versions: while a new version is prepared, more than are looked at. */
  readonly entryCount: number;
  /** The version that lookups see. */
  readonly currentVersion: number;
  /** The highest version that was prepared. */
  readonly nextVersion: number;
}

/** `0 (routes.map) pattern loaded from file 'routes.map' used by map at file '…' line 14. curr_ver=0 next_ver=1 entry_cnt=4` */
const mapLine = /^(-?\d{1,10}) \((.*?)\) pattern .* curr_ver=(\d{1,10}) next_ver=(\d{1,10}) entry_cnt=(\d{1,15})$/;

/** `0x559b6d7f6300 live/b mtx2`; the address tells entries apart that have the same key. */
const entryLine = /^0x[0-9a-f]{1,16} (\S+) (.+)$/;

/** One line of `show map` with a name, or undefined. */
export function parseMapEntry(line: string): { readonly key: string; readonly value: string } | undefined {
  const [, key, value] = entryLine.exec(line) ?? [];
  return key === undefined || value === undefined ? undefined : { key, value };
}

/** `type=str, case=sensitive, found=yes, idx=tree, key="live/a", value="mtx1", type="str"`, the same in 2.6, 3.0 and 3.2. */
const lookupLine = /^type=\w+, case=\w+, found=(yes|no)(?:, .*, value="([^"]*)", type="\w+")?$/;

/** The answer of `get map`: the value that was found, if any; undefined for what is no answer. */
export function parseFound(line: string): { readonly value: string | undefined } | undefined {
  const [, found, value] = lookupLine.exec(line) ?? [];
  if (found === 'no') return { value: undefined };
  return found === 'yes' && value !== undefined ? { value } : undefined;
}

/** Reads the reply of `show map` without a name. Error: `unexpected`, naming the line. */
export function parseMaps(text: string): RuntimeResult<MapInfo[]> {
  const [header = '', ...lines] = text.split('\n');
  if (!header.startsWith('# id (file) description')) {
    return failure('unexpected', `"show map" begins with ${quote(header)}`);
  }
  const maps: MapInfo[] = [];
  for (const line of lines) {
    if (line === '') continue;
    const [, id, file, current, next, count] = mapLine.exec(line) ?? [];
    if (file === undefined) return failure('unexpected', `a line of "show map" is ${quote(line)}`);
    maps.push({
      id: Number(id),
      file,
      currentVersion: Number(current),
      nextVersion: Number(next),
      entryCount: Number(count),
    });
  }
  return success(maps);
}
