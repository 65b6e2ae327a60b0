/** A signal that is aborted when another one is, or when a time is over. */
export interface Deadline {
  readonly signal: AbortSignal;
  /** Whether it was the time. */
  readonly isOver: boolean;
  /** Takes back timer and listener; the signal then stays as it is. */
  clear(): void;
}

/** Begins at once. */
export function createDeadline(outer: AbortSignal, timeoutMs: number): Deadline {
  const controller = new AbortController();
  let isOver = false;
  const abort = (): void => {
    clear();
    controller.abort();
  };
  const timer = setTimeout(() => {
    isOver = true;
    abort();
  }, timeoutMs);
  function clear(): void {
    clearTimeout(timer);
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
