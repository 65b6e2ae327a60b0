import { openSync, readSync } from 'node:fs';

const text = Buffer.alloc(64);
let schedstat: number | undefined;

/** Processor time of this process' main thread, in ms: what others do on a busy machine is no part of it. */
function cpuMs(): number {
  // Kept open: it is read in each turn.
  schedstat ??= openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  const length = readSync(schedstat, text, 0, text.length, 0);
  return Number(text.toString('latin1', 0, length).split(' ', 1)[0]) / 1e6;
}

/**
 * How much processor time the longest turn of this process' event loop took while something went on: nobody who waits for this process waits for
 * longer than that. Of up to ten tries the best counts, since the engine itself (compiling, collecting garbage) takes its time now and then, while what
 * blocks does so each time.
 *
 * @param enoughMs ends the tries when one takes less.
 */
export async function longestTurnMs(during: () => Promise<void>, enoughMs: number): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 10 && best >= enoughMs; i++) {
    let longest = 0;
    let isOver = false;
    let last = cpuMs();
    const look = (): void => {
      const now = cpuMs();
      longest = Math.max(longest, now - last);
      last = now;
      if (!isOver) setImmediate(look);
    };
    setImmediate(look);
    await during();
    isOver = true;
    // The turn in which it ended.
    longest = Math.max(longest, cpuMs() - last);
    best = Math.min(best, longest);
  }
  return best;
}
