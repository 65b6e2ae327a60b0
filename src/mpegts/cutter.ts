import { canBegin, pictureFormat } from './access-point';
import { counterOf, hasPayload, isScrambled, packetLength, payloadStart, writeCounter } from './packet';
import { createPassingTables } from './passing-tables';
import { type PesHead, readPesHead, ticksAfter, ticksBetween, ticksPerSecond } from './pes';
import { codecOf, type ElementaryStream, leadOf, type ProgramTables } from './program';

/** A piece of a stream that can be played by itself: PAT and PMT come first, then a unit with which a decoder can begin. */
export interface Segment {
  /** Whole packets, in buffers that share memory with what was written but for short pieces. */
  readonly parts: readonly Buffer[];
  readonly bytes: number;
  /** From its first unit to that of the next segment. */
  readonly seconds: number;
  /** It does not continue the segment before: other codecs, pictures of another format, or times that leap. */
  readonly isDiscontinuous: boolean;
}

/** Cuts a stream into segments while it passes by. Pure. */
export interface Cutter {
  /** Takes whole packets, which are kept as they are. @returns the segments that end in them. */
  write(packets: Buffer): readonly Segment[];
  /** The stream has ended. @returns the segment that it was in. */
  end(): Segment | undefined;
}

export interface CutterOptions {
  /** The first access point about so far into a segment, or later, begins the next one. Default 2. */
  readonly targetSeconds?: number;
  /** Where no access point comes for so long, any unit begins the next one. Read at every unit. Default 12: more than ten seconds between two keyframes are rare. */
  readonly longestSeconds?: () => number;
  /** A segment of more bytes ends wherever it is. Default 32 MB. */
  readonly maxBytes?: number;
}

/** The segment that is being filled. */
interface Begun {
  readonly startTicks: number;
  readonly isDiscontinuous: boolean;
  readonly parts: Buffer[];
  bytes: number;
}

/** As `startsUnit` reads it. */
const unitStart = 0x40;
/** A decoding time may be so much earlier than the one before: some encoders stumble. */
const stumbleTicks = ticksPerSecond / 2;
/** An access point that comes so much before the target is taken too: the next one may be as far away again. */
const earlySeconds = 0.1;
/** Shorter pieces are gathered: each part of a segment costs every client a write. */
const shortPiece = 4096;
const gatheredBytes = 64 * 1024;

/**
 * Makes the cutter of one stream. A segment begins with the lead's access point: what comes before the first one, and between a break (other codecs, a leap of
 * times) and the next one, is left out. Packets of PAT and PMT get new continuity counters, since they are repeated before each segment: in the row of all segments
 * no counter is missing.
 */
