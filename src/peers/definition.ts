import { type Cursor, readVarint } from '../wire';

import { type DataKind, dataKinds } from './data-type';

/*
 * The body of a table definition.
 *
 *   varint            table id, of the sender's choice
 *   varint, bytes     name
 *   varint            key type: 2 integer, 4 IPv4, 5 IPv6, 6 string, 7 binary
 *   varint            key length in bytes; of strings: the longest, and one more for the closing zero
 *   varint            data mask: a bit for each type of data (data-type.ts)
 *   varint            expire in ms, 0 for never
 *   in the order of the bits: varint bit, varint period in ms            for each freq
 *                             varint bit, varint elements[, period]      for each array (the period of arrays of freq)
 */

export const keyType = { integer: 2, ipv4: 4, ipv6: 5, string: 6, binary: 7 } as const;

/** What an update of a table has after its key, in this order. */
export interface Column {
  readonly bit: number;
  readonly kind: DataKind;
  /** 1 unless it is an array. */
  readonly elements: number;
}

/** A table as its sender describes it. */
export interface TableDefinition {
  readonly id: number;
  readonly name: string;
  readonly keyType: number;
  readonly keyBytes: number;
  /** How long a key lives after its last touch; 0: for ever. */
  readonly expireMs: number;
  /** The columns up to the first of unknown type. */
  readonly columns: readonly Column[];
}

const maxNameBytes = 255;
const maxKeyBytes = 65_536;
/** HAProxy's own limit (STK_TABLE_MAX_DT_ARRAY_SIZE). */
const maxArrayElements = 100;

/** Reads the body of a definition. Undefined when it is broken or beyond the bounds. */
export function readDefinition(cursor: Cursor): TableDefinition | undefined {
  const id = readVarint(cursor);
  const name = readName(cursor);
  const type = readVarint(cursor);
  const keyBytes = readVarint(cursor);
  const mask = readVarint(cursor);
  const expireMs = readVarint(cursor);
  if (id < 0 || id > 0xffff_ffff || name === undefined || mask < 0 || expireMs < 0) return undefined;
  if (!Object.values<number>(keyType).includes(type) || keyBytes < 1 || keyBytes > maxKeyBytes) return undefined;
  const columns = readColumns(cursor, mask);
  return columns && { id, name, keyType: type, keyBytes, expireMs, columns };
}

function readName(cursor: Cursor): string | undefined {
  const length = readVarint(cursor);
  if (length < 1 || length > maxNameBytes || length > cursor.end - cursor.offset) return undefined;
  cursor.offset += length;
  return cursor.bytes.toString('latin1', cursor.offset - length, cursor.offset);
}

function readColumns(cursor: Cursor, mask: number): Column[] | undefined {
  const columns: Column[] = [];
  for (let bit = 0; mask >= 2 ** bit; bit++) {
    // The mask has up to 64 bits, operators work on 32.
    if (Math.floor(mask / 2 ** bit) % 2 === 0) continue;
    const kind = dataKinds[bit];
    if (kind === undefined) break;
    const elements = readParameters(cursor, bit, kind);
    if (elements === undefined) return undefined;
    columns.push({ bit, kind, elements });
  }
  return columns;
}

/** Reads what the definition has for a column; the number of its elements, or undefined when broken. */
function readParameters(cursor: Cursor, bit: number, kind: DataKind): number | undefined {
  if (kind === 'int' || kind === 'dict') return 1;
  if (readVarint(cursor) !== bit) return undefined;
  if (kind === 'freq') return readVarint(cursor) < 0 ? undefined : 1;
  const elements = readVarint(cursor);
  if (elements < 0 || elements > maxArrayElements) return undefined;
  if (kind === 'freq-array' && readVarint(cursor) < 0) return undefined;
  return elements;
}
