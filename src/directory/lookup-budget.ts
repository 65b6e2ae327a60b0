/**
 * A token bucket: at most `perSecond` lookups a second, with one second's worth of burst.
 *
 * @param now milliseconds of a monotonic clock.
 */
export function createLookupBudget(perSecond: number, now: () => number): { take(): boolean } {
  let tokens = perSecond;
  let filledAt = now();
  return {
    take() {
      const at = now();
      tokens = Math.min(perSecond, tokens + ((at - filledAt) / 1000) * perSecond);
      filledAt = at;
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}
