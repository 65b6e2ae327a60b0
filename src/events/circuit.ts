import { type BackOff, backOffMs } from '../wire';
/** Keeps a receiver that fails from being asked again and again. */
export interface Circuit {
  /** `open`: nothing is sent; `half-open`: one attempt is under way, on which it depends. */
  readonly state: 'closed' | 'open' | 'half-open';
  /** Whether an attempt may be made now; the first one after the pause is the probe. */
  allows(nowMs: number): boolean;
  /** When an attempt will be allowed again; undefined while it is allowed, or depends on the probe. */
  readonly opensAgainAtMs: number | undefined;
  succeeded(): void;
  /** @param retryAfterMs what the receiver asked for, if it did. */
  failed(nowMs: number, retryAfterMs?: number): void;
}

export interface CircuitOptions extends BackOff {
  /** Failures in a row that open it. */
  readonly failures: number;
  /** From 0 to 1: pauses are up to a quarter shorter, so that agents do not all come at once. */
  readonly random: () => number;
}

const longestAskedForMs = 3_600_000;

export function createCircuit({ failures, random, ...backOff }: CircuitOptions): Circuit {
  let state: Circuit['state'] = 'closed';
  let inARow = 0;
  let pauses = 0;
  let againAtMs = 0;
  return {
    get state() {
      return state;
    },
    get opensAgainAtMs() {
      return state === 'open' ? againAtMs : undefined;
    },
    allows(nowMs) {
      if (state === 'half-open') return false;
      if (state === 'closed') return true;
      if (nowMs < againAtMs) return false;
      state = 'half-open';
      return true;
    },
    succeeded() {
      // An answer to what was sent before it opened says nothing of now: only the probe closes it.
      if (state === 'open') return;
      state = 'closed';
      inARow = 0;
      pauses = 0;
    },
    failed(nowMs, retryAfterMs) {
      if (state === 'open') return;
      inARow++;
      if (state === 'closed' && inARow < failures && retryAfterMs === undefined) return;
      const ownMs = backOffMs(++pauses, backOff, random);
      againAtMs = nowMs + Math.max(ownMs, Math.min(retryAfterMs ?? 0, longestAskedForMs));
      state = 'open';
    },
  };
}
