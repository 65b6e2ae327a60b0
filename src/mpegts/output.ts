import {
  counterOf,
  hasAdaptation,
  hasPayload,
  isScrambled,
  nullPid,
  packetLength,
  payloadStart,
  pidOf,
  readClock,
  startsUnit,
} from './packet';
import { type PesHead, readPesHead, ticksBetween } from './pes';
import type { ProgramTables, StreamKind } from './program';
import { createProgramReader } from './program-reader';

/** How far a stream has gone out. */
export interface Progress {
  /** Decoding time of the last access unit that went out, in 90 kHz. */
  readonly dts: number;
  /** The latest presentation time of all that went out. */
  readonly pts: number;
  /** From one access unit to the next; 0 while only one is known. */
  readonly step: number;
}

/** What has gone out to one receiver, and what is held back because a cut through it would show. */
export interface Output {
  /**
   * Takes packets on their way out and returns what may go now. Held back is what belongs to an access unit that is not whole, or that is shown after one
   * that is still to come: a player that was sent a half one shows it. More than `maxHeldBytes` are never held: then they go.
   */
  write(packets: Buffer): readonly Buffer[];
  /**
   * Ends what came from one source. What was held back goes out when the source ended in order and its last units are whole; otherwise it never does.
   */
  cut(isInOrder: boolean): readonly Buffer[];
  /** As its tables say that go out. */
  readonly program: ProgramTables | undefined;
  /** Continuity counter of the last packet of a PID that went out; undefined before the first. */
  counter(pid: number): number | undefined;
  /** Undefined where no times were seen. */
  progress(pid: number): Progress | undefined;
  /** PIDs that have ever gone out. */
  pids(): Iterable<number>;
  /** The last program clock that went out, in 27 MHz. */
  readonly clock: number | undefined;
  readonly heldBytes: number;
}

interface Unit {
  /** Packet with which it begins. */
  readonly index: number;
  readonly dts: number | undefined;
  readonly pts: number | undefined;
}

interface Pid {
  readonly pid: number;
  kind: StreamKind;
  counter: number;
  /** Begun and not gone out whole; the last one may be unfinished. */
  units: Unit[];
  /** Bytes that the last unit still lacks; undefined where it does not say. */
  lacks: number | undefined;
  /** Latest presentation time of all units that began. */
  latestPts: number | undefined;
  /** Where the last unit began before which all that is shown earlier has come. */
  closedAt: number;
  gone: Progress | undefined;
}

export interface OutputOptions {
  /** Default 48 KB. */
  readonly maxHeldBytes?: number;
}

