import { ackBytes, writeAck } from './frame';

const slabBytes = 64 * 1024;

/** Collects ACKs so that they leave in one write. */
export interface AckBatch {
  /** ACKs since the last `take`. */
  count(): number;
  /** Adds an ACK; see `writeAck`. */
  add(ids: Uint8Array, idsStart: number, idsEnd: number, actions: Uint8Array): void;
  /** The bytes of all ACKs since the last `take`; nobody writes to them any more. Undefined when there are none. */
  take(): Buffer | undefined;
}

/**
 * Batches are cut one after the other from a large piece of memory, which is left behind when full: a connection may hold on to its bytes for
 * as long as its peer does not read. One batch serves all connections, as long as each takes what it added before another adds.
 */
export function createAckBatch(): AckBatch {
  let slab = Buffer.allocUnsafeSlow(slabBytes);
  let start = 0;
  let end = 0;
  let count = 0;

  function makeRoom(bytes: number): void {
    const batch = slab.subarray(start, end);
    slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, 2 * (batch.length + bytes)));
    batch.copy(slab);
    start = 0;
    end = batch.length;
  }

  return {
    count: () => count,
    add(ids, idsStart, idsEnd, actions) {
      const bytes = ackBytes(idsEnd - idsStart, actions.length);
      if (slab.length - end < bytes) makeRoom(bytes);
      end = writeAck(slab, end, ids, idsStart, idsEnd, actions);
      count++;
    },
    take() {
      if (count === 0) return undefined;
      const batch = slab.subarray(start, end);
      start = end;
      count = 0;
      return batch;
    },
  };
}
