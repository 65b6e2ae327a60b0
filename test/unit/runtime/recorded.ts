import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The versions that replies were recorded from. */
export const versions = ['2.6', '3.0', '3.2'] as const;

/** A reply as it came from the socket, with the empty line at its end; see recorded-tables.cfg and recorded.cfg. */
export function recorded(version: string, name: string): string {
  return readFileSync(join(__dirname, '../../fixtures/runtime', `${version}-${name}.txt`), 'utf8');
}
