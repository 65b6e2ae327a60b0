import { ownValue } from '../wire';
import { failure, quote, type RuntimeResult, success } from './result';

/** One entry of a stick table. */
export interface TableEntry {
  /** The key as the configuration made it, e.g. `live/a|3b2f-1`. Bytes that are no UTF-8 become U+FFFD. */
  readonly key: string;
  /** Until HAProxy forgets it, unless it is used again. */
  readonly expiresInMs: number;
  /** The number of the server (`srv_id`) that was stored; undefined when none is: the entry tracks something else. */
  readonly serverId: number | undefined;
  /** The name by which HAProxy finds that server again after a reload; it wins over the number. */
  readonly serverKey: string | undefined;
}

/** `0x7f…: key=live/a|s use=0 exp=59980 shard=0 server_id=1 server_key=mtx1 …`; 2.6 prints no shard. */
const entryLine = /^0x[0-9a-f]{1,16}: key=((?:\\.|[!-[\]-~])*) use=\d+ exp=(\d{1,15})(?: ([ -~]*))?$/;

/**
 * Reads one line of `show table`, except the first. In keys HAProxy writes space, `=` and `\` with a backslash before them, newline, return, tab and escape
 * as `\n`, `\r`, `\t`, `\e`, and every other byte that is no printable ASCII as `\xHH`.
 * Error: `unexpected`.
 */
export function parseTableLine(line: string): RuntimeResult<TableEntry> {
  const [, key, expiry, data = ''] = entryLine.exec(line) ?? [];
  if (key === undefined) return failure('unexpected', `an entry of "show table" is ${quote(line)}`);
  let serverId: number | undefined;
  let serverKey: string | undefined;
  for (const field of data.split(' ')) {
    if (field.startsWith('server_id=')) {
      const value = field.slice('server_id='.length);
      if (!/^\d{1,10}$/.test(value)) return failure('unexpected', `server_id of a table entry is ${quote(value)}`);
      // 0 is what a fresh entry has.
      serverId = Number(value) || undefined;
    } else if (field.startsWith('server_key=')) {
      const value = field.slice('server_key='.length);
      serverKey = value === '-' || value === '' ? undefined : unescaped(value);
    }
  }
  return success({ key: unescaped(key), expiresInMs: Number(expiry), serverId, serverKey });
}

const named: Readonly<Record<string, number>> = { n: 0x0a, r: 0x0d, t: 0x09, e: 0x1b };

function unescaped(text: string): string {
  if (!text.includes('\\')) return text;
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== '\\') {
      bytes.push(text.charCodeAt(at));
      continue;
    }
    at += 1;
    const hex = /^x([0-9A-Fa-f]{2})/.exec(text.slice(at, at + 3))?.[1];
    if (hex === undefined) bytes.push(ownValue(named, text[at] ?? '') ?? text.charCodeAt(at));
    else {
      bytes.push(Number.parseInt(hex, 16));
      at += 2;
    }
  }
  return Buffer.from(bytes).toString('utf8');
}

/** 0 without a server, undefined for what is no number. */
export function serverIdOf(line: string): number | undefined {
  return line.includes(' server_id=') ? numberAfter(line, ' server_id=') : 0;
}

/** The number after the last ` name=`. A key cannot hold it: HAProxy escapes its `=`. */
export function numberAfter(line: string, field: string): number | undefined {
  const value = textAfter(line, field);
  return value !== undefined && /^\d{1,10}$/.test(value) ? Number(value) : undefined;
}

export function textAfter(line: string, field: string): string | undefined {
  const at = line.lastIndexOf(field);
  if (at < 0) return undefined;
  const end = line.indexOf(' ', at + field.length);
  return line.slice(at + field.length, end < 0 ? undefined : end);
}
