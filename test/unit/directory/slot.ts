import { createApiCallStats, createServerSlot, type ServerSlot } from '../../../src/directory/server-slot';
import type { MediamtxClient } from '../../../src/mediamtx';

/** A server of which nothing is known yet, and which is never asked. */
export function slot(name: string): ServerSlot {
  const fleet = {
    name,
    address: '',
    port: 1,
    apiUrl: '',
    operational: 'UP',
    administrative: 'ready',
    isBackup: false,
    kind: 'mediamtx',
  } as const;
  return createServerSlot(fleet, {} as MediamtxClient, createApiCallStats());
}
