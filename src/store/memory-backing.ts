import type { Backing } from './backing';

/** Texts that live as long as the process. */
export function createMemoryBacking(): Backing {
  const spaces = new Map<string, Map<string, string>>();
  // Sorted keys are made when somebody asks for a range, and kept until a key comes or goes out of order.
  const sorted = new Map<string, string[]>();

  function spaceOf(name: string): Map<string, string> {
    let space = spaces.get(name);
    if (space === undefined) spaces.set(name, (space = new Map<string, string>()));
    return space;
  }
  function keysOf(name: string): string[] {
    let keys = sorted.get(name);
    if (keys === undefined) sorted.set(name, (keys = [...spaceOf(name).keys()].sort(compareBytes)));
    return keys;
  }

  return {
    isDurable: false,
    isShared: false,
    failure: undefined,
    get: (name, key) => Promise.resolve(spaceOf(name).get(key)),
    write(name, changes, { isAbove: mustBeAbove = false } = {}) {
      const space = spaceOf(name);
      const newest = keysOf(name).at(-1);
      const [first, text] = changes[0] ?? [];
      if (mustBeAbove && first !== undefined && space.get(first) !== text && !isAbove(first, newest)) {
        return Promise.resolve(newest);
      }
      for (const [key, text] of changes) {
        const keys = sorted.get(name);
        if (keys !== undefined && text !== undefined && !space.has(key) && isAbove(key, keys.at(-1))) keys.push(key);
        else if (space.has(key) !== (text !== undefined)) sorted.delete(name);
        if (text === undefined) space.delete(key);
        else space.set(key, text);
      }
      return Promise.resolve(undefined);
    },
    range(name, { after, before, limit = Number.POSITIVE_INFINITY, newestFirst = false }) {
      const space = spaceOf(name);
      const keys = keysOf(name);
      const from = after === undefined ? 0 : firstAbove(keys, after, true);
      const to = before === undefined ? keys.length : firstAbove(keys, before, false);
      const chosen = newestFirst
        ? keys.slice(Math.max(from, to - limit), Math.max(from, to)).reverse()
        : keys.slice(from, Math.min(to, from + limit));
      return Promise.resolve(chosen.map((key) => [key, space.get(key) ?? ''] as const));
    },
    trim(name, throughKey) {
      const space = spaceOf(name);
      for (const key of keysOf(name).splice(0, firstAbove(keysOf(name), throughKey, true))) space.delete(key);
      return Promise.resolve();
    },
    count: (name) => Promise.resolve(spaceOf(name).size),
    revision: () => Promise.resolve(undefined),
    close: () => Promise.resolve(),
  };
}

/** The order of UTF-8 bytes, in which JavaScript's own order of UTF-16 units differs above U+FFFF. */
function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function isAbove(key: string, last: string | undefined): boolean {
  return last === undefined || compareBytes(key, last) > 0;
}

/** The index of the first key above `bound` (with `strictly`), or not below it. */
function firstAbove(keys: readonly string[], bound: string, strictly: boolean): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const order = compareBytes(keys[middle] ?? '', bound);
    if (order > 0 || (order === 0 && !strictly)) high = middle;
    else low = middle + 1;
  }
  return low;
}
