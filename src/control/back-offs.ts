import type { RuntimeError } from '../runtime';
import { backOffMs } from '../wire';
import type { Command } from './decide';

/** When commands that failed may be given again. Each server's commands of a kind have their own time, so that one refusal starves nobody else. */
export interface BackOffs {
  isDue(command: Pick<Command, 'server' | 'kind'>): boolean;
  /**
   * Takes in how a command ended (`error` undefined: it was done). The time until the next attempt doubles with each failure.
   *
   * @returns whether it failed in another way than the time before.
   */
  note(command: Pick<Command, 'server' | 'kind'>, error: Pick<RuntimeError, 'message'> | undefined): boolean;
  /** All may be tried once more, now. */
  hurry(): void;
  /** Nothing ever failed. */
  forget(): void;
}

const backOff = { firstMs: 1000, longestMs: 15_000 };
/** More servers than a fleet has: names of some that are long gone. */
const mostRemembered = 10_000;

/** @param now monotonic milliseconds. */
export function createBackOffs(now: () => number): BackOffs {
  const failed = new Map<string, { readonly times: number; readonly notBefore: number; readonly message: string }>();
  const keyOf = ({ server, kind }: Pick<Command, 'server' | 'kind'>): string => `${kind} ${server}`;
  return {
    isDue: (command) => now() >= (failed.get(keyOf(command))?.notBefore ?? Number.NEGATIVE_INFINITY),
    note(command, error) {
      const key = keyOf(command);
      const before = failed.get(key);
      failed.delete(key);
      if (error === undefined) return false;
      if (failed.size >= mostRemembered) failed.clear();
      const times = (before?.times ?? 0) + 1;
      // The first second is the pause between two looks anyway.
      const pauseMs = backOffMs(times, backOff) - backOff.firstMs;
      failed.set(key, { times, notBefore: now() + pauseMs, message: error.message });
      return error.message !== before?.message;
    },
    hurry() {
      for (const [key, value] of failed) failed.set(key, { ...value, notBefore: Number.NEGATIVE_INFINITY });
    },
    forget: () => failed.clear(),
  };
}