export function createCutter({
  targetSeconds = 2,
  longestSeconds = () => 12,
  maxBytes = 32 * 1024 * 1024,
}: CutterOptions = {}): Cutter {
  const tables = createPassingTables();
  const counters = new Map<number, number>();
  /** Streams with sound or pictures, by their PIDs. */
  let timed: ReadonlyMap<number, ElementaryStream> = new Map();
  let lead: ElementaryStream | undefined;
  let make = '';
  let begun: Begun | undefined;
  /** When the wait for an access point began; undefined while nothing was seen since. */
  let waitingSince: number | undefined;
  let isBroken = false;
  /** Of the lead: of its last unit, and from one unit to the next. */
  let lastDts: number | undefined;
  let stepTicks = 0;
  let format: Buffer | undefined;
  /** When the last of the segment's pictures is shown. */
  let latestTicks = 0;

  /** Short pieces, one behind the other: of the segment that is begun those from `from` to `to`. */
  const gathered = { bytes: Buffer.alloc(0), from: 0, to: 0 };

  function push(bytes: Buffer): void {
    if (begun === undefined || bytes.length === 0) return;
    begun.bytes += bytes.length;
    if (bytes.length < shortPiece) gather(bytes);
    else {
      pushGathered(begun.parts);
      begun.parts.push(bytes);
    }
  }

  function gather(bytes: Buffer): void {
    if (gathered.to + bytes.length > gathered.bytes.length) {
      if (begun !== undefined) pushGathered(begun.parts);
      gathered.bytes = Buffer.allocUnsafeSlow(gatheredBytes);
      gathered.from = 0;
      gathered.to = 0;
    }
    bytes.copy(gathered.bytes, gathered.to);
    gathered.to += bytes.length;
  }

  function pushGathered(parts: Buffer[]): void {
    if (gathered.to > gathered.from) parts.push(gathered.bytes.subarray(gathered.from, gathered.to));
    gathered.from = gathered.to;
  }

  /** Tables with continuity counters that follow those that went into segments before. */
  function counted(packets: Buffer): Buffer {
    const copy = Buffer.from(packets);
    for (let at = 0; at < copy.length; at += packetLength) {
      const pid = pidAt(copy, at);
      const before = counters.get(pid);
      const counter = before === undefined ? counterOf(copy, at) : (before + 1) & 0x0f;
      counters.set(pid, counter);
      writeCounter(copy, at, counter);
    }
    return copy;
  }

  function begin(startTicks: number): void {
    begun = { startTicks, isDiscontinuous: isBroken, parts: [], bytes: 0 };
    isBroken = false;
    waitingSince = undefined;
    latestTicks = startTicks;
    push(counted(tables.packets));
  }

  function close(endTicks: number): Segment | undefined {
    if (begun === undefined) return undefined;
    const { startTicks, isDiscontinuous, parts, bytes } = begun;
    begun = undefined;
    const seconds = Math.max(0, ticksBetween(startTicks, endTicks)) / ticksPerSecond;
    pushGathered(parts);
    return { parts, bytes, seconds, isDiscontinuous };
  }

  /** Where the segment ends that nothing continues. */
  function endTicks(): number {
    return ticksAfter(latestTicks, stepTicks);
  }

  function breakOff(): Segment | undefined {
    const segment = close(endTicks());
    isBroken ||= segment !== undefined;
    waitingSince = undefined;
    return segment;
  }

  /** Whether the lead's times leap with this unit. */
  function leaps(dts: number): boolean {
    const before = lastDts;
    lastDts = dts;
    if (before === undefined) return false;
    const step = ticksBetween(before, dts);
    if (step < -stumbleTicks || step > longestSeconds() * ticksPerSecond) return true;
    if (step > 0) stepTicks = step;
    return false;
  }

  /** Whether the unit that begins here, shown at `pts`, is to be the first of a segment. */
  function isFirst(stream: ElementaryStream, packets: Buffer, at: number, data: number, pts: number): boolean {
    waitingSince ??= pts;
    const since = ticksBetween(begun?.startTicks ?? waitingSince, pts) / ticksPerSecond;
    if (stream === lead && canBegin(stream, packets, at, data)) {
      const isOther = isOtherFormat(stream, packets, Math.min(data, at + packetLength), at + packetLength);
      if (begun === undefined || isOther || since >= targetSeconds - earlySeconds) {
        isBroken ||= isOther;
        return true;
      }
    }
    return since > longestSeconds();
  }

  /** Whether the pictures that begin here are of another format than those before. */
  function isOtherFormat({ type }: ElementaryStream, packets: Buffer, from: number, end: number): boolean {
    const found = pictureFormat(type, packets, from, end);
    if (found === undefined) return false;
    const before = format;
    // What a packet's end has cut off is not known.
    const length = Math.min(found.length, before?.length ?? 0);
    format = Buffer.from(found);
    return before !== undefined && !found.subarray(0, length).equals(before.subarray(0, length));
  }

  function headAt(packets: Buffer, at: number): (PesHead & { readonly data: number }) | undefined {
    if (!hasPayload(packets, at) || isScrambled(packets, at)) return undefined;
    const from = payloadStart(packets, at);
    const head = readPesHead(packets, from, at + packetLength);
    return head && { ...head, data: from + head.dataOffset };
  }

  return {
    write(packets) {
      const segments: Segment[] = [];
      let leadPid = lead?.pid;
      /** From here on the packets are not in a segment yet. */
      let from = 0;
      const add = (segment: Segment | undefined): void => {
        if (segment !== undefined) segments.push(segment);
      };
      const takeUntil = (at: number): void => {
        push(packets.subarray(from, at));
        from = at;
      };

      for (let at = 0; at + packetLength <= packets.length; at += packetLength) {
        // Every packet of every stream that is cut comes by here: as little as can be is done with those that begin nothing.
        const flags = packets[at + 1] ?? 0;
        const pid = ((flags & 0x1f) << 8) | (packets[at + 2] ?? 0);
        if (pid !== leadPid && tables.isTable(pid)) {
          if (!hasPayload(packets, at)) continue;
          takeUntil(at);
          from = at + packetLength;
          if (tables.read(packets, at, pid) && followMap()) add(breakOff());
          leadPid = lead?.pid;
          if (begun !== undefined) push(counted(packets.subarray(at, from)));
          continue;
        }
        if ((flags & unitStart) === 0) continue;
        const stream = timed.get(pid);
        if (stream === undefined) continue;
        const head = headAt(packets, at);
        if (head?.pts === undefined || head.dts === undefined) continue;
        if (stream === lead && leaps(head.dts)) {
          takeUntil(at);
          add(breakOff());
        }
        if (isFirst(stream, packets, at, head.data, head.pts)) {
          takeUntil(at);
          add(close(head.pts));
          begin(head.pts);
        }
        if (stream === lead && ticksBetween(latestTicks, head.pts) > 0) latestTicks = head.pts;
      }
      takeUntil(packets.length);
      if (begun !== undefined && begun.bytes > maxBytes) {
        const end = endTicks();
        add(close(end));
        begin(end);
      }
      return segments;
    },
    end: () => close(endTicks()),
  };

  /** Takes over what the tables say now. @returns whether that is another make of stream than before. */
  function followMap(): boolean {
    const { program } = tables;
    const before = make;
    make = makeOf(program);
    if (make === before) return false;
    timed = new Map(program?.map.streams.filter(({ kind }) => kind !== 'other').map((stream) => [stream.pid, stream]));
    lead = leadOf(program);
    lastDts = undefined;
    stepTicks = 0;
    format = undefined;
    return before !== '';
  }
}

function pidAt(packets: Buffer, at: number): number {
  return (((packets[at + 1] ?? 0) & 0x1f) << 8) | (packets[at + 2] ?? 0);
}

/** What a decoder must know of a program: other words in its map (languages, subtitles) make no other stream of it. */
function makeOf(program: ProgramTables | undefined): string {
  return (program?.map.streams ?? [])
    .filter(({ kind }) => kind !== 'other')
    .map((stream) => `${stream.pid} ${codecOf(stream)}`)
    .join();
}
