import { canBegin } from './access-point';
import { hasPayload, isScrambled, packetLength, payloadStart, pidOf, startsUnit } from './packet';
import { type PesHead, readPesHead, ticksBetween } from './pes';
import { type ElementaryStream, leadOf, type ProgramTables } from './program';
import { createProgramReader } from './program-reader';

/** Where a receiver can begin in a source: its tables, and its packets from there on. */
export interface JoinPoint extends ProgramTables {
  /** The stream by which times are compared: the first video, or else the first audio; undefined where there is neither. */
  readonly lead: ElementaryStream | undefined;
  /**
   * When the access unit at the front of the lead is decoded, in 90 kHz; undefined where it says none (scrambled). In an open GOP pictures follow it that are
   * shown before it and need what came earlier: they are left out, and the first one is decoded in the place of the last of them.
   */
  readonly dts: number | undefined;
  /** When it is shown. */
  readonly pts: number | undefined;
  /** Whether that unit needs none before it. */
  readonly isClean: boolean;
  readonly packets: readonly Buffer[];
}

/** Looks for the place where a source can be joined, and keeps what comes from there on. */
export interface Entry {
  write(packets: Buffer): void;
  /** Undefined until the source's tables and an access point were seen. */
  readonly point: JoinPoint | undefined;
  /** The place to use when no access point comes: where the next unit began. Undefined until the tables and any unit were seen. */
  readonly anyPoint: JoinPoint | undefined;
  readonly keptBytes: number;
  /** Whether more came than may be kept; what is kept is then of no use any more. */
  readonly isOverfull: boolean;
}

export interface EntryOptions {
  /** Go on to the newest access point as long as nobody has joined, as a hot standby does. Default: stay at the first. */
  readonly isNewest?: boolean;
  /** Default 8 MB, more than two seconds of any usual stream. */
  readonly maxBytes?: number;
}

interface Kept {
  dts: number | undefined;
  readonly pts: number | undefined;
  readonly packets: Buffer[];
  bytes: number;
  /** Whether all pictures that are shown before the first one have come. */
  isSettled: boolean;
}

export function createEntry({ isNewest = false, maxBytes = 8 * 1024 * 1024 }: EntryOptions = {}): Entry {
  const tables = createProgramReader();
  let lead: ElementaryStream | undefined;
  let clean: Kept | undefined;
  let any: Kept | undefined;
  let isOverfull = false;

  /** Another unit of the lead follows the first one. */
  function settle(first: Kept, head: PesHead | undefined): void {
    if (first.pts !== undefined && head?.pts !== undefined && ticksBetween(first.pts, head.pts) < 0)
      first.dts = head.dts;
    else first.isSettled = true;
  }

  function keep(kept: Kept | undefined, packets: Buffer): void {
    if (kept === undefined || packets.length === 0) return;
    kept.packets.push(packets);
    kept.bytes += packets.length;
    if (kept.bytes > maxBytes) isOverfull = true;
  }

  return {
    write(packets) {
      /** From where of this run on each kept list takes what comes. */
      let cleanFrom = clean === undefined ? -1 : 0;
      let anyFrom = any === undefined ? -1 : 0;
      for (let at = 0; at + packetLength <= packets.length; at += packetLength) {
        const pid = pidOf(packets, at);
        if (!hasPayload(packets, at)) continue;
        const begins = startsUnit(packets, at);
        const from = payloadStart(packets, at);
        if (tables.isTable(pid) && tables.read(pid, packets.subarray(from, at + packetLength), begins))
          lead = leadOf(tables.program);
        if (!begins || pid !== lead?.pid || (clean?.isSettled === true && !isNewest)) continue;
        const head = isScrambled(packets, at) ? undefined : readPesHead(packets, from, at + packetLength);
        if (clean !== undefined && !clean.isSettled) settle(clean, head);
        if (clean !== undefined && !isNewest) continue;
        const isClean = canBegin(lead, packets, at, head && from + head.dataOffset);
        if (!isClean && (any ?? clean) !== undefined) continue;
        const isSettled = !isClean || lead.kind !== 'video' || head?.pts === undefined || head.pts === head.dts;
        const begun: Kept = { dts: head?.dts, pts: head?.pts, packets: [], bytes: 0, isSettled };
        if (isClean) {
          clean = begun;
          cleanFrom = at;
          any = undefined;
          anyFrom = -1;
          isOverfull = false;
        } else {
          any = begun;
          anyFrom = at;
        }
      }
      if (cleanFrom !== -1) keep(clean, packets.subarray(cleanFrom));
      if (anyFrom !== -1) keep(any, packets.subarray(anyFrom));
    },
    get point() {
      return toPoint(clean, true);
    },
    get anyPoint() {
      return toPoint(clean, true) ?? toPoint(any, false);
    },
    get keptBytes() {
      return (clean?.bytes ?? 0) + (any?.bytes ?? 0);
    },
    get isOverfull() {
      return isOverfull;
    },
  };

  function toPoint(kept: Kept | undefined, isClean: boolean): JoinPoint | undefined {
    const { program } = tables;
    if (kept === undefined || !kept.isSettled || program === undefined) return undefined;
    return { ...program, lead, dts: kept.dts, pts: kept.pts, isClean, packets: kept.packets };
  }
}
