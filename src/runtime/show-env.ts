import type { ExecuteOptions, RuntimeClient } from './client';
import { parseEnv } from './parse-env';
import { refusal } from './refusal';
import type { RuntimeResult } from './result';

/** The environment of the HAProxy process, with what `setenv` and `presetenv` changed. It may hold secrets: show what you know by name only. */
export async function showEnv(
  client: RuntimeClient,
  options?: ExecuteOptions,
): Promise<RuntimeResult<Map<string, string>>> {
  const reply = await client.execute(['show', 'env'], options);
  if (!reply.ok) return reply;
  return refusal(reply.value, 'show env') ?? parseEnv(reply.value);
}
