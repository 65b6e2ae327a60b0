import { type Cursor, maxVarintBytes, readVarint } from '../wire';

import { firstTypeWithBody } from './message';

/** Receives one message; the cursor stands at its body, valid during the call only. Returns false to end reading. */
export type MessageHandler = (messageClass: number, type: number, body: Cursor) => boolean;

/** Cuts a stream of bytes into messages. */
export interface MessageReader {
  /** Bytes of an unfinished message that are held; never more than the longest message. */
  readonly heldBytes: number;
  /**
   * Hands each message that `chunk` completes to the handler. A message that lies whole in the chunk is not copied.
   * Nothing more may be read after it returned false: a length was above the bound or no integer (found before the message is held), or the
   * handler had enough.
   */
  read(chunk: Buffer): boolean;
}

/** Class, type and length. */
const maxHeadBytes = 2 + maxVarintBytes;

/**
 * @param maxBodyBytes longest body that is accepted.
 * @param onMessage must not call `read` itself.
 */
export function createMessageReader(maxBodyBytes: number, onMessage: MessageHandler): MessageReader {
  const body: Cursor = { bytes: Buffer.alloc(0), offset: 0, end: 0 };
  /** The beginning of the unfinished message; as long as the whole, once that is known. */
  let held = Buffer.allocUnsafe(maxHeadBytes);
  let heldBytes = 0;

  /** Sets `body` to that of the message at `offset` (its end may lie beyond the bytes). Undefined while the head is not whole. */
  function readHead(bytes: Buffer, offset: number, end: number): boolean | undefined {
    if (end - offset < 2) return undefined;
    body.bytes = bytes;
    body.offset = offset + 2;
    body.end = body.offset;
    if ((bytes[offset + 1] ?? 0) < firstTypeWithBody) return true;
    body.end = end;
    const length = readVarint(body);
    if (length < 0) return end - body.offset < maxVarintBytes ? undefined : false;
    body.end = body.offset + length;
    return length <= maxBodyBytes;
  }

  function hold(bytes: Buffer, start: number, end: number): void {
    bytes.copy(held, heldBytes, start, end);
    heldBytes += end - start;
  }

  function handOver(bytes: Buffer, offset: number): boolean {
    return onMessage(bytes[offset] ?? 0, bytes[offset + 1] ?? 0, body);
  }

  /** Goes on with the message that an earlier chunk began. Returns the offset of what comes after, or -1 to end reading. */
  function resume(chunk: Buffer): number {
    let offset = 0;
    let head = readHead(held, 0, heldBytes);
    while (head === undefined && offset < chunk.length) {
      hold(chunk, offset, ++offset);
      head = readHead(held, 0, heldBytes);
    }
    if (head === undefined) return offset;
    if (!head) return -1;
    if (held.length < body.end) {
      const whole = Buffer.allocUnsafe(body.end);
      held.copy(whole, 0, 0, heldBytes);
      held = whole;
      body.bytes = whole;
    }
    const next = Math.min(chunk.length, offset + body.end - heldBytes);
    hold(chunk, offset, next);
    if (heldBytes < body.end) return next;
    const message = held;
    held = Buffer.allocUnsafe(maxHeadBytes);
    heldBytes = 0;
    return handOver(message, 0) ? next : -1;
  }

  return {
    get heldBytes() {
      return heldBytes;
    },
    read(chunk) {
      let offset = heldBytes === 0 ? 0 : resume(chunk);
      if (offset < 0) return false;
      while (offset < chunk.length) {
        const head = readHead(chunk, offset, chunk.length);
        if (head === false) return false;
        if (head === undefined || body.end > chunk.length) break;
        const start = offset;
        offset = body.end;
        if (!handOver(chunk, start)) return false;
      }
      return offset >= chunk.length || resume(chunk.subarray(offset)) >= 0;
    },
  };
}
