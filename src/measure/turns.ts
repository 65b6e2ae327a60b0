/** How long work may hold the event loop before others get their turn, in ms. */
const longestMs = 2;

/** Divides work into turns of the event loop: all who share it together get one short piece of each. */
export interface Turns {
  /** Waits until there is time in a turn; undefined where there is in this one. */
  wait(): Promise<void> | undefined;
}

export function createTurns(): Turns {
  /** When the first one asked for time in this turn: whatever is done since, taking bytes off a connection included, is a part of it. */
  let sinceMs: number | undefined;
  let next: Promise<void> | undefined;

  function turn(): Promise<void> {
    next ??= new Promise((resolve) => {
      setImmediate(() => {
        next = undefined;
        sinceMs = undefined;
        resolve();
      });
    });
    return next;
  }

  function isTime(): boolean {
    const nowMs = performance.now();
    if (sinceMs !== undefined) return nowMs - sinceMs < longestMs;
    sinceMs = nowMs;
    // What was used in this turn counts in this turn only.
    void turn();
    return true;
  }

  async function waitForTime(): Promise<void> {
    // Whoever comes first in the new turn may use it up.
    do await turn();
    while (!isTime());
  }

  return { wait: () => (isTime() ? undefined : waitForTime()) };
}