export function createOutput({ maxHeldBytes = 48 * 1024 }: OutputOptions = {}): Output {
  const pids = new Map<number, Pid>();
  const held: { index: number; bytes: Buffer }[] = [];
  let heldBytes = 0;
  let next = 0;
  const tables = createProgramReader();
  let clock: number | undefined;
  let latest: Pid | undefined;

  function pidState(pid: number): Pid {
    let state = pids.get(pid);
    if (state === undefined) {
      const kind = tables.program?.map.streams.find((stream) => stream.pid === pid)?.kind ?? 'other';
      state = {
        pid,
        kind,
        counter: -1,
        units: [],
        lacks: undefined,
        latestPts: undefined,
        closedAt: 0,
        gone: undefined,
      };
      pids.set(pid, state);
    }
    return state;
  }

  function beginUnit(state: Pid, head: PesHead | undefined, inPacket: number): void {
    const { pts, dts, length = 0 } = head ?? {};
    const isShownLater =
      pts === undefined ||
      state.latestPts === undefined ||
      ticksBetween(state.latestPts, pts) > 0 ||
      isFar(state.latestPts, pts);
    if (state.kind !== 'video' || isShownLater) state.closedAt = next;
    if (pts !== undefined && isShownLater) state.latestPts = pts;
    state.units.push({ index: next, dts, pts });
    state.lacks = length === 0 ? undefined : length - inPacket;
  }

  function track(bytes: Buffer, at: number): void {
    const pid = pidOf(bytes, at);
    if (pid === nullPid) return;
    const state = latest?.pid === pid ? latest : pidState(pid);
    latest = state;
    state.counter = counterOf(bytes, at);
    if (hasAdaptation(bytes, at)) clock = readClock(bytes, at) ?? clock;
    if (!hasPayload(bytes, at)) return;
    const begins = startsUnit(bytes, at);
    if (state.kind !== 'other' && !begins) {
      // Almost every packet is one of these.
      if (state.lacks !== undefined) state.lacks -= at + packetLength - payloadStart(bytes, at);
      return;
    }
    const from = payloadStart(bytes, at);
    if (tables.isTable(pid)) {
      if (!tables.read(pid, bytes.subarray(from, at + packetLength), begins)) return;
      for (const stream of tables.program?.map.streams ?? []) pidState(stream.pid).kind = stream.kind;
    } else if (state.kind !== 'other') {
      const head = isScrambled(bytes, at) ? undefined : readPesHead(bytes, from, at + packetLength);
      beginUnit(state, head, at + packetLength - from);
    }
  }

  /** The first packet that must not go yet. */
  function firstHeld(): number {
    let first = next;
    for (const state of pids.values()) {
      if (state.units.length === 0) continue;
      const isWhole = state.lacks !== undefined && state.lacks <= 0 && state.kind === 'audio';
      if (!isWhole) first = Math.min(first, state.closedAt);
    }
    return first;
  }

  function noteGone(until: number): void {
    for (const state of pids.values()) {
      const { units } = state;
      while (units[0] !== undefined && units[0].index < until) {
        const { dts, pts } = units.shift() as Unit;
        if (dts === undefined || pts === undefined) continue;
        const { gone } = state;
        const step = gone === undefined ? 0 : ticksBetween(gone.dts, dts);
        const latestPts =
          gone === undefined || ticksBetween(gone.pts, pts) > 0 || isFar(gone.pts, pts) ? pts : gone.pts;
        state.gone = { dts, pts: latestPts, step: step > 0 && step < 90_000 ? step : (gone?.step ?? 0) };
      }
    }
  }

  function release(until: number): Buffer[] {
    const out: Buffer[] = [];
    for (let first = held[0]; first !== undefined && first.index < until; first = held[0]) {
      const count = first.bytes.length / packetLength;
      if (first.index + count <= until) {
        held.shift();
        out.push(first.bytes);
      } else {
        const length = (until - first.index) * packetLength;
        out.push(first.bytes.subarray(0, length));
        held[0] = { index: until, bytes: first.bytes.subarray(length) };
      }
    }
    for (const { length } of out) heldBytes -= length;
    noteGone(until);
    return out;
  }

  /** Counters as they were before what is held: of each PID the first one there was the next. */
  function forgetHeld(): void {
    const seen = new Set<number>();
    for (const { bytes } of held) {
      for (let at = 0; at < bytes.length; at += packetLength) {
        const pid = pidOf(bytes, at);
        const state = pids.get(pid);
        if (state === undefined || seen.has(pid)) continue;
        seen.add(pid);
        state.counter = hasPayload(bytes, at) ? (counterOf(bytes, at) + 15) & 15 : counterOf(bytes, at);
      }
    }
    held.length = 0;
    heldBytes = 0;
  }

  return {
    write(packets) {
      if (packets.length === 0) return [];
      held.push({ index: next, bytes: packets });
      heldBytes += packets.length;
      for (let at = 0; at + packetLength <= packets.length; at += packetLength, next++) track(packets, at);
      const out = release(firstHeld());
      if (heldBytes > maxHeldBytes) out.push(...release(next));
      return out;
    },
    cut(isInOrder) {
      const isWhole = [...pids.values()].every(({ lacks }) => lacks === undefined || lacks <= 0);
      const out = isInOrder && isWhole ? release(next) : [];
      forgetHeld();
      for (const state of pids.values()) {
        state.units = [];
        state.lacks = undefined;
        state.latestPts = undefined;
      }
      return out;
    },
    get program() {
      return tables.program;
    },
    counter: (pid) => {
      const counter = pids.get(pid)?.counter ?? -1;
      return counter === -1 ? undefined : counter;
    },
    progress: (pid) => pids.get(pid)?.gone,
    pids: () => pids.keys(),
    get clock() {
      return clock;
    },
    get heldBytes() {
      return heldBytes;
    },
  };
}

/** A jump of more than ten seconds is another timeline. */
function isFar(from: number, to: number): boolean {
  return Math.abs(ticksBetween(from, to)) > 10 * 90_000;
}
