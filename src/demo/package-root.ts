import { join } from 'node:path';

/** The folder of package.json: the built code lies two folders below it, and so does the source. */
export const packageRoot = join(__dirname, '../..');
