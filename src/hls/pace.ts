import { setImmediate as turn } from 'node:timers/promises';

/** Work of this length is done in one turn of the event loop. */
const mostMs = 3;
/** In characters: so much is done between two looks at the clock. */
const lookEvery = 1024;
/** An empty line costs as much as this many characters. */
const costOfLine = 64;

/**
 * Watches how long the reading of lines takes.
 * @returns to be called before each line, with its length: what to wait for, so that others have their turn; undefined while there is time.
 */
export function createPace(
  nowMs: () => number = () => performance.now(),
): (length: number) => Promise<void> | undefined {
  let read = 0;
  let since = nowMs();
  return (length) => {
    read += costOfLine + length;
    if (read < lookEvery) return undefined;
    read = 0;
    if (nowMs() - since < mostMs) return undefined;
    return turn().then(() => {
      since = nowMs();
    });
  };
}
