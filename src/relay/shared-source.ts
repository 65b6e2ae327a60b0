import { createAccessPoints } from '../mpegts';
import type { SourceFailure } from './provider';
import { createRing } from './ring';

/** One of those who read a stream together. Whatever it is told, it may leave or take bytes again within the call. */
export interface SharedReader {
  /** Bytes are about to come for the first time. */
  begin(contentType: string): void;
  /** Takes bytes of the stream. @returns false: no more until `resume` is called. */
  write(bytes: readonly Buffer[]): boolean;
  /** Takes packets that mean nothing, sent while the source is silent. */
  fill(packets: Buffer): void;
  /** It has got all that there was. Nothing comes after it. */
  end(): void;
  /** The stream gave no byte: how each of its sources failed. Nothing comes after it. */
  fail(failures: readonly SourceFailure[]): void;
  /** It read so slowly that what it would read next is gone. Nothing comes after it. */
  drop(reason: string): void;
}

/** How a reader is known to what it reads. */
export interface SharedPlace {
  /** It takes bytes again. */
  resume(): void;
  /** It has gone. Idempotent; all others read on. */
  leave(): void;
  /** Bytes of the stream that it has not taken yet. */
  readonly lagBytes: number;
}

/** One stream, read once and given to many, each at its own pace. What it is given, it gives to all of them. */
export interface SharedSource extends Omit<SharedReader, 'drop'> {
  /**
   * Takes whole packets of the stream.
   * @returns false: nobody can take them now, and whoever writes is to wait for `onResume`. A stream with one quick reader waits for no slow one.
   */
  write(runs: readonly Buffer[]): boolean;
  /** A new reader gets the tables and what has come since the last keyframe at once; where there is none it begins with what comes next. */
  join(reader: SharedReader): SharedPlace;
  /** Whether a new reader would begin with a keyframe. */
  readonly isJoinable: boolean;
  readonly readers: number;
}

export interface SharedSourceOptions {
  /** How far behind the newest byte a reader may be. Default 4 MB: eight seconds of 4 Mbit/s. */
  readonly maxBytes?: number;
  /** Somebody takes bytes again after `write` returned false. */
  readonly onResume: () => void;
}

interface Place {
  readonly reader: SharedReader;
  /** In the ring. */
  at: number;
  isFull: boolean;
  /** The turn in which it got bytes last, and how many. */
  turn: number;
  turnBytes: number;
}

/** With a hundred readers who come at once, each gets so much and then the next one, or the last would wait until the others have all the past. */
const bytesInTurn = 64 * 1024;

/** Makes the meeting place of one stream. Pure but for what its readers do. */
export function createSharedSource({ maxBytes = 4 * 1024 * 1024, onResume }: SharedSourceOptions): SharedSource {
  const ring = createRing(maxBytes);
  const accessPoints = createAccessPoints();
  const places = new Set<Place>();
  /** Where the last keyframe begins; undefined before the first. */
  let accessPoint: number | undefined;
  /** Undefined until the stream begins. */
  let contentType: string | undefined;
  let isHeldUp = false;
  let hasEnded = false;
  /** Why it never began. */
  let failed: readonly SourceFailure[] | undefined;

  /** Of the event loop; counted while bytes are given. */
  let turn = 0;
  let isTurnEnding = false;
  /** Who has had his share of this turn. */
  const waiting = new Set<Place>();

  function endTurn(): void {
    isTurnEnding = false;
    turn++;
    const next = [...waiting];
    waiting.clear();
    for (const place of next) give(place);
  }

  /** Whether a reader may have more in this turn of the event loop; where not, it goes on in the next one. */
  function hasShare(place: Place): boolean {
    if (!isTurnEnding) {
      isTurnEnding = true;
      setImmediate(endTurn);
    }
    if (place.turn !== turn) {
      place.turn = turn;
      place.turnBytes = 0;
    }
    if (place.turnBytes < bytesInTurn) return true;
    waiting.add(place);
    return false;
  }

  function give(place: Place): void {
    while (!place.isFull && places.has(place) && place.at < ring.end) {
      const bytes = ring.read(place.at);
      if (bytes === undefined || !hasShare(place)) return;
      // Before the call: it may come back here.
      place.at += bytes.length;
      place.turnBytes += bytes.length;
      if (!place.reader.write([bytes])) place.isFull = true;
    }
    if (hasEnded && place.at === ring.end && places.delete(place)) place.reader.end();
  }

  function drop(place: Place): void {
    if (places.delete(place)) place.reader.drop(`It read too slowly: it was more than ${maxBytes} bytes behind.`);
  }

  function canTake(): boolean {
    if (places.size === 0) return true;
    for (const { isFull } of places) if (!isFull) return true;
    return false;
  }

  function goOn(): void {
    if (!isHeldUp || !canTake()) return;
    isHeldUp = false;
    onResume();
  }

  /** What a reader is told of what was before it came. */
  function welcome(place: Place): void {
    const { reader } = place;
    if (failed !== undefined) {
      places.delete(place);
      reader.fail(failed);
      return;
    }
    if (contentType !== undefined) reader.begin(contentType);
    const { tables } = accessPoints;
    if (tables.length > 0 && !reader.write([tables])) place.isFull = true;
    give(place);
    goOn();
  }

  return {
    begin(type) {
      contentType = type;
      for (const { reader } of places) reader.begin(type);
    },
    write(runs) {
      for (const run of runs) {
        const point = accessPoints.read(run);
        if (point !== -1) accessPoint = ring.end + point;
        ring.write(run);
        for (const place of places) {
          if (place.at < ring.start) drop(place);
          else give(place);
        }
      }
      isHeldUp = !canTake();
      return !isHeldUp;
    },
    fill(packets) {
      // Who still has something to take is not waiting.
      for (const { reader, isFull } of places) if (!isFull) reader.fill(packets);
    },
    end() {
      hasEnded = true;
      for (const place of places) give(place);
    },
    fail(failures) {
      failed = failures;
      for (const place of places) {
        places.delete(place);
        place.reader.fail(failures);
      }
    },
    join(reader) {
      const isThere = accessPoint !== undefined && accessPoint >= ring.start;
      const place: Place = {
        reader,
        at: isThere ? (accessPoint ?? 0) : ring.end,
        isFull: false,
        turn: -1,
        turnBytes: 0,
      };
      places.add(place);
      welcome(place);
      return {
        resume() {
          place.isFull = false;
          give(place);
          goOn();
        },
        leave() {
          places.delete(place);
          goOn();
        },
        get lagBytes() {
          return places.has(place) ? ring.end - place.at : 0;
        },
      };
    },
    get isJoinable() {
      return accessPoint !== undefined && accessPoint >= ring.start;
    },
    get readers() {
      return places.size;
    },
  };
}
