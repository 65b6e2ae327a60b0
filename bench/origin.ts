import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { haproxyBin, listening, otherCores, type Process, start } from './processes';

/** A second HAProxy that answers for the HLS ports of the servers: cheaper than any of the things measured. */
export async function startOrigin(folder: string, addresses: readonly string[]): Promise<Process> {
  const file = join(folder, 'origin.cfg');
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend hls
${addresses.map((address) => `  bind ${address}:8888`).join('\n')}
  http-request return status 200 content-type application/vnd.apple.mpegurl string "#EXTM3U"
`,
  );
  const origin = start(otherCores, haproxyBin, ['-db', '-f', file]);
  for (const address of addresses) await listening(address, 8888);
  return origin;
}
