import { counterOf, hasPayload, nullPid, packetLength, payloadStart, pidOf, startsUnit } from './packet';
import { createPacketReader } from './packet-reader';
import { readPesHead, ticksPerSecond, timeModulus } from './pes';

/** Watches whether a transport stream goes on without a seam, as a decoder would notice it. */
export interface ContinuityCheck {
  /** Bytes as they come, in pieces of any length. */
  write(bytes: Buffer): void;
  /** Packets that are missing or repeated, times that go back or leap, bytes that belong to no packet. */
  readonly errors: number;
  /** What was wrong last, in words. */
  readonly lastError: string | undefined;
  /** Packets of the programme; null packets do not count. */
  readonly packets: number;
}

/** A decoding time may be so much later than the one before, but for the first. */
const longestStepTicks = ticksPerSecond;

export function createContinuityCheck(): ContinuityCheck {
  const reader = createPacketReader();
  const counters = new Map<number, number>();
  const times = new Map<number, number>();
  let errors = 0;
  let lastError: string | undefined;
  let packets = 0;

  function fault(text: string): void {
    errors++;
    lastError = text;
  }

  function checkCounter(bytes: Buffer, at: number, pid: number): void {
    const counter = counterOf(bytes, at);
    const before = counters.get(pid);
    counters.set(pid, counter);
    if (before === undefined) return;
    // A packet without payload does not count on (ISO/IEC 13818-1, 2.4.3.3).
    const expected = hasPayload(bytes, at) ? (before + 1) & 0x0f : before;
    if (counter !== expected) fault(`PID ${pid}: counter ${counter} after ${before}`);
  }

  function checkTime(bytes: Buffer, at: number, pid: number): void {
    if (!startsUnit(bytes, at)) return;
    const head = readPesHead(bytes, payloadStart(bytes, at), at + packetLength);
    if (head?.dts === undefined) return;
    const before = times.get(pid);
    times.set(pid, head.dts);
    if (before === undefined) return;
    const step = (head.dts - before + timeModulus) % timeModulus;
    if (step > longestStepTicks) fault(`PID ${pid}: time ${head.dts} after ${before}`);
  }

  return {
    write(bytes) {
      const skippedBefore = reader.skipped;
      for (const run of reader.read(bytes)) {
        for (let at = 0; at < run.length; at += packetLength) {
          const pid = pidOf(run, at);
          if (pid === nullPid) continue;
          packets++;
          checkCounter(run, at, pid);
          checkTime(run, at, pid);
        }
      }
      if (reader.skipped > skippedBefore) fault(`${reader.skipped - skippedBefore} bytes that are no packet`);
    },
    get errors() {
      return errors;
    },
    get lastError() {
      return lastError;
    },
    get packets() {
      return packets;
    },
  };
}
