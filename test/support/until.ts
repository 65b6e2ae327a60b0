import { setTimeout as pause } from 'node:timers/promises';

type Truthy<T> = Exclude<T, false | 0 | '' | null | undefined>;

/** Thrown by a probe when there is nothing left to wait for. */
export class GiveUp extends Error {}

/** Only what hangs takes so long, on a busy machine too; the test runner gives up later, so `what` stands in the error. */
const hangsAfterMs = 600_000;

/** Waits for a condition instead of for time: calls `probe` until it returns something truthy, and returns that. */
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
    if (Date.now() - started > hangsAfterMs) throw new Error(`still waiting for ${what}; last seen: ${String(seen)}`);
    await pause(everyMs);
  }
}
