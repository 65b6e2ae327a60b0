import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileError } from './file-source';
import type { GivenValue } from './merge-sources';
import { originText } from './origin';

const largestSecretBytes = 4096;

/**
 * The passwords that stand in files, as further values; line ends at the end of a file are dropped. A relative path is relative to the
 * configuration file that names it, else to the working directory.
 */
export function readPasswordFiles(values: Iterable<GivenValue>): { passwords: GivenValue[]; errors: string[] } {
  const passwords: GivenValue[] = [];
  const errors: string[] = [];
  for (const { path, value, origin } of values) {
    if (path.at(-1) !== 'passwordFile' || typeof value !== 'string') continue;
    const file = resolve(origin.source === 'file' ? dirname(origin.file) : '.', value);
    const password = readSecret(file);
    if ('error' in password) errors.push(`${originText(origin)}: ${path.join('.')}: ${file}: ${password.error}`);
    else passwords.push({ path: [...path.slice(0, -1), 'password'], value: password.text, origin });
  }
  return { passwords, errors };
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
