import { failure, quote, type RuntimeResult, success } from './result';

/** The part of `show info` that tells which HAProxy process answered. */
export interface HaproxyInfo {
  /** e.g. `3.2.26-1`. */
  readonly version: string;
  readonly pid: number;
  readonly uptimeSeconds: number;
  /** 1 in all but historic multi-process set-ups. */
  readonly processNumber: number;
}

/** Whether the later answer came from another process. In a container every process may have the same pid. */
export function isAnotherProcess(before: HaproxyInfo, now: HaproxyInfo): boolean {
  return now.pid !== before.pid || now.uptimeSeconds < before.uptimeSeconds;
}

/**
 * Reads the reply of `show info`: lines `Name: value`, in an order and number that differ by version.
 * Error: `unexpected`, naming the line that is missing or wrong.
 */
export function parseInfo(text: string): RuntimeResult<HaproxyInfo> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(': ');
    if (colon > 0) values.set(line.slice(0, colon), line.slice(colon + 2));
  }
  const version = values.get('Version');
  if (version === undefined || !/^[\w.+~-]{1,64}$/.test(version)) return unexpected('Version', version);
  const pid = integer(values.get('Pid'));
  if (pid === undefined || pid === 0) return unexpected('Pid', values.get('Pid'));
  const uptimeSeconds = integer(values.get('Uptime_sec'));
  if (uptimeSeconds === undefined) return unexpected('Uptime_sec', values.get('Uptime_sec'));
  return success({ version, pid, uptimeSeconds, processNumber: integer(values.get('Process_num')) ?? 1 });
}

function integer(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function unexpected(name: string, value: string | undefined): RuntimeResult<never> {
  return failure(
    'unexpected',
    value === undefined ? `"show info" has no line ${name}` : `"show info" says ${name}: ${quote(value)}`,
  );
}

/**
 * Reads the reply of `show env`: lines `NAME=value`. A value may hold newlines, and HAProxy prints them as they are: a line that does not begin with a name
 * goes on with the value before it. (One that does is taken for another variable; there is no telling.)
 * Error: `unexpected`, when the first line is no variable. Values may be secrets: no message quotes one.
 */
export function parseEnv(text: string): RuntimeResult<Map<string, string>> {
  const values = new Map<string, string>();
  let last: string | undefined;
  for (const line of (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n')) {
    const [, name, value = ''] = /^([A-Za-z_][A-Za-z0-9_.]*)=(.*)$/s.exec(line) ?? [];
    if (name !== undefined) {
      last = name;
      values.set(name, value);
    } else if (last !== undefined) values.set(last, `${values.get(last) ?? ''}\n${line}`);
    else return failure('unexpected', `"show env" begins with ${quote(line.slice(0, 20))}, not with a variable`);
  }
  return success(values);
}
