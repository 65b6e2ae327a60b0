import type { ExecuteOptions, RuntimeClient } from './client';
import { noSuchThing } from './no-such-thing';
import { parseStat, type StatLine } from './parse-stat';
import { refusal } from './refusal';
import type { RuntimeResult } from './result';

/**
 * Counters and states of every proxy and server, or of one backend's servers (without the line of their sum).
 * `not-found`: no such backend.
 */
export async function showStat(
  client: RuntimeClient,
  backend?: string,
  options?: ExecuteOptions,
): Promise<RuntimeResult<StatLine[]>> {
  // 4 is the bit of servers, -1 stands for all of them (management guide, "show stat").
  const words = backend === undefined ? ['show', 'stat'] : ['show', 'stat', backend, '4', '-1'];
  const reply = await client.execute(words, options);
  if (!reply.ok) return reply;
  return noSuchThing(client, reply.value, backend ?? '') ?? refusal(reply.value, 'show stat') ?? parseStat(reply.value);
}
