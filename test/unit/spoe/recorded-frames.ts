import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hex } from './hex';

/** The HAProxy versions whose frames were recorded. */
export const recordedVersions = ['2.6', '3.0', '3.2'] as const;

const folder = join(__dirname, '../../fixtures/spoe');

/** Frames that a HAProxy version wrote to an agent, in their order. */
export function recordedFrames(version: (typeof recordedVersions)[number]): { name: string; bytes: Buffer }[] {
  return readFileSync(join(folder, `haproxy-${version}.txt`), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [name = '', bytes = ''] = line.split(' ');
      return { name, bytes: hex(bytes) };
    });
}

/** The first recorded frame of that name. */
export function recordedFrame(version: (typeof recordedVersions)[number], name: string): Buffer {
  const frame = recordedFrames(version).find((each) => each.name === name);
  if (frame === undefined) throw new Error(`HAProxy ${version} has no recorded frame ${name}`);
  return frame.bytes;
}
