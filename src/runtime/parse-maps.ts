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
