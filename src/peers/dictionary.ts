import { type Cursor, readVarint } from '../wire';

/** HAProxy's PEER_STKT_CACHE_MAX_ENTRIES: it gives texts the ids 1 to 128 and takes them again for others. */
const maxId = 128;
const maxTextBytes = 255;

/** The texts that one side of a connection has given ids: sent once, for all tables, then named by the id. By id. */
export type Dictionary = (string | undefined)[];

/** What `readDictionaryValue` returns when it is broken or beyond the bounds. */
export const brokenText = Symbol('broken text');

/** Reads a value of kind `dict` and remembers a text that it defines. Undefined where there is none, or under an id that was never defined. */
export function readDictionaryValue(cursor: Cursor, dictionary: Dictionary): string | undefined | typeof brokenText {
  const length = readVarint(cursor);
  if (length === 0) return undefined;
  const valueEnd = cursor.offset + length;
  if (length < 0 || valueEnd > cursor.end) return brokenText;
  const id = readVarint(cursor);
  if (id < 1 || id > maxId || cursor.offset > valueEnd) return brokenText;
  if (cursor.offset === valueEnd) return dictionary[id];
  const textLength = readVarint(cursor);
  if (textLength < 0 || textLength > maxTextBytes || cursor.offset + textLength !== valueEnd) return brokenText;
  const text = cursor.bytes.toString('latin1', cursor.offset, valueEnd);
  cursor.offset = valueEnd;
  dictionary[id] = text;
  return text;
}
