import type { ExecuteOptions, RuntimeClient } from './client';
import { type HaproxyInfo, parseInfo } from './parse-info';
import { refusal } from './refusal';
import type { RuntimeResult } from './result';

/** Which HAProxy process answers: version, pid, uptime. Every failure is a value. */
export async function showInfo(client: RuntimeClient, options?: ExecuteOptions): Promise<RuntimeResult<HaproxyInfo>> {
  const reply = await client.execute(['show', 'info'], options);
  if (!reply.ok) return reply;
  return refusal(reply.value, 'show info') ?? parseInfo(reply.value);
}
