import { createEntry, type JoinPoint } from './entry';
import { hasPayload, packetLength, payloadStart, pidOf, readClock, startsUnit, writeCounter } from './packet';
import { createPacketReader } from './packet-reader';
import { readPesHead, ticksBetween } from './pes';

/** A clip that can be played over and over as one stream. */
export interface Clip {
  /** Where its first round is joined; it has no packets, which come of the loop. */
  readonly point: JoinPoint;
  /** Of one round, in 90 kHz: from its first picture to where the first one of the next round belongs. */
  readonly lengthTicks: number;
  /** Of its program and its tables, from a keyframe on; the continuity counters of each PID begin at 0. */
  readonly packets: Buffer;
  /** For each packet when it is to go out, by the program clock, in 90 kHz from the first one on; never less than the one before. */
  readonly dueTicks: readonly number[];
  /** How far the continuity counter of each PID gets in one round. */
  readonly counted: ReadonlyMap<number, number>;
}

export type ReadClip =
  | { readonly clip: Clip; readonly problem?: undefined }
  /** What is wrong with the file, in words that go on after its name. */
  | { readonly problem: string; readonly clip?: undefined };

/** What a PES packet has: an access unit, or some frames of sound. */
interface Unit {
  readonly pid: number;
  readonly isSound: boolean;
  /** From the first unit of the lead, in 90 kHz. */
  readonly atTicks: number;
  /** Of the elementary stream; 0 where it does not say. */
  readonly bytes: number;
  readonly packets: number[];
  /** Bytes that do not come any more; 0 or less where it is whole or does not say. */
  lacks: number;
}

/** What begins so late in a round belongs to the next one. */
const toleranceTicks = 900;

/** Reads a clip out of a file of MPEG-TS. Its first program counts; what is before the first keyframe is left out. */
export function readClip(bytes: Buffer): ReadClip {
  const reader = createPacketReader();
  const entry = createEntry({ maxBytes: bytes.length });
  const runs = reader.read(bytes);
  for (const run of runs) entry.write(run);
  if (runs.length === 0) return { problem: 'is no MPEG transport stream' };
  const { point, anyPoint } = entry;
  if (point === undefined) {
    return { problem: anyPoint === undefined ? 'has no PAT and PMT that a player could follow' : 'has no keyframe' };
  }
  const all = Buffer.concat(point.packets);
  const { lead, dts } = point;
  if (lead === undefined || dts === undefined) return { problem: 'has no pictures or sound with times' };
  const units = unitsOf(all, point, dts).filter(({ lacks }) => lacks <= 0);
  const leads = units.filter(({ pid }) => pid === lead.pid);
  const leadTicks = leads.length < 2 ? 0 : endOf(leads);
  if (leads.some(({ atTicks }, index) => atTicks < (leads[index - 1]?.atTicks ?? 0)) || leadTicks <= 0)
    return { problem: 'is too short, or its times go back' };
  const others = point.map.streams
    .filter(({ pid }) => pid !== lead.pid)
    .map(({ pid }) =>
      oneRound(
        units.filter((unit) => unit.pid === pid),
        leadTicks,
      ),
    )
    .filter((round) => round.length > 0);
  // A frame of sound that lasts longer than the last picture makes the round longer: times that go back are worse.
  const lengthTicks = Math.round(
    Math.max(leadTicks, ...others.map((round) => endOf(round) - (round[0]?.atTicks ?? 0))),
  );
  const kept = placesOf(all, [leads, ...others].flat(), point);
  const packets = Buffer.concat(kept.map((at) => all.subarray(at, at + packetLength)));
  const dueTicks = dueTimes(packets, point.map.clockPid, lengthTicks);
  if (dueTicks === undefined) return { problem: 'has no program clock (PCR), or one that does not fit its times' };
  const counted = countFrom0(packets);
  return { clip: { point: { ...point, packets: [] }, lengthTicks, packets, dueTicks, counted } };
}

