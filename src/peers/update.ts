import { type Cursor, readVarint } from '../wire';

import { dataBit } from './data-type';
import { keyType, type TableDefinition } from './definition';
import { brokenText, type Dictionary, readDictionaryValue } from './dictionary';

/*
 * The body of an update of the table that was defined or switched to last.
 *
 *   4 bytes           update id, big endian; incremental updates have none: theirs is the one before and 1
 *   4 bytes           ms until the key expires, big endian; timed updates only
 *   key               string: varint length, bytes; integer: 4 bytes big endian; others: as many bytes as the table's key length
 *   values            one after the other, in the order of the columns
 */

/** What an update says; a reader fills it anew each time. */
export interface Update {
  /** Undefined of incremental updates. */
  id: number | undefined;
  /** Undefined of plain updates. */
  expiresInMs: number | undefined;
  /** Text byte by byte (latin1); an integer in decimal. */
  key: string;
  /** The name of the server that the key is bound to. */
  serverName: string | undefined;
  /** HAProxy's number of that server within its backend; 0 for none. */
  serverId: number;
  /** Undefined where the table does not count it. */
  bytesOut: number | undefined;
}

export function createUpdate(): Update {
  return {
    id: undefined,
    expiresInMs: undefined,
    key: '',
    serverName: undefined,
    serverId: 0,
    bytesOut: undefined,
  };
}

/** Reads the body of an update into `update`; false when it is broken. `dictionary` learns the texts in it. */
export function readUpdate(
  cursor: Cursor,
  has: { readonly id: boolean; readonly expiry: boolean },
  table: TableDefinition,
  dictionary: Dictionary,
  update: Update,
): boolean {
  if (cursor.end - cursor.offset < (has.id ? 4 : 0) + (has.expiry ? 4 : 0)) return false;
  update.id = has.id ? readUint32(cursor) : undefined;
  update.expiresInMs = has.expiry ? readUint32(cursor) : undefined;
  return readKey(cursor, table, update) && readValues(cursor, table, dictionary, update);
}

function readUint32(cursor: Cursor): number {
  const value = cursor.bytes.readUInt32BE(cursor.offset);
  cursor.offset += 4;
  return value;
}

function readKey(cursor: Cursor, table: TableDefinition, update: Update): boolean {
  if (table.keyType === keyType.integer) {
    if (cursor.end - cursor.offset < 4) return false;
    update.key = String(readUint32(cursor));
    return true;
  }
  const isString = table.keyType === keyType.string;
  const length = isString ? readVarint(cursor) : table.keyBytes;
  if (length < 0 || length > table.keyBytes || length > cursor.end - cursor.offset) return false;
  cursor.offset += length;
  update.key = cursor.bytes.toString('latin1', cursor.offset - length, cursor.offset);
  return true;
}

/** Values after the last known column are skipped with the body. */
function readValues(cursor: Cursor, table: TableDefinition, dictionary: Dictionary, update: Update): boolean {
  update.serverName = undefined;
  update.serverId = 0;
  update.bytesOut = undefined;
  for (const { bit, kind, elements } of table.columns) {
    if (kind === 'dict') {
      const text = readDictionaryValue(cursor, dictionary);
      if (text === brokenText) return false;
      if (bit === dataBit.serverKey) update.serverName = text;
    } else if (kind === 'int') {
      const value = readVarint(cursor);
      if (value < 0) return false;
      if (bit === dataBit.serverId) update.serverId = value;
      else if (bit === dataBit.bytesOut) update.bytesOut = value;
    } else {
      const varints = kind === 'int-array' ? elements : 3 * elements;
      for (let index = 0; index < varints; index++) if (readVarint(cursor) < 0) return false;
    }
  }
  return true;
}
