import type { Clip } from './clip';
import type { JoinPoint } from './entry';
import {
  counterOf,
  hasPayload,
  packetLength,
  payloadStart,
  pidOf,
  readClock,
  startsUnit,
  writeClock,
  writeCounter,
} from './packet';
import { readPesHead, shiftTimes } from './pes';

/** A clip that is played over and over: its times, clocks and continuity counters go on from round to round. */
export interface Loop {
  /** Where it begins. */
  readonly point: JoinPoint;
  /** The packets that are due by this time since the beginning, in 90 kHz, and were not given yet. They are the caller's to change. */
  read(untilTicks: number): Buffer;
}

/** Makes one play of a clip. The clip itself is not copied, however many play it. */
export function createLoop({ point, lengthTicks, packets, dueTicks, counted }: Clip): Loop {
  const count = dueTicks.length;
  let round = 0;
  let next = 0;

  /** Packets of this round as they go out. */
  function take(from: number, to: number): Buffer {
    const bytes = Buffer.from(packets.subarray(from * packetLength, to * packetLength));
    const shift = round * lengthTicks;
    for (let at = 0; at < bytes.length; at += packetLength) {
      writeCounter(bytes, at, counterOf(bytes, at) + (round % 16) * (counted.get(pidOf(bytes, at)) ?? 0));
      const clock = readClock(bytes, at);
      if (clock !== undefined) writeClock(bytes, at, clock + shift * 300);
      if (!startsUnit(bytes, at) || !hasPayload(bytes, at)) continue;
      const start = payloadStart(bytes, at);
      if (readPesHead(bytes, start, at + packetLength) !== undefined) shiftTimes(bytes, start, shift);
    }
    return bytes;
  }

  return {
    point,
    read(untilTicks) {
      const parts: Buffer[] = [];
      for (;;) {
        const from = next;
        const until = untilTicks - round * lengthTicks;
        while (next < count && (dueTicks[next] ?? 0) <= until) next++;
        if (next > from) parts.push(take(from, next));
        if (next < count) return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
        next = 0;
        round++;
      }
    },
  };
}
