import { h265 } from './access-point';
import type { JoinPoint } from './entry';
import type { Output } from './output';
import {
  counterOf,
  discontinuityPacket,
  hasAdaptation,
  hasPayload,
  isScrambled,
  nullPid,
  packetLength,
  payloadStart,
  pidOf,
  readClock,
  startsUnit,
  trailingPacket,
  writeClock,
  writeCounter,
  writePid,
} from './packet';
import { readPesHead, shiftTimes, ticksAfter, ticksBetween, ticksPerSecond, writeDecodingTime } from './pes';
import {
  buildAssociation,
  buildMap,
  type ElementaryStream,
  isSameMake,
  type ProgramMap,
  type ProgramTables,
} from './program';
import { packSection } from './section';

/** Makes one source the continuation of what has gone out before it. */
export interface Joint {
  /** What goes out before the first packet of the source: its tables. To be written to the output before `map` is called. */
  opening(): readonly Buffer[];
  /** What goes out of these packets of the source, in runs; packets are changed in place. */
  map(packets: Buffer): readonly Buffer[];
  /** By how much times are shifted, in 90 kHz. */
  readonly shift: number;
  /** Whether all streams go on in the same codecs. */
  readonly isSame: boolean;
}

/** What becomes of one PID of the source. */
interface Route {
  /** On the way out. */
  readonly pid: number;
  readonly kind: ElementaryStream['kind'] | 'table';
  /** Added to its continuity counters; undefined until its first packet has gone out. */
  counterShift: number | undefined;
  /** Dropped until a unit begins that continues what went out. */
  isWaiting: boolean;
  /** Of the unit that has begun: its packets are dropped. */
  isDropping: boolean;
  /** Units before this time, in the time of the output, went out already. */
  notBefore: number | undefined;
}

/** Before this the source's own tables tell PIDs that no program names (SDT, EIT and the like). */
const reservedPids = 0x20;
/** A receiver cuts what overlaps by less than a frame's half. */
const toleranceTicks = 900;
/** NAL unit type 36, in Annex B. */
const endOfSequenceUnit = Buffer.from([0, 0, 1, 0x48, 0x01]);
/** Where no step is known: a frame of 25 a second. */
const usualStep = 3600;

/**
 * Joins a source to what went out. PIDs are mapped onto the old ones, times and clocks go on where they were, continuity counters go on counting, and the tables
 * are the old ones as long as the codecs are. Where the codecs differ the map gets a new version, and its streams say that they do not continue.
 */
