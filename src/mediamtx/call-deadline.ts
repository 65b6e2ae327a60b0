import { performance } from 'node:perf_hooks';

/** How long a call may take its server, and this process. */
export interface CallDeadline {
  /** Aborted when the time is over. */
  readonly signal: AbortSignal;
  /** This process has worked so long on the answer. */
  spent(ms: number): void;
  clear(): void;
}

/** Whatever this process is busy with, a call lasts so many times its limit at most. */
const longestFactor = 10;
/** Of the limit; less than that is not looked for. */
const leastShare = 0.05;

/**
 * Begins at once. What counts is the time in which this process had nothing to do, and so waited for the server, and what it spent on the answer. In the time
 * in which it did other things, the server's answer may have been there: with a hundred lists to read at once, most of them wait for the others.
 */
export function createCallDeadline(limitMs: number): CallDeadline {
  const controller = new AbortController();
  const beganMs = performance.now();
  const idleBeforeMs = idleMs();
  let spentMs = 0;
  let timer = setTimeout(look, limitMs);

  function look(): void {
    const leftMs = limitMs - spentMs - (idleMs() - idleBeforeMs);
    const longestMs = limitMs * longestFactor - (performance.now() - beganMs);
    if (leftMs < limitMs * leastShare || longestMs <= 0) controller.abort();
    else timer = setTimeout(look, Math.min(leftMs, longestMs));
  }

  return {
    signal: controller.signal,
    spent(ms) {
      spentMs += ms;
    },
    clear: () => clearTimeout(timer),
  };
}

/** How long this process has waited for something to happen, since its start. */
function idleMs(): number {
  return performance.eventLoopUtilization().idle;
}
