import type { SourceFailure } from './provider';

/** What is known of one source of a stream. */
export interface SourceHealth {
  /** In a row. */
  readonly failures: number;
  /** Of the last failure; undefined while the source works, or was not tried. */
  readonly failure: SourceFailure | undefined;
  /** Not to be asked again before, by the caller's clock. */
  readonly retryAtMs: number;
}

export interface NextSource {
  readonly index: number;
  readonly waitMs: number;
}

/** How the sources of one stream are doing, for all of its clients together. The time is an argument. */
export interface SourcesHealth {
  /**
   * A connection that was begun at `sinceMs` failed. However many connections tell of the same failure, it counts once: those that were begun before the
   * last one know nothing new.
   */
  failed(url: string, failure: SourceFailure, sinceMs: number, nowMs: number): void;
  /** The source gives what it should. */
  works(url: string): void;
  of(url: string): SourceHealth;
  /**
   * Which source comes after `from` in the list, and how long to wait for it; undefined where the list is empty.
   * @param mostMs for a viewer who waits for the first picture: a source is left alone for so long at most.
   */
  next(sources: readonly string[], from: number, nowMs: number, mostMs?: number): NextSource | undefined;
}

export interface HealthOptions {
  /** Pause after the first failure, doubled with each that follows. Default 1 s. */
  readonly leastPauseMs?: number;
  /** Default 30 s. */
  readonly mostPauseMs?: number;
}

interface State {
  failures: number;
  failure: SourceFailure | undefined;
  failedAtMs: number;
  retryAtMs: number;
}

const untried: SourceHealth = { failures: 0, failure: undefined, retryAtMs: -Infinity };
/** Lists change: what was not heard of for the longest time is forgotten. */
const maxSources = 256;

/** Makes the memory of one stream. */
export function createSourcesHealth({ leastPauseMs = 1000, mostPauseMs = 30_000 }: HealthOptions = {}): SourcesHealth {
  const states = new Map<string, State>();

  function waitMs(url: string, nowMs: number, mostMs: number): number {
    const state = states.get(url);
    if (state === undefined) return 0;
    return Math.max(0, Math.min(state.retryAtMs, state.failedAtMs + mostMs) - nowMs);
  }

  return {
    failed(url, failure, sinceMs, nowMs) {
      const before = states.get(url);
      if (before !== undefined && sinceMs < before.failedAtMs) return;
      const failures = (before?.failures ?? 0) + 1;
      const pauseMs = Math.min(mostPauseMs, leastPauseMs * 2 ** Math.min(failures - 1, 16));
      const askedMs = Math.min(failure.retryAfterMs ?? 0, mostPauseMs);
      states.delete(url);
      const [oldest] = states.keys();
      if (oldest !== undefined && states.size >= maxSources) states.delete(oldest);
      states.set(url, { failures, failure, failedAtMs: nowMs, retryAtMs: nowMs + Math.max(pauseMs, askedMs) });
    },
    works(url) {
      const state = states.get(url);
      if (state === undefined) return;
      // When it failed is kept: connections from before that may still tell of it.
      Object.assign(state, untried);
    },
    of: (url) => states.get(url) ?? untried,
    next(sources, from, nowMs, mostMs = Infinity) {
      let best: NextSource | undefined;
      for (let step = 1; step <= sources.length; step++) {
        const index = (from + step) % sources.length;
        const wait = waitMs(sources[index] ?? '', nowMs, mostMs);
        if (best === undefined || wait < best.waitMs) best = { index, waitMs: wait };
        if (wait === 0) break;
      }
      return best;
    },
  };
}
