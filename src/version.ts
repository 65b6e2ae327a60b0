import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The package's version, as in package.json, which lies one folder above the built code. */
export const version: string = readVersion();

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(__dirname, '../package.json'), 'utf8'));
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : 'unknown';
}
