import { setImmediate as nextTurn } from 'node:timers/promises';

/** By what the page's list of streams can be sorted. */
export const streamSorts = ['name', 'viewers', 'newest'] as const;
export type StreamSort = (typeof streamSorts)[number];

export interface StreamOrderOptions {
  readonly names: () => Iterable<string>;
  /** Greatest first; undefined counts as none. */
  readonly viewers: (stream: string) => number | undefined;
  /** When its newest publisher came (ms since 1970). */
  readonly since: (stream: string) => number | undefined;
  /** How long an order is used before it is made anew, in ms. Default 2000. */
  readonly freshForMs?: number;
  readonly now?: () => number;
}

/** The names of all streams in an order, for lists that are read from the middle. */
export interface StreamOrder {
  /** At most as old as `freshForMs`; one is made at a time, in slices, so that decisions never wait for it. */
  sorted(by: StreamSort): Promise<readonly string[]>;
}

/** Names a slice: one to two milliseconds of work. */
const sliceSize = 1000;
/** How long an order that nobody reads is kept. */
const keptForMs = 30_000;

interface Item {
  readonly name: string;
  readonly key: number;
}

export function createStreamOrder(options: StreamOrderOptions): StreamOrder {
  const { names, viewers, since, freshForMs = 2000, now = () => performance.now() } = options;
  const kept = new Map<StreamSort, { atMs: number; order: Promise<readonly string[]> }>();
  let last: Promise<unknown> = Promise.resolve();

  const keys: Readonly<Record<StreamSort, (stream: string) => number | undefined>> = {
    name: () => 0,
    viewers,
    newest: since,
  };

  async function make(by: StreamSort): Promise<string[]> {
    const key = keys[by];
    let runs: Item[][] = [];
    let run: Item[] = [];
    for (const name of [...names()]) {
      run.push({ name, key: key(name) ?? 0 });
      if (run.length < sliceSize) continue;
      runs.push(run.sort(compare));
      run = [];
      await nextTurn();
    }
    if (run.length > 0) runs.push(run.sort(compare));
    while (runs.length > 1) {
      const merged: Item[][] = [];
      for (let i = 0; i < runs.length; i += 2) merged.push(await mergeRuns(runs[i] ?? [], runs[i + 1] ?? []));
      runs = merged;
    }
    return (runs[0] ?? []).map(({ name }) => name);
  }

  return {
    sorted(by) {
      const known = kept.get(by);
      const nowMs = now();
      if (known !== undefined && nowMs - known.atMs < freshForMs) return known.order;
      for (const [sort, { atMs }] of kept) if (nowMs - atMs > keptForMs) kept.delete(sort);
      const order = last.then(() => make(by));
      last = order.catch(() => kept.delete(by));
      kept.set(by, { atMs: nowMs, order });
      return order;
    },
  };
}

/** Greater keys first, then by code units of the name. */
function compare(a: Item, b: Item): number {
  if (a.key !== b.key) return b.key - a.key;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

async function mergeRuns(left: readonly Item[], right: readonly Item[]): Promise<Item[]> {
  const merged: Item[] = [];
  let i = 0;
  let j = 0;
  while (i < left.length || j < right.length) {
    const a = left[i];
    const b = right[j];
    if (b === undefined || (a !== undefined && compare(a, b) <= 0)) {
      if (a !== undefined) merged.push(a);
      i++;
    } else {
      merged.push(b);
      j++;
    }
    if (merged.length % (4 * sliceSize) === 0) await nextTurn();
  }
  return merged;
}
