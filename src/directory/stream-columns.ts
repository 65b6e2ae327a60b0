import { type Feed, noReaders, type ReaderCounts } from '../mediamtx';
import type { KeptReport } from './server-slot';

/**
 * What is kept of each stream, one column a fact and one row a stream. 100,000 streams as objects (an entry, its list of holdings, a
 * holding, a report, boxed numbers) take 33 MB of heap, and a decision that follows them misses the processor's cache seven times;
 * as columns they take a quarter of that, and a decision reads two bytes.
 */
export interface StreamColumns {
  /** The row's stream; undefined in a free row. */
  readonly names: (string | undefined)[];
  /** Number of the server whose decision can be given without a second thought; 0 where there is none. */
  quick: Uint16Array;
  /** Number of the server that routes.map should name; 0 where there is none. */
  route: Uint16Array;
  /** Number of the first server that holds the stream; the columns below are its report. 0 when nobody holds it. */
  holder: Uint16Array;
  /** Place of the policy in `holderPolicies`. */
  policy: Uint8Array;
  /** 1 while somebody, the first or another, has it live. */
  isLive: Uint8Array;
  /** Place of the first server's feed in `feeds`. */
  feed: Uint8Array;
  /** The question that the report answers. */
  question: Float64Array;
  /** Monotonic ms at which this publisher was first seen there. */
  seenAt: Float64Array;
  publisherSinceMs: Float64Array;
  claimedSinceMs: Float64Array;
  bytesReceived: Float64Array;
  bytesSent: Float64Array;
  // Few different values, one copy of each (see path-report.ts): references are small.
  readonly sourceTypes: (string | undefined)[];
  readonly tracks: (readonly string[])[];
  readonly readers: ReaderCounts[];
}

/** The values of the column `feed`. */
export const feeds: readonly Feed[] = ['publisher', 'pulled', 'filler'];

const firstCapacity = 1024;

/** Columns and the rows that are in use. */
export interface StreamTable {
  readonly columns: StreamColumns;
  /** The row of a stream; -1 where it has none. */
  find(name: string): number;
  /** Rows in use, in no order. */
  rows(): IterableIterator<number>;
  /** A row for a stream that has none, all zero. Rows are used again: nothing may remember one beyond `release`. */
  claim(name: string): number;
  release(row: number): void;
  /**
   * Writes a server's report of the stream into its row.
   * @param sinceMs what counts of when its publisher came, where the report has the server's own word.
   */
  write(row: number, report: KeptReport, sinceMs: number, claimedMs: number): void;
  read(row: number): KeptReport;
  /** Rows whose first holder is the server of that number. */
  rowsOf(holder: number): number[];
}

/** An empty table; it grows as needed and never shrinks. */
export function createStreamTable(): StreamTable {
  const columns: StreamColumns = {
    names: [],
    quick: new Uint16Array(firstCapacity),
    route: new Uint16Array(firstCapacity),
    holder: new Uint16Array(firstCapacity),
    policy: new Uint8Array(firstCapacity),
    isLive: new Uint8Array(firstCapacity),
    feed: new Uint8Array(firstCapacity),
    question: new Float64Array(firstCapacity),
    seenAt: new Float64Array(firstCapacity),
    publisherSinceMs: new Float64Array(firstCapacity),
    claimedSinceMs: new Float64Array(firstCapacity),
    bytesReceived: new Float64Array(firstCapacity),
    bytesSent: new Float64Array(firstCapacity),
    sourceTypes: [],
    tracks: [],
    readers: [],
  };
  const free: number[] = [];
  const byName = new Map<string, number>();

  function grow(): void {
    const capacity = columns.holder.length * 2;
    columns.quick = widened(columns.quick, new Uint16Array(capacity));
    columns.route = widened(columns.route, new Uint16Array(capacity));
    columns.holder = widened(columns.holder, new Uint16Array(capacity));
    columns.policy = widened(columns.policy, new Uint8Array(capacity));
    columns.isLive = widened(columns.isLive, new Uint8Array(capacity));
    columns.feed = widened(columns.feed, new Uint8Array(capacity));
    columns.question = widened(columns.question, new Float64Array(capacity));
    columns.seenAt = widened(columns.seenAt, new Float64Array(capacity));
    columns.publisherSinceMs = widened(columns.publisherSinceMs, new Float64Array(capacity));
    columns.claimedSinceMs = widened(columns.claimedSinceMs, new Float64Array(capacity));
    columns.bytesReceived = widened(columns.bytesReceived, new Float64Array(capacity));
    columns.bytesSent = widened(columns.bytesSent, new Float64Array(capacity));
  }

  return {
    columns,
    find: (name) => byName.get(name) ?? -1,
    *rows() {
      for (let row = 0; row < columns.names.length; row++) if (columns.names[row] !== undefined) yield row;
    },
    claim(name) {
      const row = free.pop() ?? columns.names.length;
      if (row === columns.holder.length) grow();
      columns.names[row] = name;
      byName.set(name, row);
      columns.quick[row] = columns.route[row] = columns.holder[row] = columns.policy[row] = columns.isLive[row] = 0;
      return row;
    },
    release(row) {
      byName.delete(columns.names[row] ?? '');
      columns.names[row] = undefined;
      free.push(row);
    },
    write(row, report, sinceMs, claimedMs) {
      columns.publisherSinceMs[row] = sinceMs;
      columns.claimedSinceMs[row] = claimedMs;
      columns.feed[row] = feeds.indexOf(report.feed);
      columns.bytesReceived[row] = report.bytesReceived;
      columns.bytesSent[row] = report.bytesSent;
      // Only when it differs: a write to the heap costs the garbage collector's notes.
      if (columns.sourceTypes[row] !== report.sourceType) columns.sourceTypes[row] = report.sourceType;
      if (columns.tracks[row] !== report.tracks) columns.tracks[row] = report.tracks;
      if (columns.readers[row] !== report.readers) columns.readers[row] = report.readers;
    },
    read: (row) => ({
      publisherSinceMs: columns.publisherSinceMs[row] ?? 0,
      feed: feeds[columns.feed[row] ?? 0] ?? 'publisher',
      sourceType: columns.sourceTypes[row],
      readers: columns.readers[row] ?? noReaders,
      tracks: columns.tracks[row] ?? [],
      bytesReceived: columns.bytesReceived[row] ?? 0,
      bytesSent: columns.bytesSent[row] ?? 0,
    }),
    rowsOf(holder) {
      const rows: number[] = [];
      // 0 is in every free row, and nobody's number.
      if (holder === 0) return rows;
      for (let row = columns.holder.indexOf(holder); row >= 0; row = columns.holder.indexOf(holder, row + 1)) {
        rows.push(row);
      }
      return rows;
    },
  };
}

function widened<T extends Uint8Array | Uint16Array | Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
