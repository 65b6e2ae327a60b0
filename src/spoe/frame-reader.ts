import { lengthBytes, minFrameBytes } from './frame';

/** Why a stream of bytes cannot be read on: a frame shorter than any, or longer than agreed. */
export type FrameLengthError = 'too-short' | 'too-long';

/** Receives one frame without its length: `bytes` from `start` to `end`, valid during the call only. Returns false to end reading. */
export type FrameHandler = (bytes: Buffer, start: number, end: number) => boolean;

/** Cuts a stream of bytes into frames. */
export interface FrameReader {
  /** Longest frame accepted, in bytes without its length; HELLO lowers it. */
  maxFrameSizeBytes: number;
  /** Bytes of an unfinished frame that are held; never more than the longest frame and its length. */
  readonly heldBytes: number;
  /**
   * Hands each frame that `chunk` completes to the handler. A frame that lies whole in the chunk is not copied.
   * After an error, or when the handler returned false, nothing more may be read.
   *
   * @returns the error of the first bad length; it is found before a byte of that frame is held.
   */
  read(chunk: Buffer): FrameLengthError | undefined;
}

/** @param onFrame must not call `read` itself. */
export function createFrameReader(maxFrameSizeBytes: number, onFrame: FrameHandler): FrameReader {
  const lengthField = Buffer.alloc(lengthBytes);
  let lengthHeld = 0;
  /** The unfinished frame, as long as it will be; its length is known and checked. */
  let frame: Buffer | undefined;
  let frameHeld = 0;

  function lengthError(length: number): FrameLengthError | undefined {
    if (length > reader.maxFrameSizeBytes) return 'too-long';
    return length < minFrameBytes ? 'too-short' : undefined;
  }

  /** Goes on with the length or the frame that an earlier chunk began. Returns the offset of what comes after, or an error. */
  function resume(chunk: Buffer): number | FrameLengthError {
    let offset = 0;
    if (frame === undefined) {
      while (lengthHeld < lengthBytes && offset < chunk.length) lengthField[lengthHeld++] = chunk[offset++] ?? 0;
      if (lengthHeld < lengthBytes) return offset;
      const length = lengthField.readUInt32BE(0);
      const error = lengthError(length);
      if (error !== undefined) return error;
      frame = Buffer.allocUnsafe(length);
    }
    const copied = chunk.copy(frame, frameHeld, offset, offset + frame.length - frameHeld);
    frameHeld += copied;
    return offset + copied;
  }

  /** Hands on the frame that `resume` completed. */
  function handOver(whole: Buffer): boolean {
    frame = undefined;
    lengthHeld = 0;
    frameHeld = 0;
    return onFrame(whole, 0, whole.length);
  }

  function readWhole(chunk: Buffer, from: number): FrameLengthError | undefined {
    let offset = from;
    while (chunk.length - offset >= lengthBytes) {
      const length = chunk.readUInt32BE(offset);
      const error = lengthError(length);
      if (error !== undefined) return error;
      const end = offset + lengthBytes + length;
      if (end > chunk.length) break;
      if (!onFrame(chunk, offset + lengthBytes, end)) return undefined;
      offset = end;
    }
    if (offset < chunk.length) resume(chunk.subarray(offset));
    return undefined;
  }

  const reader: FrameReader = {
    maxFrameSizeBytes,
    get heldBytes() {
      return lengthHeld + frameHeld;
    },
    read(chunk) {
      if (lengthHeld === 0) return readWhole(chunk, 0);
      const offset = resume(chunk);
      if (typeof offset === 'string') return offset;
      if (frame === undefined || frameHeld < frame.length) return undefined;
      return handOver(frame) ? readWhole(chunk, offset) : undefined;
    },
  };
  return reader;
}
