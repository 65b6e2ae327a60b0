/** One row (slot) for each viewer, in arrays of numbers: 200,000 viewers as objects would be 200,000 things to collect garbage around. */
export interface ViewerColumns {
  /** The viewer's key; undefined where the slot is free. */
  readonly keys: (string | undefined)[];
  /** Times in ms since 1970. */
  joinedMs: Float64Array;
  lastSeenMs: Float64Array;
  /** What its remaining time counts from: the last sight, later by the time in which nothing was heard of its node. */
  idleFromMs: Float64Array;
  /** Sent since it joined; NaN where that is not counted. */
  bytes: Float64Array;
  /** `bytes_out_cnt` at the last sight over its node; NaN where that is not counted. */
  counter: Float64Array;
  /** Numbers of names. */
  stream: Int32Array;
  server: Int32Array;
  node: Int32Array;
  /** Whether a dump named it since its node was lost. */
  isTold: Uint8Array;
  /** Slots from here on have never been used. */
  readonly end: number;
  /** A free slot, with anything in its row. */
  take(): number;
  release(slot: number): void;
}

const firstCapacity = 1024;

/** @param onGrow is told the number of slots that there is room for, at the start too. */
export function createViewerColumns(onGrow: (capacity: number) => void): ViewerColumns {
  const free: number[] = [];
  let capacity = 0;
  let end = 0;

  const columns: ViewerColumns = {
    keys: [],
    joinedMs: new Float64Array(0),
    lastSeenMs: new Float64Array(0),
    idleFromMs: new Float64Array(0),
    bytes: new Float64Array(0),
    counter: new Float64Array(0),
    stream: new Int32Array(0),
    server: new Int32Array(0),
    node: new Int32Array(0),
    isTold: new Uint8Array(0),
    get end() {
      return end;
    },
    take() {
      const slot = free.pop() ?? end++;
      if (slot >= capacity) grow();
      return slot;
    },
    release(slot) {
      columns.keys[slot] = undefined;
      free.push(slot);
    },
  };

  function grow(): void {
    capacity = Math.max(firstCapacity, 2 * capacity);
    columns.joinedMs = enlarged(columns.joinedMs, new Float64Array(capacity));
    columns.lastSeenMs = enlarged(columns.lastSeenMs, new Float64Array(capacity));
    columns.idleFromMs = enlarged(columns.idleFromMs, new Float64Array(capacity));
    columns.bytes = enlarged(columns.bytes, new Float64Array(capacity));
    columns.counter = enlarged(columns.counter, new Float64Array(capacity));
    columns.stream = enlarged(columns.stream, new Int32Array(capacity));
    columns.server = enlarged(columns.server, new Int32Array(capacity));
    columns.node = enlarged(columns.node, new Int32Array(capacity));
    columns.isTold = enlarged(columns.isTold, new Uint8Array(capacity));
    onGrow(capacity);
  }

  grow();
  return columns;
}

function enlarged<T extends Float64Array | Int32Array | Uint8Array>(from: T, into: T): T {
  into.set(from);
  return into;
}
