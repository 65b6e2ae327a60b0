import type { ExecuteOptions, RuntimeClient } from './client';
import { executeSilent } from './execute-silent';
import type { RuntimeResult } from './result';

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
  return executeSilent(client, ['set', 'server', name, 'state', state], name, options);
}
