import { encodeVarint } from '../wire';

/*
 * A message of HAProxy's peers protocol 2.1.
 *
 *   1 byte            class: 0 control, 1 error, 10 tables, 255 reserved
 *   1 byte            type
 *   varint, bytes     body; only where the type is 128 or more
 *
 *   class 0 control       class 1 error        class 10 tables
 *   0 resync request      0 protocol error     128 update            132 ack: varint table id of the sender of the updates,
 *   1 resync finished     1 message too long   129 incremental           4 bytes: last update id, big endian
 *   2 resync partial                           130 definition        133 timed update
 *   3 resync confirm                           131 switch: varint    134 incremental timed
 *   4 heartbeat                                    table id
 */

export const messageClass = { control: 0, error: 1, tables: 10, reserved: 255 } as const;

export const controlType = {
  resyncRequest: 0,
  resyncFinished: 1,
  resyncPartial: 2,
  resyncConfirm: 3,
  heartbeat: 4,
} as const;

export const tableType = {
  update: 0x80,
  incrementalUpdate: 0x81,
  definition: 0x82,
  switchTable: 0x83,
  ack: 0x84,
  timedUpdate: 0x85,
  incrementalTimedUpdate: 0x86,
} as const;

/** Types from here on have a body. */
export const firstTypeWithBody = 0x80;

/** A control message. */
export function controlMessage(type: keyof typeof controlType): Buffer {
  return Buffer.of(messageClass.control, controlType[type]);
}

/** Tells the sender of updates that all up to this id are processed. `tableId` is the sender's number of the table. */
export function ackMessage(tableId: number, updateId: number): Buffer {
  const table = encodeVarint(tableId);
  const head = Buffer.of(messageClass.tables, tableType.ack, table.length + 4);
  const id = Buffer.alloc(4);
  id.writeUInt32BE(updateId);
  return Buffer.concat([head, table, id]);
}
