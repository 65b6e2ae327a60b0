import type { ApiHealth } from '../directory';
import { backOffMs } from '../wire';

/** Memory of one server's automatic drains. Times are milliseconds since 1970. */
export interface Damping {
  /** Automatic action wants it drained now. */
  readonly drained: boolean;
  /** Drains that are not forgotten yet: each lengthens the time that the API must answer before the server is made ready again. */
  readonly flaps: number;
  /** Since when the API answers without a failure. */
  readonly okSinceMs: number | undefined;
  /** Since when the API is suspect, until it answers again. */
  readonly suspectSinceMs: number | undefined;
  /** When the guard gave it back although its API does not answer. */
  readonly releasedMs: number | undefined;
}

export const undamped: Damping = {
  drained: false,
  flaps: 0,
  okSinceMs: undefined,
  suspectSinceMs: undefined,
  releasedMs: undefined,
};

const holdDown = { firstMs: 4_000, longestMs: 300_000, factor: 4 };
/** So long must a server be well for its flaps to be forgotten. */
const forgetAfterMs = 600_000;

/**
 * How long the API must have answered before a drained server is made ready: 4 s, four times as long with each drain, at most 5 min. However it flaps,
 * its state changes at most five times in the first minute.
 */
export function holdDownMs(flaps: number): number {
  return backOffMs(Math.max(1, flaps), holdDown);
}

/** Takes the API's health in; ends a drain when the server has been well for its hold-down. Never begins one: see beginDrain. */
export function damp(old: Damping, health: ApiHealth, nowMs: number): Damping {
  if (health !== 'ok') {
    const suspectSinceMs = old.suspectSinceMs ?? (health === 'suspect' ? nowMs : undefined);
    return { ...old, okSinceMs: undefined, suspectSinceMs };
  }
  // A clock that was set back starts the time anew.
  const okSinceMs = Math.min(old.okSinceMs ?? nowMs, nowMs);
  const okMs = nowMs - okSinceMs;
  const drained = old.drained && okMs < holdDownMs(old.flaps);
  const flaps = !drained && okMs >= forgetAfterMs ? 0 : old.flaps;
  return { ...old, drained, flaps, okSinceMs, suspectSinceMs: undefined };
}

export function beginDrain(old: Damping): Damping {
  return { ...old, drained: true, flaps: old.flaps + 1, releasedMs: undefined };
}

/** Ends a drain that was not the server's to end, so that it is not held against it. */
export function releaseDrain(old: Damping, nowMs: number): Damping {
  return { ...old, drained: false, flaps: Math.max(0, old.flaps - 1), releasedMs: nowMs };
}
