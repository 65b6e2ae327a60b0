import { setTimeout as pause } from 'node:timers/promises';

type Truthy<T> = Exclude<T, false | 0 | '' | null | undefined>;

/** Thrown by a probe when there is nothing left to wait for. */
export class GiveUp extends Error {}

/**
 * Waits for a condition instead of for time: calls `probe` until it returns something truthy, and returns that.
 * It gives up only when the test runner does; `what` then stands in the last error.
 */
export async function until<T>(what: string, probe: () => T | Promise<T>, everyMs = 10): Promise<Truthy<T>> {
  const started = Date.now();
  for (;;) {
    let seen: unknown;
    try {
      const value = await probe();
      if (value) return value as Truthy<T>;
      seen = value;
    } catch (error) {
      if (error instanceof GiveUp) throw error;
      seen = error;
    }
    if (Date.now() - started > 90_000) throw new Error(`still waiting for ${what}; last seen: ${String(seen)}`);
    await pause(everyMs);
  }
}
