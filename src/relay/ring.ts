/** The newest bytes of a stream, for many who read it, each from a place of its own. Pure. */
export interface Ring {
  /** Adds a run of packets, which is kept as it is, and forgets the oldest runs that are too many by it. */
  write(run: Buffer): void;
  /**
   * What is there from a place on, up to the end of the run that it is in: of whole runs the very buffers that were written, the same for all readers.
   *
   * @returns undefined where the place is the end; nothing has come behind it yet.
   * @throws RangeError when the place is not in the ring.
   */
  read(place: number): Buffer | undefined;
  /** The oldest place that is there; places count the bytes since the stream's beginning. */
  readonly start: number;
  /** The place of the next byte to come. */
  readonly end: number;
}

interface Run {
  readonly start: number;
  readonly bytes: Buffer;
}

/** @param maxBytes of all runs; one run alone may be longer. */
export function createRing(maxBytes: number): Ring {
  const runs: Run[] = [];
  let end = 0;

  const start = (): number => runs[0]?.start ?? end;

  /** The run in which a place is, which is in the ring and not its end. Most readers read the newest one. */
  function runAt(place: number): Run | undefined {
    const newest = runs.at(-1);
    if (newest !== undefined && place >= newest.start) return newest;
    let low = 0;
    let high = runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((runs[middle]?.start ?? 0) <= place) low = middle;
      else high = middle - 1;
    }
    return runs[low];
  }

  return {
    write(bytes) {
      if (bytes.length === 0) return;
      runs.push({ start: end, bytes });
      end += bytes.length;
      while (runs.length > 1 && end - start() > maxBytes) runs.shift();
    },
    read(place) {
      if (place < start() || place > end) throw new RangeError(`${place} is not between ${start()} and ${end}`);
      const run = place === end ? undefined : runAt(place);
      return run === undefined || place === run.start ? run?.bytes : run.bytes.subarray(place - run.start);
    },
    get start() {
      return start();
    },
    get end() {
      return end;
    },
  };
}
