import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileError } from './file-source';
import { metaOf } from './keys';
import type { GivenValue } from './merge-sources';
import { originText } from './origin';
import { secretOfFile } from './secret-of-file';
import { schemaAt } from './setting-keys';

const largestSecretBytes = 4096;

/**
 * The secrets that stand in files, as further values; line ends at the end of a file are dropped. A relative path is relative to the
 * configuration file that names it, else to the working directory. What a file holds must be what the secret itself may be.
 */
export function readSecretFiles(values: Iterable<GivenValue>): { secrets: GivenValue[]; errors: string[] } {
  const secrets: GivenValue[] = [];
  const errors: string[] = [];
  for (const { path, value, origin } of values) {
    const secret = secretOfFile(path);
    if (secret === undefined || typeof value !== 'string') continue;
    const file = resolve(origin.source === 'file' ? dirname(origin.file) : '.', value);
    const read = readSecret(file);
    const schema = schemaAt(secret);
    if ('error' in read) errors.push(`${originText(origin)}: ${path.join('.')}: ${file}: ${read.error}`);
    else if (schema?.safeParse(read.text).success === false) {
      const allowed = metaOf(schema)?.allowed ?? '';
      errors.push(`${originText(origin)}: ${path.join('.')}: ${file}: its content is not allowed, expected ${allowed}`);
    } else secrets.push({ path: secret, value: read.text, origin });
  }
  return { secrets, errors };
}

function readSecret(file: string): { readonly text: string } | { readonly error: string } {
  try {
    if (statSync(file).size > largestSecretBytes) return { error: `holds more than ${largestSecretBytes} bytes` };
    const text = readFileSync(file, 'utf8').replace(/[\r\n]+$/, '');
    if (text === '') return { error: 'is empty' };
    return text.includes('\n') ? { error: 'holds more than one line' } : { text };
  } catch (error) {
    return { error: fileError(error) };
  }
}
