import { failure, quote, type RuntimeResult, success } from './result';

const entryWord = /^[A-Za-z0-9_.:/@,=+%|[\]~*-][A-Za-z0-9_.:/@,=+%#|[\]~*-]{0,1023}$/;

/**
 * `key value`, as a line of a payload, or `invalid-command`. Both are single words of the characters that commandLine allows; a key must not begin with `#`,
 * which `set map` and `del map` take for the address of an entry.
 */
export function mapEntryLine(key: string, value: string): RuntimeResult<string> {
  const bad = entryWord.test(key) ? (entryWord.test(value) ? undefined : value) : key;
  if (bad === undefined) return success(`${key} ${value}`);
  return failure('invalid-command', `${quote(bad)} cannot be sent to HAProxy as part of a map entry`);
}
