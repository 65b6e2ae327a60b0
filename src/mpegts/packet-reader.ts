import { packetLength, syncByte } from './packet';

/** Finds whole packets in bytes as they come. */
export interface PacketReader {
  /** The packets that are whole now, in runs that share memory with `chunk` where they can; what is not whole is kept for the next call. */
  read(chunk: Buffer): readonly Buffer[];
  /** Bytes that were no part of a packet: junk before the first one, what came between two. */
  readonly skipped: number;
  /** Whether a packet was found yet. */
  readonly isSynced: boolean;
}

/** Behind junk, so many packets in a row must be seen: one byte alone is 0x47 once in 256. */
const packetsToSync = 3;
/** Where no packet is found, so much of the past is kept to look on. */
const searched = packetsToSync * packetLength;

/** Whether the bytes begin with what can be a packet: one without adaptation field and payload cannot. */
function isWholePacket(bytes: Buffer): boolean {
  return bytes.length >= packetLength && (bytes.readUInt8(3) & 0x30) !== 0;
}

/** Makes the reader of one source. */
export function createPacketReader(): PacketReader {
  let rest: Buffer = Buffer.alloc(0);
  let isSynced = false;
  let skipped = 0;

  /** Where packets begin in the bytes; -1 where that cannot be told yet. */
  function findSync(bytes: Buffer): number {
    for (let at = bytes.indexOf(syncByte); at !== -1; at = bytes.indexOf(syncByte, at + 1)) {
      const seen = Math.floor((bytes.length - 1 - at) / packetLength) + 1;
      // At the very beginning one packet is enough: nobody is to wait for two more.
      const isEnough = seen >= packetsToSync || (at === 0 && skipped === 0 && isWholePacket(bytes));
      let agree = 0;
      while (agree < Math.min(seen, packetsToSync) && bytes[at + agree * packetLength] === syncByte) agree++;
      if (agree === Math.min(seen, packetsToSync)) return isEnough ? at : -1;
    }
    return -1;
  }

  function skip(bytes: Buffer, count: number): Buffer {
    skipped += count;
    return bytes.subarray(count);
  }

  return {
    read(chunk) {
      const runs: Buffer[] = [];
      let bytes = chunk;
      if (rest.length > 0) {
        // Only as much is copied as the packet lacks.
        const lacks = isSynced ? packetLength - rest.length : chunk.length;
        const joined = Buffer.concat([rest, chunk.subarray(0, lacks)]);
        rest = Buffer.alloc(0);
        if (isSynced && joined.length < packetLength) {
          rest = joined;
          return runs;
        }
        if (isSynced && joined[0] === syncByte) {
          runs.push(joined);
          bytes = chunk.subarray(lacks);
        } else {
          bytes = isSynced ? Buffer.concat([joined, chunk.subarray(lacks)]) : joined;
        }
      }
      while (bytes.length > 0) {
        if (!isSynced || bytes[0] !== syncByte) {
          isSynced = false;
          const at = findSync(bytes);
          if (at === -1) {
            // A packet may have begun in what is kept.
            bytes = skip(bytes, Math.max(0, bytes.length - searched));
            rest = Buffer.from(bytes);
            return runs;
          }
          bytes = skip(bytes, at);
          isSynced = true;
        }
        let end = 0;
        while (end + packetLength <= bytes.length && bytes[end] === syncByte) end += packetLength;
        if (end > 0) runs.push(bytes.subarray(0, end));
        bytes = bytes.subarray(end);
        if (bytes.length < packetLength && (bytes.length === 0 || bytes[0] === syncByte)) {
          rest = Buffer.from(bytes);
          return runs;
        }
      }
      return runs;
    },
    get skipped() {
      return skipped;
    },
    get isSynced() {
      return isSynced;
    },
  };
}
