/**
 * A glob over whole stream names: `*` for characters of one part of the path, `**` across slashes. Returns whether a name fits.
 *
 * Names come from viewers' URLs, and an expression that goes back takes milliseconds for the wrong one. This never goes back: it keeps the set of
 * all places in the pattern where it may be, one bit a place, and moves the set on with each character (Baeza-Yates and Gonnet's shift-and), so
 * that a name of any kind costs its length times a word for each 32 letters of the pattern.
 */
export function streamPattern(glob: string): (name: string) => boolean {
  const { letters, stars, globstars } = parseGlob(glob);
  const words = (letters.length >> 5) + 1;
  /** By character and word: the places after which that letter comes. What is not ASCII is no letter of a pattern. */
  const next = new Int32Array(asciiCodes * words);
  letters.forEach((code, place) => {
    if (code < asciiCodes) next[code * words + (place >> 5)] = bit(place) | (next[code * words + (place >> 5)] ?? 0);
  });
  const stayInPart = bitsOf([...stars, ...globstars], words);
  const stay = bitsOf(globstars, words);
  const end = letters.length;
  const places = new Int32Array(words);

  return (name) => {
    places.fill(0);
    places[0] = 1;
    for (let i = 0; i < name.length; i++) {
      const code = name.charCodeAt(i);
      const staying = code === slash ? stay : stayInPart;
      const row = code < asciiCodes ? code * words : -1;
      let carried = 0;
      let any = 0;
      for (let word = 0; word < words; word++) {
        const at = places[word] ?? 0;
        const moved = row < 0 ? 0 : at & (next[row + word] ?? 0);
        const now = (moved << 1) | carried | (at & (staying[word] ?? 0));
        carried = moved >>> 31;
        places[word] = now;
        any |= now;
      }
      if (any === 0) return false;
    }
    return ((places[end >> 5] ?? 0) & bit(end)) !== 0;
  };
}

const slash = 0x2f;
const asciiCodes = 128;

/** The letters, and before which of them (or at the end: their number) the wildcards stand. */
function parseGlob(glob: string): { letters: number[]; stars: number[]; globstars: number[] } {
  const letters: number[] = [];
  const stars: number[] = [];
  const globstars: number[] = [];
  for (const part of glob.match(/\*\*|[^]/g) ?? []) {
    if (part === '**') globstars.push(letters.length);
    else if (part === '*') stars.push(letters.length);
    else letters.push(part.charCodeAt(0));
  }
  return { letters, stars, globstars };
}

function bit(place: number): number {
  return 1 << (place & 31);
}

function bitsOf(places: readonly number[], words: number): Int32Array {
  const bits = new Int32Array(words);
  for (const place of places) bits[place >> 5] = bit(place) | (bits[place >> 5] ?? 0);
  return bits;
}
