import { type Cursor, readVarint } from '../wire';

import { readDefinition, type TableDefinition } from './definition';
import type { Dictionary } from './dictionary';
import { tableType } from './message';
import { createUpdate, readUpdate, type Update } from './update';

const maxTables = 64;

interface ReceivedTable {
  definition: TableDefinition;
  /** What incremental updates count from. */
  lastUpdateId: number;
}

/** What one side of a connection has told of its tables. */
export interface ReceivedTables {
  /** Reads a message of class 10. `update`: it was one, and `table` and `update` have it until the next call. */
  read(type: number, body: Cursor): 'update' | 'other' | 'broken';
  readonly table: TableDefinition;
  readonly update: Update;
  /** Id of the update that was read last. */
  readonly updateId: number;
}

const noTable: TableDefinition = { id: 0, name: '', keyType: 0, keyBytes: 0, expireMs: 0, columns: [] };

/** Reads messages about tables in their order: each may depend on all before. */
export function createReceivedTables(): ReceivedTables {
  const tables = new Map<number, ReceivedTable>();
  const dictionary: Dictionary = [];
  const update = createUpdate();
  let current: ReceivedTable | undefined;

  /** HAProxy defines a table anew whenever it goes on to another one. */
  function define(body: Cursor): boolean {
    const definition = readDefinition(body);
    if (definition === undefined) return false;
    current = tables.get(definition.id);
    if (current !== undefined) {
      current.definition = definition;
      return true;
    }
    if (tables.size >= maxTables) return false;
    current = { definition, lastUpdateId: 0 };
    tables.set(definition.id, current);
    return true;
  }

  function readInto(body: Cursor, id: boolean, expiry: boolean): 'update' | 'broken' {
    if (current === undefined) return 'broken';
    if (!readUpdate(body, { id, expiry }, current.definition, dictionary, update)) return 'broken';
    current.lastUpdateId = update.id ?? (current.lastUpdateId + 1) % 2 ** 32;
    return 'update';
  }

  return {
    update,
    get table() {
      return current?.definition ?? noTable;
    },
    get updateId() {
      return current?.lastUpdateId ?? 0;
    },
    read(type, body) {
      switch (type) {
        case tableType.update:
          return readInto(body, true, false);
        case tableType.incrementalUpdate:
          return readInto(body, false, false);
        case tableType.timedUpdate:
          return readInto(body, true, true);
        case tableType.incrementalTimedUpdate:
          return readInto(body, false, true);
        case tableType.definition:
          return define(body) ? 'other' : 'broken';
        case tableType.switchTable:
          current = tables.get(readVarint(body));
          return current === undefined ? 'broken' : 'other';
        default:
          return 'other';
      }
    },
  };
}
