import { packetLength, payloadStart, startsUnit } from './packet';
import type { ProgramTables } from './program';
import { createProgramReader } from './program-reader';
import { createSectionReader } from './section';

/** The tables of a stream's first program, and the packets that they came in. */
export interface PassingTables {
  /** Whether packets of this PID are to be given to `read`. */
  isTable(pid: number): boolean;
  /** Takes the packet of a table at `at`, which has payload. @returns whether it ended a map of the program. */
  read(packets: Buffer, at: number, pid: number): boolean;
  /** The packets of the PAT and the PMT that were whole last, as they came; empty while one of them is missing. */
  readonly packets: Buffer;
  /** Undefined until both tables were seen. */
  readonly program: ProgramTables | undefined;
}

/** The packets of one table, from where it begins. */
interface TablePackets {
  readonly sections: ReturnType<typeof createSectionReader>;
  begun: Buffer[];
  whole: Buffer;
}

const nothing = Buffer.alloc(0);
/** More than the longest section of a PAT or PMT takes. */
const maxTablePackets = 16;

export function createPassingTables(): PassingTables {
  const reader = createProgramReader();
  const association = noTable();
  let map = noTable();
  let mapPid: number | undefined;

  return {
    isTable: (pid) => reader.isTable(pid),
    read(packets, at, pid) {
      const payload = packets.subarray(payloadStart(packets, at), at + packetLength);
      const begins = startsUnit(packets, at);
      const isMap = reader.read(pid, payload, begins);
      if (pid !== 0 && pid !== mapPid) {
        // Another program's map takes the place of the one before.
        mapPid = pid;
        map = noTable();
      }
      keep(pid === 0 ? association : map, packets.subarray(at, at + packetLength), payload, begins);
      return isMap;
    },
    get packets() {
      const isWhole = association.whole.length > 0 && map.whole.length > 0;
      return isWhole ? Buffer.concat([association.whole, map.whole]) : nothing;
    },
    get program() {
      return reader.program;
    },
  };
}

function noTable(): TablePackets {
  return { sections: createSectionReader(), begun: [], whole: nothing };
}

/** Adds a packet to its table, which is whole when a section of it is. */
function keep(table: TablePackets, packet: Buffer, payload: Buffer, begins: boolean): void {
  if (begins || table.begun.length >= maxTablePackets) table.begun = [];
  table.begun.push(packet);
  if (table.sections.read(payload, begins).length > 0) table.whole = Buffer.concat(table.begun);
}
