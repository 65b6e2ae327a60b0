/** Calls many things some times a second, with one timer. */
export interface Ticker {
  /** @returns how to end it. */
  add(tick: () => void): () => void;
  /** How many are called. */
  readonly count: number;
}

/**
 * Makes a ticker; its timer runs only while there is something to call, and never keeps the process alive. Who is called has read what came before: after a
 * pause of this process nobody looks silent who was not.
 */
export function createTicker(everyMs: number): Ticker {
  const ticks = new Set<() => void>();
  let timer: NodeJS.Timeout | undefined;

  function callAll(): void {
    for (const tick of ticks) tick();
  }

  return {
    add(tick) {
      ticks.add(tick);
      timer ??= setInterval(() => setImmediate(callAll), everyMs).unref();
      return () => {
        ticks.delete(tick);
        if (ticks.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
    get count() {
      return ticks.size;
    },
  };
}
