export interface ScheduleInput {
  readonly intervalMs: number;
  /** How long the last list took, parsing included. */
  readonly tookMs: number;
  /** Milliseconds of this process's own time that the last list cost. */
  readonly ownMs: number;
  readonly servers: number;
  readonly consecutiveFailures: number;
}

// At most this share of the time has a list in flight on a server,
const inFlightShare = 0.05;
// and at most this share of the agent's core goes into reading lists, whatever the fleet's size.
const ownShare = 0.15;
const firstAfterFailureMs = 1_000;
const longestAfterFailureMs = 8_000;

/**
 * Whole milliseconds from the end of one list to the start of the next: every `intervalMs`, less often when lists are slow or
 * the fleet is large. One that failed is repeated within a second, however rare lists are, and backs off while they fail (after the
 * first two repeats, which tell a hiccup from a fault).
 */
export function nextInventoryMs(input: ScheduleInput): number {
  const { intervalMs, tookMs, consecutiveFailures } = input;
  if (consecutiveFailures > 0) {
    const first = Math.min(intervalMs, firstAfterFailureMs);
    return Math.min(first * 2 ** Math.max(0, consecutiveFailures - 2), longestAfterFailureMs);
  }
  const periodMs = Math.max(intervalMs, tookMs / inFlightShare, (input.ownMs * input.servers) / ownShare);
  // Timers drop fractions, and would come too early.
  return Math.ceil(periodMs - tookMs);
}
