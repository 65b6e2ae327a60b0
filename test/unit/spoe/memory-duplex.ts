import { Duplex } from 'node:stream';

/** The agent's end of a connection, with the test at the other end. */
export interface MemoryDuplex {
  readonly duplex: Duplex;
  /** Every write of the agent, as it was handed over: bytes that it changed later would show. */
  readonly writes: Buffer[];
  /** Bytes from HAProxy. */
  feed(bytes: Buffer): void;
  /** HAProxy closes its side. */
  finish(): void;
  /** From now on the peer reads nothing: writes stay unfinished. */
  stall(): void;
  /** The peer reads again. */
  release(): void;
  /** Whether the agent ended its side. */
  ended(): boolean;
  /** All that was written. */
  written(): Buffer;
}

export function createMemoryDuplex(highWaterMarkBytes = 16_384): MemoryDuplex {
  const writes: Buffer[] = [];
  const unfinished: (() => void)[] = [];
  let stalled = false;
  let ended = false;
  const duplex = new Duplex({
    allowHalfOpen: true,
    highWaterMark: highWaterMarkBytes,
    read() {
      // Bytes come by `feed`.
    },
    write(chunk: Buffer, _encoding, done) {
      writes.push(chunk);
      if (stalled) unfinished.push(done);
      else done();
    },
    final(done) {
      ended = true;
      done();
    },
  });
  return {
    duplex,
    writes,
    feed: (bytes) => {
      duplex.push(bytes);
    },
    finish: () => {
      duplex.push(null);
    },
    stall: () => {
      stalled = true;
    },
    release: () => {
      stalled = false;
      for (const done of unfinished.splice(0)) done();
    },
    ended: () => ended,
    written: () => Buffer.concat(writes),
  };
}

/** Resolves when all that can happen in this turn of the event loop, and what it set off, has happened. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
