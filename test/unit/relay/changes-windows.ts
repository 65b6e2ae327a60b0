import { resolve } from 'node:path';
import { createLogger } from '../../../src/log';
import { openHlsSettings } from '../../../src/relay/hls-settings';
import { openStore } from '../../../src/store';
import { relayDefaults } from './api-lab';

/**
 * A process that changes two settings together, again and again, and prints each value that is in force, until it is killed: the window is always 3 segments smaller than
 * the ring.
 */
async function changeWindows(folder: string): Promise<void> {
  const log = createLogger('error');
  const { hls, streamMode } = relayDefaults();
  const store = await openStore({ folder: resolve(folder), log });
  const settings = await openHlsSettings({ store, configured: { ...hls, streamMode }, log });
  for (let n = 0; ; n++) {
    const maxSegments = 10 + (n % 11);
    const result = await settings.change({ maxSegments, windowSize: maxSegments - 3 });
    if (!result.ok) throw new Error(result.detail);
    process.stdout.write(`${maxSegments}\n`);
  }
}

void changeWindows(process.argv[2] ?? '');
