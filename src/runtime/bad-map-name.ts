import { failure, quote, type RuntimeResult } from './result';

/** HAProxy takes a name that begins with `@` for a version (`virt@routes` is fine), and `#` alone for nothing. */
export function badMapName(map: string): RuntimeResult<never> | undefined {
  if (!map.startsWith('@') && map !== '#') return undefined;
  return failure('invalid-command', `${quote(map)} is no name of a map: see the list of "show map"`);
}
