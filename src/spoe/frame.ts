import { type Cursor, readVarint } from '../wire';

/*
 * A frame (doc/SPOE.txt 3.2).
 *
 *   bytes     what
 *   4         length of all that follows, big endian
 *   1         type
 *   4         flags, big endian: bit 0 FIN (last fragment), bit 1 ABORT
 *   varint    stream-id   ┐ 0 and 0 in HELLO and DISCONNECT; HAProxy 2.6 also numbers its first stream 0
 *   varint    frame-id    ┘
 *   rest      payload
 */

/** Bytes of the length that stands before every frame; it does not count itself. */
export const lengthBytes = 4;
/** Type, flags and two ids of one byte each. */
export const minFrameBytes = 7;
/** Every peer accepts frames of at least this length (doc/SPOE.txt 3.2). */
export const minMaxFrameSizeBytes = 256;
/** Type, flags and two ids of the longest varints. */
export const maxFrameHeaderBytes = 25;

export const frameType = {
  unset: 0,
  haproxyHello: 1,
  haproxyDisconnect: 2,
  notify: 3,
  agentHello: 101,
  agentDisconnect: 102,
  ack: 103,
} as const;

export const finFlag = 0x01;
export const abortFlag = 0x02;

/** The head of a frame. The ids are a range of the received bytes, to be repeated as they are. */
export interface FrameHeader {
  type: number;
  flags: number;
  idsStart: number;
  idsEnd: number;
}

/** Reads type, flags and ids and moves to the payload; false when the frame is too short for them. */
export function readFrameHeader(cursor: Cursor, header: FrameHeader): boolean {
  const { bytes, offset } = cursor;
  if (cursor.end - offset < minFrameBytes) return false;
  header.type = bytes[offset] ?? 0;
  // The upper three bytes of the flags are reserved.
  header.flags = bytes[offset + 4] ?? 0;
  header.idsStart = offset + 5;
  cursor.offset = header.idsStart;
  if (readVarint(cursor) < 0 || readVarint(cursor) < 0) return false;
  header.idsEnd = cursor.offset;
  return true;
}

/** A whole frame of the connection itself (HELLO, DISCONNECT): both ids 0, not fragmented. */
export function encodeFrame(type: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(lengthBytes + minFrameBytes);
  head.writeUInt32BE(minFrameBytes + payload.length, 0);
  head[4] = type;
  head[8] = finFlag;
  return Buffer.concat([head, payload]);
}

/** Bytes of an ACK, its length included. */
export function ackBytes(idsLength: number, actionsLength: number): number {
  return lengthBytes + minFrameBytes - 2 + idsLength + actionsLength;
}

/**
 * Writes an ACK at `offset` of `target`, which must have room for `ackBytes`.
 *
 * @param ids holds stream-id and frame-id of the NOTIFY as received, from `idsStart` to `idsEnd`.
 * @returns the offset after it.
 */
export function writeAck(
  target: Uint8Array,
  offset: number,
  ids: Uint8Array,
  idsStart: number,
  idsEnd: number,
  actions: Uint8Array,
): number {
  const length = minFrameBytes - 2 + idsEnd - idsStart + actions.length;
  target[offset] = length >>> 24;
  target[offset + 1] = length >>> 16;
  target[offset + 2] = length >>> 8;
  target[offset + 3] = length;
  target[offset + 4] = frameType.ack;
  target[offset + 5] = 0;
  target[offset + 6] = 0;
  target[offset + 7] = 0;
  target[offset + 8] = finFlag;
  let end = offset + lengthBytes + minFrameBytes - 2;
  for (let index = idsStart; index < idsEnd; index++) target[end++] = ids[index] ?? 0;
  target.set(actions, end);
  return end + actions.length;
}
