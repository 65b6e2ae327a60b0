import type { Cursor } from './cursor';

/*
 * HAProxy's variable-length integer (intencode and intdecode of its include/haproxy/intops.h), the same that SPOP has.
 *
 *   value              bytes
 *   0 .. 239           XXXXXXXX
 *   240 .. 2287        1111XXXX 0XXXXXXX
 *   2288 .. 264431     1111XXXX 1XXXXXXX 0XXXXXXX
 *   ...                seven bits more a byte, least significant first
 *
 * What a byte adds is added whole, its high flag bits included: value = b0 + b1 * 2^4 + b2 * 2^11 + ...
 */

/** 4 bits and nine times 7 bits hold any 64-bit value. */
export const maxVarintBytes = 10;

/**
 * Reads an integer and moves past it. Above 2^53 the value is rounded; a negative one reads as its 64-bit two's complement.
 *
 * @returns the value, or -1 when the bytes end first or the integer is longer than any 64-bit one; the cursor then stays.
 */
export function readVarint(cursor: Cursor): number {
  const { bytes, end } = cursor;
  let { offset } = cursor;
  if (offset >= end) return -1;
  let byte = bytes[offset++] ?? 0;
  let value = byte;
  if (byte >= 240) {
    const limit = Math.min(end, cursor.offset + maxVarintBytes);
    let unit = 16;
    do {
      if (offset >= limit) return -1;
      byte = bytes[offset++] ?? 0;
      value += byte * unit;
      unit *= 128;
    } while (byte >= 128);
  }
  cursor.offset = offset;
  return value;
}

/** Encodes a whole number from 0 to 2^53 - 1. */
export function encodeVarint(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`A varint holds whole numbers from 0 to ${Number.MAX_SAFE_INTEGER}, not ${value}`);
  }
  if (value < 240) return Uint8Array.of(value);
  const bytes = [0xf0 + (value % 16)];
  let rest = Math.floor((value - 240) / 16);
  while (rest >= 128) {
    bytes.push(0x80 + (rest % 128));
    rest = Math.floor((rest - 128) / 128);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
