import { type Cursor, encodeVarint, readVarint } from '../wire';

/*
 * Typed data (doc/SPOE.txt 3.1): one byte, the type in its low four bits and flags in its high four, then the value.
 *
 *   type        value                          type        value
 *   0 NULL      -                              6 IPV4      4 bytes
 *   1 BOOL      - (flag 0x10 means true)       7 IPV6      16 bytes
 *   2 INT32     varint                         8 STRING    varint length, bytes
 *   3 UINT32    varint                         9 BINARY    varint length, bytes
 *   4 INT64     varint                         10..15      reserved: of unknown length, so nothing after it can be read
 *   5 UINT64    varint
 *
 * Names of keys, messages and variables are strings without the type: varint length, bytes.
 */
const typeMask = 0x0f;
const trueFlag = 0x10;
const type = {
  null: 0,
  bool: 1,
  int32: 2,
  uint32: 3,
  int64: 4,
  uint64: 5,
  ipv4: 6,
  ipv6: 7,
  string: 8,
  binary: 9,
} as const;

/** Addresses and binary values are views of the received bytes: copy what must outlive them. */
export type TypedValue = null | boolean | number | string | Uint8Array;

/**
 * Reads one value and moves past it. A negative integer reads as its 64-bit two's complement (HAProxy extends the sign).
 *
 * @returns undefined when the bytes end first or the type is not known.
 */
export function readTypedData(cursor: Cursor): TypedValue | undefined {
  if (cursor.offset >= cursor.end) return undefined;
  const head = cursor.bytes[cursor.offset++] ?? 0;
  switch (head & typeMask) {
    case type.string:
      return readString(cursor);
    case type.null:
      return null;
    case type.bool:
      return (head & trueFlag) !== 0;
    case type.int32:
    case type.uint32:
    case type.int64:
    case type.uint64: {
      const value = readVarint(cursor);
      return value < 0 ? undefined : value;
    }
    case type.ipv4:
      return readBytes(cursor, 4);
    case type.ipv6:
      return readBytes(cursor, 16);
    case type.binary:
      return readBytes(cursor, readVarint(cursor));
    default:
      return undefined;
  }
}

/** Moves past one value without making anything of it; false where `readTypedData` returns undefined. */
export function skipTypedData(cursor: Cursor): boolean {
  if (cursor.offset >= cursor.end) return false;
  const head = cursor.bytes[cursor.offset++] ?? 0;
  switch (head & typeMask) {
    case type.null:
    case type.bool:
      return true;
    case type.int32:
    case type.uint32:
    case type.int64:
    case type.uint64:
      return readVarint(cursor) >= 0;
    case type.ipv4:
      return skipBytes(cursor, 4);
    case type.ipv6:
      return skipBytes(cursor, 16);
    case type.string:
    case type.binary:
      return skipBytes(cursor, readVarint(cursor));
    default:
      return false;
  }
}

/** Reads a string without type as UTF-8 (U+FFFD for what is not); undefined when the bytes end first. */
export function readString(cursor: Cursor): string | undefined {
  const length = readVarint(cursor);
  const start = cursor.offset;
  return skipBytes(cursor, length) ? cursor.bytes.toString('utf8', start, cursor.offset) : undefined;
}

/** What `readKnownString` returns for a string that is none of the known ones. */
export const otherString = -1;
/** What `readKnownString` returns when the bytes end first. */
export const brokenString = -2;

/** Moves past a string without type and returns its index in `known`, without making a string of it. */
export function readKnownString(cursor: Cursor, known: readonly Uint8Array[]): number {
  const length = readVarint(cursor);
  const start = cursor.offset;
  if (!skipBytes(cursor, length)) return brokenString;
  for (let index = 0; index < known.length; index++) {
    const name = known[index];
    if (name?.length === length && sameBytes(cursor.bytes, start, name)) return index;
  }
  return otherString;
}

/** A string without type. */
export function encodeString(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([encodeVarint(bytes.length), bytes]);
}

/** A text as STRING, or a whole number from 0 to 2^32 - 1 as UINT32: all that an agent has to write. */
export function encodeTypedData(value: string | number): Uint8Array {
  return typeof value === 'string'
    ? Buffer.concat([Uint8Array.of(type.string), encodeString(value)])
    : Buffer.concat([Uint8Array.of(type.uint32), encodeVarint(value)]);
}

function readBytes(cursor: Cursor, length: number): Uint8Array | undefined {
  const start = cursor.offset;
  return skipBytes(cursor, length) ? cursor.bytes.subarray(start, cursor.offset) : undefined;
}

/** False when fewer bytes are left, or for the -1 of a length that could not be read. */
function skipBytes(cursor: Cursor, length: number): boolean {
  if (length < 0 || length > cursor.end - cursor.offset) return false;
  cursor.offset += length;
  return true;
}

function sameBytes(bytes: Uint8Array, start: number, name: Uint8Array): boolean {
  for (let index = 0; index < name.length; index++) {
    if (bytes[start + index] !== name[index]) return false;
  }
  return true;
}
