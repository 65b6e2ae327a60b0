/** Watches the timers of one delay, which should be one that nobody else uses. */
export function timersOf(delayMs: number): {
  readonly left: () => { set: number; cleared: number };
  readonly restore: () => void;
} {
  const set = jest.spyOn(globalThis, 'setTimeout');
  const clear = jest.spyOn(globalThis, 'clearTimeout');
  return {
    left() {
      const mine = set.mock.results
        .filter((_, index) => set.mock.calls[index]?.[1] === delayMs)
        .map(({ value }) => value as unknown);
      const cleared = new Set(clear.mock.calls.map(([timer]) => timer as unknown));
      return { set: mine.length, cleared: mine.filter((timer) => cleared.has(timer)).length };
    },
    restore() {
      set.mockRestore();
      clear.mockRestore();
    },
  };
}
