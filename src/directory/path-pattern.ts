import { processorMs } from '../measure';

/** A regular expression of a path's name, as MediaMTX (Go, RE2) understands it. */
export interface PathPattern {
  /** Whether it matches somewhere in the name. Undefined where it cannot be told: it took too long, again and again. */
  test(name: string): boolean | undefined;
}

/** Longer ones, and larger ones, are not tried. */
const longestPattern = 256;
const largestProgram = 500;
/** The first names build the matcher's tables. */
const namesToWarmUp = 3;
const longestTestMs = 5;
/** So many names in a row that took too long: now and then the engine compiles or cleans up. */
const mostSlow = 3;

interface Re2 {
  compile(text: string): { test(name: string): boolean; programSize(): number };
}
let loading: Promise<Re2> | undefined;

/** Loaded with the first pattern that is met: most fleets have none, and it takes 10 ms. */
function loadRe2(): Promise<Re2> {
  loading ??= import('re2js').then(({ RE2JS }) => RE2JS);
  return loading;
}

/**
 * Compiles a pattern. The texts come from servers: RE2 needs time in proportion to the name, whatever the pattern, and one that is long, large
 * or slow all the same is given up.
 *
 * @param usedMs the processor time that this process has used.
 * @returns undefined where it cannot be compiled.
 */
export async function compilePathPattern(
  text: string,
  usedMs: () => number = processorMs,
): Promise<PathPattern | undefined> {
  if (text.length > longestPattern) return undefined;
  if (text === '^.*$') return { test: () => true };
  const re2 = await loadRe2();
  try {
    const compiled = re2.compile(text);
    return compiled.programSize() > largestProgram ? undefined : guarded((name) => compiled.test(name), usedMs);
  } catch {
    // No expression of RE2. A MediaMTX does not start with one, so this is none.
    return undefined;
  }
}

function guarded(test: (name: string) => boolean, usedMs: () => number): PathPattern {
  let names = 0;
  let slow = 0;
  let lastName: string | undefined;
  let lastResult = false;
  return {
    test(name) {
      if (slow >= mostSlow) return undefined;
      // The servers of a fleet have the same patterns, and are looked at one after the other.
      if (name === lastName) return lastResult;
      const startedMs = usedMs();
      lastResult = test(name);
      lastName = name;
      slow = ++names > namesToWarmUp && usedMs() - startedMs > longestTestMs ? slow + 1 : 0;
      return lastResult;
    },
  };
}
