import { ask } from './ask';
import type { ExecuteOptions, RuntimeClient } from './client';
import { type HaproxyInfo, parseEnv, parseInfo } from './parse-info';
import { parseStat, type StatLine } from './parse-stat';
import type { RuntimeResult } from './result';

/** Which HAProxy process answers: version, pid, uptime. Every failure is a value. */
export function showInfo(client: RuntimeClient, options?: ExecuteOptions): Promise<RuntimeResult<HaproxyInfo>> {
  return ask(client, 'show info', [], undefined, options, parseInfo);
}

/** The environment of the HAProxy process, with what `setenv` and `presetenv` changed. It may hold secrets: show what you know by name only. */
export function showEnv(client: RuntimeClient, options?: ExecuteOptions): Promise<RuntimeResult<Map<string, string>>> {
  return ask(client, 'show env', [], undefined, options, parseEnv);
}

/**
 * Counters and states of every proxy and server, or of one backend's servers (without the line of their sum).
 * `not-found`: no such backend.
 */
export function showStat(
  client: RuntimeClient,
  backend?: string,
  options?: ExecuteOptions,
): Promise<RuntimeResult<StatLine[]>> {
  // 4 is the bit of servers, -1 stands for all of them (management guide, "show stat").
  return ask(client, 'show stat', backend === undefined ? [] : [backend, '4', '-1'], backend, options, parseStat);
}
