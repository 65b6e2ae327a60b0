/** Finds a stream's row by its name. */
export interface NameTable {
  /** The row of a name; -1 where it has none. */
  find(name: string): number;
  /** Gives a name, which must not be in the table, its row. */
  add(name: string, row: number): void;
  remove(name: string): void;
}

const firstCapacity = 2048;
// Once, not for each letter: where globals are looked up slowly, as in the tests' sandbox, they would be most of a hash.
const { imul } = Math;

/**
 * A hash table with open addressing and linear probing: 8 bytes a place, the name's hash and its row. With 100,000 names a question
 * touches three lines of memory that no cache holds (a place, the reference to the name, the name), where a Map of strings touches five
 * to seven, because it follows chains and looks at each name on the way. That is a quarter of what a large fleet adds to a decision.
 *
 * @param names by row; a row's name must be there before it is added, and until it is removed.
 * @param seed of the hash, so that nobody outside can choose names that share a place.
 */
export function createNameTable(
  names: readonly (string | undefined)[],
  seed = Math.floor(Math.random() * 0x1_0000_0000),
): NameTable {
  /** At 2p the hash, at 2p + 1 the row plus one, or 0 where the place is free. */
  let places = new Int32Array(2 * firstCapacity);
  let mask = firstCapacity - 1;
  let used = 0;

  /** FNV-1a over UTF-16 code units, its bits mixed, because the places are chosen by the lowest. */
  function hashOf(name: string): number {
    let hash = seed | 0;
    for (let i = 0; i < name.length; i++) hash = imul(hash ^ name.charCodeAt(i), 0x01000193);
    hash = imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    return hash ^ (hash >>> 13);
  }

  /** The place of a name, or the free one where it would be. */
  function placeOf(name: string, hash: number): number {
    for (let place = hash & mask; ; place = (place + 1) & mask) {
      const row = places[2 * place + 1] ?? 0;
      if (row === 0 || (places[2 * place] === hash && names[row - 1] === name)) return place;
    }
  }

  function grow(): void {
    const before = places;
    places = new Int32Array(2 * before.length);
    mask = before.length - 1;
    for (let i = 0; i < before.length; i += 2) {
      const hash = before[i] ?? 0;
      const row = before[i + 1] ?? 0;
      if (row === 0) continue;
      let place = hash & mask;
      while (places[2 * place + 1] !== 0) place = (place + 1) & mask;
      places[2 * place] = hash;
      places[2 * place + 1] = row;
    }
  }

  return {
    find: (name) => (places[2 * placeOf(name, hashOf(name)) + 1] ?? 0) - 1,
    add(name, row) {
      // Half full at most: then a name is found at the first or second place.
      if (2 * ++used > mask) grow();
      const hash = hashOf(name);
      const place = placeOf(name, hash);
      places[2 * place] = hash;
      places[2 * place + 1] = row + 1;
    },
    remove(name) {
      let free = placeOf(name, hashOf(name));
      if (places[2 * free + 1] === 0) return;
      used--;
      // Those behind move up, unless they would come before the place that their hash names: no name is ever behind a gap.
      for (let place = (free + 1) & mask; places[2 * place + 1] !== 0; place = (place + 1) & mask) {
        const wanted = (places[2 * place] ?? 0) & mask;
        if (((place - wanted) & mask) < ((place - free) & mask)) continue;
        places[2 * free] = places[2 * place] ?? 0;
        places[2 * free + 1] = places[2 * place + 1] ?? 0;
        free = place;
      }
      places[2 * free + 1] = 0;
    },
  };
}
