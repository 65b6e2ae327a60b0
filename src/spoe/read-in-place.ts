import { type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';

/** The longest read that Node's event loop makes at a time. */
const bufferBytes = 64 * 1024;

/** Gives what a socket receives to `onRead`; see there for how long the bytes are valid. */
export type ReadInPlace = (accepted: Socket, onRead: (bytes: Buffer) => void) => Socket;

/**
 * Reads accepted sockets into one buffer that all of them share, where Node would make a new one for each read and pass it through its
 * stream: most reads bring HAProxy's next few questions, and the buffer and the stream cost more than the answers.
 *
 * Node has that (`onread`) for sockets that are made, not for those that a server accepts: so the accepted one's handle moves to one that is made, as Node's
 * own `child_process` makes sockets of handles. Where Node has no such handle any more, sockets are read as streams.
 *
 * @returns takes over a socket of a server with `pauseOnConnect`, which is of no use afterwards: the one that it returns stands in for it. The
 *   server does not count it among its connections. `onRead` must be done with the bytes when it returns.
 */
export function createReadInPlace(): ReadInPlace {
  const buffer = Buffer.allocUnsafeSlow(bufferBytes);
  return (accepted, onRead) => {
    const owner = accepted as unknown as { _handle?: unknown };
    const handle = owner._handle;
    if (typeof handle !== 'object' || handle === null || !('useUserBuffer' in handle)) {
      return accepted.on('data', onRead).resume();
    }
    owner._handle = null;
    accepted.destroy();
    const onread: OnReadOpts = {
      buffer,
      callback(length) {
        onRead(buffer.subarray(0, length));
        return true;
      },
    };
    const options: SocketConstructorOpts & { readonly handle: unknown; readonly onread: OnReadOpts } = {
      handle,
      onread,
    };
    return new Socket(options);
  };
}
