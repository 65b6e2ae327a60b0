import { failure, quote, type RuntimeResult, success } from './result';

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
