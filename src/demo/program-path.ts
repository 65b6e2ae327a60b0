import { accessSync, constants } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';

/**
 * A program as it can be run from any folder: a path is made absolute, a bare name is looked up on PATH and in the folders of system
 * programs, which are not on the PATH of ordinary users. A name that is not found stays as it is.
 */
export function programPath(program: string): string {
  if (program.includes('/')) return resolve(program);
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, program)).find(isExecutable) ?? program;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
