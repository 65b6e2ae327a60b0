import { createServer, type Server } from 'node:net';

/** A block of loopback addresses that no other test uses at the same time, so that standard ports can be used in it. */
export interface LoopbackBlock {
  /** Address number `n` of the block, 1 to 250. */
  address(n: number): string;
  release(): Promise<void>;
}

/** No program under test listens there, and nobody needs to be root for it. */
const lockPort = 10009;

/**
 * Takes a free block 127.X.Y.0/24; the lock is a listening socket on its last address, so it cannot outlive the process.
 *
 * @throws (rejects) the system's error when such an address cannot be listened on at all.
 */
export async function takeLoopbackBlock(): Promise<LoopbackBlock> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const prefix = `127.${randomByte(16, 250)}.${randomByte(0, 250)}`;
    const lock = await listen(`${prefix}.254`);
    if (lock !== undefined) {
      return {
        address: (n) => `${prefix}.${n}`,
        release: () => new Promise((resolve) => lock.close(() => resolve())),
      };
    }
  }
  throw new Error('no free loopback block in 1000 attempts');
}

function randomByte(from: number, to: number): number {
  return from + Math.floor(Math.random() * (to - from));
}

/** Undefined when somebody else listens there. */
function listen(address: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(lockPort, address, () => resolve(server));
    server.unref();
  });
}