export function createJoint(output: Output, point: JoinPoint): Joint {
  const old = output.program;
  const pairs = pairStreams(old?.map.streams ?? [], point.map.streams);
  const isSame =
    old !== undefined &&
    old.map.streams.length === point.map.streams.length &&
    point.map.streams.every((stream) => {
      const pair = pairs.get(stream.pid);
      return pair !== undefined && isSameMake(pair, stream);
    });
  const taken = new Set(output.pids());
  const routes = new Map<number, Route>();
  const outPid = new Map<number, number>();
  for (const stream of point.map.streams) outPid.set(stream.pid, pairs.get(stream.pid)?.pid ?? freePid(stream.pid));
  if (!outPid.has(point.map.clockPid) && point.map.clockPid !== nullPid)
    outPid.set(point.map.clockPid, isClockApart(old) ? (old?.map.clockPid ?? 0) : freePid(point.map.clockPid));

  const tables = joinTables(old, point, outPid, isSame);
  const shift = shiftOf(output, point, outPid);
  const clockShift = clockShiftOf();
  const leadOut = point.lead === undefined ? undefined : outPid.get(point.lead.pid);
  /** Pictures shown before the first one need pictures that never went out. */
  let leadingUntil: number | undefined = point.lead?.kind === 'video' && point.isClean ? point.pts : undefined;
  let isFirstUnit = true;

  /** Ends the coded sequence of H.265, or a decoder would take the new pictures for more of it, with numbers that it has seen. */
  function endOfSequence(): Buffer[] {
    const { lead } = point;
    const last = leadOut === undefined ? undefined : output.counter(leadOut);
    if (lead?.type !== h265 || leadOut === undefined || last === undefined || pairs.get(lead.pid)?.type !== h265)
      return [];
    return [trailingPacket(leadOut, last + 1, endOfSequenceUnit)];
  }

  /** The wanted PID or the next free one; the null packets' where a source used them all: then it does not go out. */
  function freePid(wanted: number): number {
    let pid = wanted < reservedPids || wanted >= nullPid ? reservedPids : wanted;
    for (let tried = reservedPids; tried < nullPid; tried++) {
      if (!taken.has(pid)) {
        taken.add(pid);
        return pid;
      }
      pid = pid + 1 === nullPid ? reservedPids : pid + 1;
    }
    return nullPid;
  }

  /** The clock keeps the distance to the times that it had; where nothing is known, it is shifted as they are. */
  function clockShiftOf(): (clock: number) => number {
    let added: number | undefined;
    return (clock) => {
      if (added === undefined) {
        added = shift * 300;
        const last = output.clock;
        const lead = leadOut === undefined ? undefined : output.progress(leadOut);
        if (last !== undefined && lead !== undefined && point.dts !== undefined) {
          const advance = ticksBetween(lead.dts, ticksAfter(point.dts, shift)) * 300;
          const wanted = last + advance;
          const back = ticksBetween(Math.floor(last / 300), Math.floor((clock + added) / 300)) < 0;
          // A clock that goes back stops a player; one that comes too late for its pictures does so too.
          if (back && ticksBetween(Math.floor(wanted / 300), ticksAfter(point.dts, shift)) > 0) added = wanted - clock;
        }
      }
      return added;
    };
  }

  function routeOf(pid: number): Route {
    let route = routes.get(pid);
    if (route !== undefined) return route;
    const stream = point.map.streams.find((one) => one.pid === pid);
    const isElementary = stream !== undefined && stream.kind !== 'other';
    const isOther = stream === undefined && pid !== point.map.clockPid;
    const out = outPid.get(pid) ?? (pid < reservedPids || !taken.has(pid) ? pid : freePid(pid));
    const before = stream === undefined || stream.pid === point.lead?.pid ? undefined : output.progress(out);
    route = {
      pid: out,
      kind: isOther ? 'table' : (stream?.kind ?? 'other'),
      counterShift: undefined,
      // Half units of before the joint are of no use to anybody.
      isWaiting: isElementary || isOther,
      isDropping: false,
      notBefore: before === undefined ? undefined : ticksAfter(before.dts, before.step - toleranceTicks),
    };
    routes.set(pid, route);
    return route;
  }

  /** Decides about the unit that begins here, and moves its times. */
  function beginUnit(route: Route, bytes: Buffer, at: number): void {
    route.isWaiting = false;
    route.isDropping = false;
    if (route.kind === 'table' || isScrambled(bytes, at)) return;
    const from = payloadStart(bytes, at);
    const head = readPesHead(bytes, from, at + packetLength);
    if (head === undefined) return;
    const isLeadsFirst = route.pid === leadOut && isFirstUnit;
    if (route.pid === leadOut && head.pts !== undefined) {
      if (isFirstUnit) isFirstUnit = false;
      else if (leadingUntil !== undefined) {
        if (ticksBetween(leadingUntil, head.pts) < 0) route.isDropping = true;
        else leadingUntil = undefined;
      }
    }
    if (route.notBefore !== undefined && head.dts !== undefined) {
      if (ticksBetween(route.notBefore, ticksAfter(head.dts, shift)) < 0) route.isDropping = true;
      else route.notBefore = undefined;
    }
    if (route.isDropping) return;
    shiftTimes(bytes, from, shift);
    if (isLeadsFirst && head.dts !== point.dts && point.dts !== undefined)
      writeDecodingTime(bytes, from, ticksAfter(point.dts, shift));
  }

  /** The packet as it goes out; false: it does not. */
  function mapPacket(bytes: Buffer, at: number, pid: number, route: Route): boolean {
    if (route.pid === nullPid) return pid === nullPid;
    const begins = startsUnit(bytes, at) && hasPayload(bytes, at);
    if (begins) beginUnit(route, bytes, at);
    const clock = readClock(bytes, at);
    if (clock !== undefined) writeClock(bytes, at, clock + clockShift(clock));
    if (route.isWaiting || route.isDropping) {
      // Its counter is one that the receiver never misses.
      if (route.counterShift !== undefined && hasPayload(bytes, at)) route.counterShift -= 1;
      return false;
    }
    if (route.counterShift === undefined) {
      const last = output.counter(route.pid);
      const next = hasPayload(bytes, at) ? (last ?? -1) + 1 : (last ?? 0);
      route.counterShift = last === undefined ? 0 : next - counterOf(bytes, at);
    }
    writeCounter(bytes, at, counterOf(bytes, at) + route.counterShift);
    if (route.pid !== pid) writePid(bytes, at, route.pid);
    return true;
  }

  return {
    shift,
    isSame,
    opening() {
      const runs = [...endOfSequence(), tables.association(), tables.map()];
      if (isSame || old === undefined) return runs;
      for (const { pid } of tables.program.streams) {
        const counter = output.counter(pid);
        if (counter !== undefined) runs.push(discontinuityPacket(pid, counter));
      }
      return runs;
    },
    map(packets) {
      const runs: Buffer[] = [];
      let begun = 0;
      let latestPid = -1;
      let latest: Route | undefined;
      const flush = (end: number): void => {
        if (end > begun) runs.push(packets.subarray(begun, end));
      };
      for (let at = 0; at + packetLength <= packets.length; at += packetLength) {
        const pid = pidOf(packets, at);
        const isTable = pid === 0 || pid === point.mapPid;
        if (!isTable) {
          const route: Route = latest === undefined || pid !== latestPid ? routeOf(pid) : latest;
          latestPid = pid;
          latest = route;
          if (isPlain(packets, at, route)) {
            // Almost every packet is one of these.
            writeCounter(packets, at, counterOf(packets, at) + (route.counterShift ?? 0));
            writePid(packets, at, route.pid);
            continue;
          }
          if (mapPacket(packets, at, pid, route)) continue;
        }
        flush(at);
        begun = at + packetLength;
        // In the place of the source's own.
        if (isTable && startsUnit(packets, at)) runs.push(pid === 0 ? tables.association() : tables.map());
      }
      flush(packets.length - (packets.length % packetLength));
      return runs;
    },
  };

  function joinTables(
    before: ProgramTables | undefined,
    { association, mapPid, map }: JoinPoint,
    pids: ReadonlyMap<number, number>,
    keeps: boolean,
  ) {
    const program: ProgramMap =
      before !== undefined && keeps
        ? before.map
        : {
            program: before?.map.program ?? map.program,
            version: before === undefined ? map.version : (before.map.version + 1) & 0x1f,
            clockPid: pids.get(map.clockPid) ?? map.clockPid,
            descriptors: map.descriptors,
            streams: map.streams
              .map((stream) => ({ ...stream, pid: pids.get(stream.pid) ?? stream.pid }))
              .filter(({ pid }) => pid !== nullPid),
          };
    const outMapPid = before?.mapPid ?? mapPid;
    const { transportStream, version } = before?.association ?? association;
    const associationSection = buildAssociation(transportStream, version, program.program, outMapPid);
    const mapSection = buildMap(program);
    let associationCounter = output.counter(0) ?? -1;
    let mapCounter = output.counter(outMapPid) ?? -1;
    return {
      program,
      association(): Buffer {
        const packets = packSection(associationSection, 0, associationCounter + 1);
        associationCounter += packets.length / packetLength;
        return packets;
      },
      map(): Buffer {
        const packets = packSection(mapSection, outMapPid, mapCounter + 1);
        mapCounter += packets.length / packetLength;
        return packets;
      },
    };
  }
}

