/** Waits for somebody to be silent for too long. */
export interface Silence {
  /** Something came, or from now on something may come: the time begins again. */
  heard(): void;
  stop(): void;
}

/**
 * Begins at once, and calls `onSilent` each time that nothing was heard for `timeoutMs`. A process that was itself held up (a machine that stood still, a busy
 * processor) first reads what came meanwhile: its own pause is nobody's silence.
 */
export function createSilence(timeoutMs: number, onSilent: () => void): Silence {
  let afterReading: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    afterReading = setImmediate(onSilent);
  }, timeoutMs);
  return {
    heard() {
      clearImmediate(afterReading);
      timer.refresh();
    },
    stop() {
      clearImmediate(afterReading);
      clearTimeout(timer);
    },
  };
}
