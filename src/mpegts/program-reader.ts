import { type ProgramAssociation, type ProgramTables, readAssociation, readMap } from './program';
import { createSectionReader, type SectionReader } from './section';

/** Reads the tables of a stream's first program out of its packets. */
export interface ProgramReader {
  /** Whether packets of this PID are to be given to `read`. */
  isTable(pid: number): boolean;
  /** Takes the payload of a packet of a table. @returns whether it ended a map of the program. */
  read(pid: number, payload: Buffer, begins: boolean): boolean;
  /** Undefined until both tables were seen. */
  readonly program: ProgramTables | undefined;
}

export function createProgramReader(): ProgramReader {
  const associations = createSectionReader();
  const maps = new Map<number, SectionReader>();
  let association: ProgramAssociation | undefined;
  let mapPid: number | undefined;
  let program: ProgramTables | undefined;

  function readMaps(pid: number, payload: Buffer, begins: boolean): boolean {
    let isFound = false;
    for (const section of maps.get(pid)?.read(payload, begins) ?? []) {
      const map = readMap(section);
      if (map === undefined || association === undefined || map.program !== association.programs[0]?.number) continue;
      program = { association, mapPid: pid, map };
      isFound = true;
    }
    return isFound;
  }

  return {
    isTable: (pid) => pid === 0 || pid === mapPid,
    read(pid, payload, begins) {
      if (pid !== 0) return readMaps(pid, payload, begins);
      for (const section of associations.read(payload, begins)) {
        association = readAssociation(section) ?? association;
        mapPid = association?.programs[0]?.mapPid;
        if (mapPid !== undefined && !maps.has(mapPid)) maps.set(mapPid, createSectionReader());
      }
      return false;
    },
    get program() {
      return program;
    },
  };
}
