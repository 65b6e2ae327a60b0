import type { ExecuteOptions, RuntimeClient } from './client';
import { type MapInfo, parseMaps } from './parse-maps';
import { refusal } from './refusal';
import type { RuntimeResult } from './result';

/** The maps that the configuration names, with the number of their entries. */
export async function showMaps(client: RuntimeClient, options?: ExecuteOptions): Promise<RuntimeResult<MapInfo[]>> {
  const reply = await client.execute(['show', 'map'], options);
  if (!reply.ok) return reply;
  return refusal(reply.value, 'show map') ?? parseMaps(reply.value);
}
