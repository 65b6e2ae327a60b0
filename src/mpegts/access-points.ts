import { canBegin } from './access-point';
import { hasPayload, isScrambled, packetLength, payloadStart } from './packet';
import { createPassingTables } from './passing-tables';
import { readPesHead } from './pes';
import { type ElementaryStream, leadOf } from './program';

/** Finds where receivers can begin in a stream while it passes by. */
export interface AccessPoints {
  /** @returns where in these packets the last access point of theirs is; -1 where there is none. */
  read(packets: Buffer): number;
  /**
   * The packets of PAT and PMT that came last before the last access point, as they came: with them in front a receiver finds no gap in their counters. Empty until
   * there was one.
   */
  readonly tables: Buffer;
}

/** As `startsUnit` reads it. */
const unitStart = 0x40;

export function createAccessPoints(): AccessPoints {
  const passing = createPassingTables();
  let lead: ElementaryStream | undefined;
  let tables: Buffer = Buffer.alloc(0);

  /** Whether a receiver can begin with the unit of the lead that starts in this packet. */
  function isPoint(stream: ElementaryStream, packets: Buffer, at: number): boolean {
    if (!hasPayload(packets, at)) return false;
    const from = payloadStart(packets, at);
    const head = isScrambled(packets, at) ? undefined : readPesHead(packets, from, at + packetLength);
    return canBegin(stream, packets, at, head && from + head.dataOffset);
  }

  return {
    read(packets) {
      let last = -1;
      for (let at = 0; at + packetLength <= packets.length; at += packetLength) {
        // Every packet of every shared stream comes by here: as little as can be is done with those that begin nothing.
        const flags = packets[at + 1] ?? 0;
        const pid = ((flags & 0x1f) << 8) | (packets[at + 2] ?? 0);
        if (pid === lead?.pid) {
          if ((flags & unitStart) === 0 || !isPoint(lead, packets, at)) continue;
          const whole = passing.packets;
          if (whole.length === 0) continue;
          last = at;
          tables = whole;
        } else if ((pid === 0 || passing.isTable(pid)) && hasPayload(packets, at)) {
          if (passing.read(packets, at, pid)) lead = leadOf(passing.program);
        }
      }
      return last;
    },
    get tables() {
      return tables;
    },
  };
}
