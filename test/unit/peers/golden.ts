import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hex } from '../spoe/hex';

/*
 * Messages of the peers protocol, written down byte by byte: nothing here is made by the code under test.
 */

/** `HAProxyS 2.1`, `agent`, `hap 9588 1`. */
export const hello = hex('484150726f78795320322e310a 6167656e740a 686170 20 39353838 20 31 0a');
export const accepted = hex('3230300a');
export const resyncRequest = hex('0000');
export const resyncFinished = hex('0001');
export const resyncPartial = hex('0002');
export const resyncConfirm = hex('0003');
export const heartbeat = hex('0004');
/** Table 1, `sessions`: strings of 160, server_id and server_key, 3,000 ms. */
export const sessionsDefinition = hex('0a 82 13 01 08 73657373696f6e73 06 a1 f1f1fe00 f8ac00');
/** Update 1: `live/a|s1` is bound to server 1, `m1`, which gets id 1. */
export const firstUpdate = hex('0a 80 14 00000001 09 6c6976652f617c7331 01 04 01 02 6d31');
/** Update 2, the same; the server by its id. */
export const secondUpdate = hex('0a 80 11 00000002 09 6c6976652f617c7331 01 01 01');
/** Update 3, by its place: `live/4|s1`. */
export const incrementalUpdate = hex('0a 81 0d 09 6c6976652f347c7331 01 01 01');
/** `live/1|s1` expires in 314 ms. */
export const timedUpdate = hex('0a 85 15 00000001 0000013a 09 6c6976652f317c7331 01 01 01');
/** The next, by its place: `live/2|s1` expires in 2,999 ms. */
export const incrementalTimedUpdate = hex('0a 86 11 00000bb7 09 6c6976652f327c7331 01 01 01');
/** Of table 1, up to an update. */
export const ack = (id: string) => hex(`0a 84 05 01 ${id}`);

export const recordedVersions = ['2.6', '3.0', '3.2'] as const;

/** What a HAProxy wrote to a peer (see recorded.cfg there), in its order. */
export function recorded(version: (typeof recordedVersions)[number]): { name: string; bytes: Buffer }[] {
  const file = join(__dirname, '../../fixtures/peers', `haproxy-${version}.txt`);
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [name = '', bytes = ''] = line.split(' ');
      return { name, bytes: hex(bytes) };
    });
}
