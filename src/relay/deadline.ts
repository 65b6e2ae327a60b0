import { createSilence } from './silence';

/** A signal that is aborted when another one is, or when a time is over. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Whether it was the time. */
  readonly isOver: boolean;
  /** Takes back timer and listener; the signal then stays as it is. */
  clear(): void;
}

/** Begins at once. A process that was itself held up first reads what came meanwhile, before its time counts as over. */
export function createDeadline(outer: AbortSignal, timeoutMs: number): Deadline {
  const controller = new AbortController();
  let isOver = false;
  const abort = (): void => {
    clear();
    controller.abort();
  };
  const silence = createSilence(timeoutMs, () => {
    isOver = true;
    abort();
  });
  function clear(): void {
    silence.stop();
    outer.removeEventListener('abort', abort);
  }
  if (outer.aborted) abort();
  else outer.addEventListener('abort', abort, { once: true });
  return {
    signal: controller.signal,
    get isOver() {
      return isOver;
    },
    clear,
  };
}

/** A signal changes while something is waited for, which the compiler does not know. */
export function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