/** All units that have times, in order. What belongs to no unit is left out. */
function unitsOf(all: Buffer, { map }: JoinPoint, firstDts: number): readonly Unit[] {
  const units: Unit[] = [];
  const open = new Map<number, Unit>();
  const kinds = new Map(map.streams.filter(({ kind }) => kind !== 'other').map(({ pid, kind }) => [pid, kind]));
  for (let at = 0; at < all.length; at += packetLength) {
    const pid = pidOf(all, at);
    if (!kinds.has(pid)) continue;
    const from = payloadStart(all, at);
    const end = at + packetLength;
    if (startsUnit(all, at) && hasPayload(all, at)) {
      open.delete(pid);
      const head = readPesHead(all, from, end);
      if (head?.dts === undefined) continue;
      const { dts, length, dataOffset } = head;
      const atTicks = ticksBetween(firstDts, dts);
      const bytes = Math.max(0, length - dataOffset);
      const unit: Unit = { pid, isSound: kinds.get(pid) === 'audio', atTicks, bytes, packets: [], lacks: length };
      open.set(pid, unit);
      units.push(unit);
    }
    const unit = open.get(pid);
    if (unit === undefined) continue;
    unit.packets.push(at);
    unit.lacks -= end - from;
  }
  return units;
}

/** Of a stream beside the lead: the units that begin within one round from its first one on. */
function oneRound(units: readonly Unit[], leadTicks: number): readonly Unit[] {
  const first = units.find(({ atTicks }) => Math.abs(atTicks) < leadTicks)?.atTicks ?? 0;
  return units.filter(({ atTicks }) => atTicks >= first && atTicks < first + leadTicks - toleranceTicks);
}

/** When the last unit is over: it lasts as long as others of its size. */
function endOf(units: readonly Unit[]): number {
  const [before, last] = [units.at(-2), units.at(-1)];
  if (before === undefined || last === undefined) return last?.atTicks ?? 0;
  const step = last.atTicks - before.atTicks;
  return last.atTicks + (last.isSound && before.bytes > 0 ? step * Math.min(1, last.bytes / before.bytes) : step);
}

/** Where the packets of these units are, the tables, and packets that have nothing but the clock, in order. */
function placesOf(all: Buffer, units: readonly Unit[], { map, mapPid }: JoinPoint): readonly number[] {
  const places = units.flatMap((unit) => unit.packets);
  for (let at = 0; at < all.length; at += packetLength) {
    const pid = pidOf(all, at);
    const isClock = pid === map.clockPid && !hasPayload(all, at) && readClock(all, at) !== undefined;
    if (pid === 0 || pid === mapPid || isClock) places.push(at);
  }
  return [...new Set(places)].sort((a, b) => a - b);
}

/** Undefined where the clock does not go on, or goes on for longer than the round. */
function dueTimes(packets: Buffer, clockPid: number, lengthTicks: number): number[] | undefined {
  const count = packets.length / packetLength;
  const clocks: { readonly index: number; readonly ticks: number }[] = [];
  let first: number | undefined;
  for (let index = 0; index < count; index++) {
    const clock =
      pidOf(packets, index * packetLength) === clockPid ? readClock(packets, index * packetLength) : undefined;
    if (clock === undefined) continue;
    first ??= clock / 300;
    const ticks = ticksBetween(first, clock / 300);
    if (ticks < (clocks.at(-1)?.ticks ?? 0) || ticks >= lengthTicks) return undefined;
    clocks.push({ index, ticks });
  }
  if (clocks.length === 0) return undefined;
  const due: number[] = [];
  let before = { index: 0, ticks: 0 };
  for (const next of [...clocks, { index: count, ticks: lengthTicks }]) {
    // Between two clocks they are spread evenly.
    const each = (next.ticks - before.ticks) / Math.max(1, next.index - before.index);
    for (let index = before.index; index < next.index; index++) due.push(before.ticks + (index - before.index) * each);
    before = next;
  }
  return due;
}

/** Continuity counters without gaps. @returns how many packets count, of each PID. */
function countFrom0(packets: Buffer): ReadonlyMap<number, number> {
  const counted = new Map<number, number>();
  for (let at = 0; at < packets.length; at += packetLength) {
    const pid = pidOf(packets, at);
    const next = counted.get(pid) ?? 0;
    // A packet without payload repeats the counter of the one before.
    writeCounter(packets, at, hasPayload(packets, at) ? next : next + 15);
    if (hasPayload(packets, at)) counted.set(pid, next + 1);
  }
  return counted;
}
