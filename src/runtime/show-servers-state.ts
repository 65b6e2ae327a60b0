import type { ExecuteOptions, RuntimeClient } from './client';
import { noSuchThing } from './no-such-thing';
import { parseServersState, type ServerState } from './parse-servers-state';
import { refusal } from './refusal';
import type { RuntimeResult } from './result';

/**
 * The servers of one backend, in the order of HAProxy's configuration. Every failure is a value;
 * `not-found` when HAProxy has no backend of that name.
 */
export async function showServersState(
  client: RuntimeClient,
  backend: string,
  options?: ExecuteOptions,
): Promise<RuntimeResult<ServerState[]>> {
  const reply = await client.execute(['show', 'servers', 'state', backend], options);
  if (!reply.ok) return reply;
  return (
    noSuchThing(client, reply.value, backend) ??
    refusal(reply.value, 'show servers state') ??
    parseServersState(reply.value)
  );
}