/** Only counter and PID change: it goes on with a unit that goes out, and holds no clock. */
function isPlain(bytes: Buffer, at: number, { pid, counterShift, isWaiting, isDropping }: Route): boolean {
  if (startsUnit(bytes, at) || hasAdaptation(bytes, at) || counterShift === undefined) return false;
  return !isWaiting && !isDropping && pid !== nullPid;
}

function isClockApart(old: ProgramTables | undefined): boolean {
  return old !== undefined && !old.map.streams.some(({ pid }) => pid === old.map.clockPid);
}

/** The first access unit of the source follows the last one that went out by one step, and is shown after all that was. */
function shiftOf(output: Output, point: JoinPoint, outPid: ReadonlyMap<number, number>): number {
  const { lead, dts, pts } = point;
  const progress = lead === undefined ? undefined : output.progress(outPid.get(lead.pid) ?? -1);
  if (dts === undefined || pts === undefined) return 0;
  if (progress === undefined) return otherShift(output, dts);
  const step = progress.step === 0 ? usualStep : progress.step;
  const byDecoding = ticksBetween(dts, ticksAfter(progress.dts, step));
  const byShowing = ticksBetween(pts, ticksAfter(progress.pts, step));
  // Within a step of each other they mean the same: both are rounded.
  return byShowing - byDecoding > step / 2 ? byShowing : byDecoding;
}

/** Where the lead never went out before (a source with other streams): after the last of what did, or after the clock. */
function otherShift(output: Output, dts: number): number {
  let last: number | undefined;
  for (const pid of output.pids()) {
    const progress = output.progress(pid);
    if (progress === undefined) continue;
    const end = ticksAfter(progress.dts, progress.step);
    if (last === undefined || ticksBetween(last, end) > 0) last = end;
  }
  if (last === undefined && output.clock !== undefined)
    last = ticksAfter(Math.floor(output.clock / 300), ticksPerSecond / 2);
  return last === undefined ? 0 : ticksBetween(dts, last);
}

/** Which stream of the source continues which one that went out: of the same make and language before others, in order. */
function pairStreams(
  old: readonly ElementaryStream[],
  fresh: readonly ElementaryStream[],
): ReadonlyMap<number, ElementaryStream> {
  const pairs = new Map<number, ElementaryStream>();
  const free = new Set(old);
  const fits: readonly ((one: ElementaryStream, other: ElementaryStream) => boolean)[] = [
    (one, other) => isSameMake(one, other),
    (one, other) => one.type === other.type && one.language === other.language,
    (one, other) => one.type === other.type,
    (one) => one.kind !== 'other',
  ];
  for (const fit of fits) {
    for (const stream of fresh) {
      if (pairs.has(stream.pid)) continue;
      const match = [...free].find((one) => one.kind === stream.kind && fit(one, stream));
      if (match === undefined) continue;
      free.delete(match);
      pairs.set(stream.pid, match);
    }
  }
  return pairs;
}
