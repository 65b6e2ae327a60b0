import { canBegin } from './access-point';
import { hasPayload, isScrambled, packetLength, payloadStart, startsUnit } from './packet';
import { readPesHead } from './pes';
import { type ElementaryStream, leadOf } from './program';
import { createProgramReader } from './program-reader';
import { createSectionReader } from './section';

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

/** The packets of one table, from where it begins. */
interface TablePackets {
  readonly sections: ReturnType<typeof createSectionReader>;
  begun: Buffer[];
  whole: Buffer;
}

/** As `startsUnit` reads it. */
const unitStart = 0x40;
/** More than the longest section of a PAT or PMT takes. */
const maxTablePackets = 16;

export function createAccessPoints(): AccessPoints {
  const reader = createProgramReader();
  const association = noTable();
  let map = noTable();
  let mapPid: number | undefined;
  let lead: ElementaryStream | undefined;
  let tables: Buffer = Buffer.alloc(0);

  function readTable(packets: Buffer, at: number, pid: number): void {
    const payload = packets.subarray(payloadStart(packets, at), at + packetLength);
    const begins = startsUnit(packets, at);
    if (reader.read(pid, payload, begins)) lead = leadOf(reader.program);
    if (pid !== 0 && pid !== mapPid) {
      // Another program's map takes the place of the one before.
      mapPid = pid;
      map = noTable();
    }
    keep(pid === 0 ? association : map, packets.subarray(at, at + packetLength), payload, begins);
  }

  /** Whether a receiver can begin with the unit of the lead that starts in this packet. */
  function isPoint(stream: ElementaryStream, packets: Buffer, at: number): boolean {
    if (!hasPayload(packets, at) || map.whole.length === 0) return false;
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
          last = at;
          tables = Buffer.concat([association.whole, map.whole]);
        } else if ((pid === 0 || reader.isTable(pid)) && hasPayload(packets, at)) readTable(packets, at, pid);
      }
      return last;
    },
    get tables() {
      return tables;
    },
  };
}

function noTable(): TablePackets {
  return { sections: createSectionReader(), begun: [], whole: Buffer.alloc(0) };
}

/** Adds a packet to its table, which is whole when a section of it is. */
function keep(table: TablePackets, packet: Buffer, payload: Buffer, begins: boolean): void {
  if (begins || table.begun.length >= maxTablePackets) table.begun = [];
  table.begun.push(packet);
  if (table.sections.read(payload, begins).length > 0) table.whole = Buffer.concat(table.begun);
}
