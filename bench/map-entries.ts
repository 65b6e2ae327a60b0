import { setTimeout as pause } from 'node:timers/promises';
import { createRuntimeClient, type RuntimeClient, showMaps } from '../src/runtime';

/** How many entries HAProxy's routes.map has; 0 where it cannot be told. */
export async function mapEntries(client: RuntimeClient): Promise<number> {
  const maps = await showMaps(client);
  return (maps.ok && maps.value.find(({ file }) => file === 'routes.map')?.entryCount) || 0;
}

/** Waits until HAProxy's routes.map has so many entries; `socket` is its Runtime API. */
export async function untilMapHas(socket: string, count: number): Promise<void> {
  const client = createRuntimeClient({ address: { path: socket } });
  while ((await mapEntries(client)) !== count) await pause(2);
}
