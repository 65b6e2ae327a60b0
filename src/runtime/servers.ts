import type { ExecuteOptions, RuntimeClient } from './client';
import { executeSilent } from './execute-silent';
import { failure, type RuntimeResult } from './result';

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
  return executeSilent(client, ['set', 'server', name, 'weight', String(weight)], name, options);
}
