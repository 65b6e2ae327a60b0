import { counterOf, hasPayload, nullPid, packetLength, pidOf, writeCounter } from './packet';

/** Makes pieces of streams, each of which counts from anywhere, count on from one to the next. */
export interface Counters {
  /** Takes packets of the piece, which are changed in place where they must be. */
  continue(packets: Buffer): void;
  /** The piece has ended. */
  end(): void;
}

const pids = nullPid + 1;
const unknown = -1;

export function createCounters(): Counters {
  /** By PID: the last counter that went out, and what is added in this piece. */
  const last = new Int8Array(pids).fill(unknown);
  const shifts = new Int8Array(pids).fill(unknown);

  return {
    continue(packets) {
      for (let at = 0; at + packetLength <= packets.length; at += packetLength) {
        const pid = pidOf(packets, at);
        if (pid === nullPid) continue;
        const counter = counterOf(packets, at);
        const before = last[pid] ?? unknown;
        let shift = shifts[pid] ?? unknown;
        if (shift === unknown) {
          // A packet without payload repeats the counter of the one before.
          const expected = before === unknown ? counter : before + (hasPayload(packets, at) ? 1 : 0);
          shift = (expected - counter) & 0x0f;
          shifts[pid] = shift;
        }
        if (shift !== 0) writeCounter(packets, at, counter + shift);
        last[pid] = (counter + shift) & 0x0f;
      }
    },
    end: () => void shifts.fill(unknown),
  };
}
