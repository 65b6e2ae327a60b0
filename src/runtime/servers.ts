import { ask, executeSilent } from './ask';
import type { ExecuteOptions, RuntimeClient } from './client';
import { parseServersState, type ServerState } from './parse-servers';
import { failure, type RuntimeResult } from './result';

/**
 * The servers of one backend, in the order of HAProxy's configuration. Every failure is a value;
 * `not-found` when HAProxy has no backend of that name.
 */
export function showServersState(
  client: RuntimeClient,
  backend: string,
  options?: ExecuteOptions,
): Promise<RuntimeResult<ServerState[]>> {
  return ask(client, 'show servers state', [backend], backend, options, parseServersState);
}

/**
 * Sets the administrative state of a server: `ready` takes back both others. Setting the state that it has is no error.
 * It is lost at a reload. `not-found`: no such backend or server.
 */
export function setServerState(
  client: RuntimeClient,
  backend: string,
  server: string,
  state: 'ready' | 'drain' | 'maint',
  options?: ExecuteOptions,
): Promise<RuntimeResult<undefined>> {
  const name = `${backend}/${server}`;
  return executeSilent(client, 'set server', [name, 'state', state], name, options);
}

/**
 * Sets the weight of a server, 0 to 256; the configured one is `configuredWeight` of showServersState. It is lost at a reload.
 * `not-found`: no such backend or server. `unexpected`, in HAProxy's words: its backend balances by a static algorithm (`balance source`, `static-rr`)
 * that takes no weights at run time.
 */
export async function setServerWeight(
  client: RuntimeClient,
  backend: string,
  server: string,
  weight: number,
  options?: ExecuteOptions,
): Promise<RuntimeResult<undefined>> {
  const name = `${backend}/${server}`;
  if (!Number.isInteger(weight) || weight < 0 || weight > 256) {
    return failure('invalid-command', `${weight} is no weight for ${name}: a whole number from 0 to 256 is`);
  }
  return executeSilent(client, 'set server', [name, 'weight', String(weight)], name, options);
}
