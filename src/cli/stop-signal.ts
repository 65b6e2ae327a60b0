import { constants } from 'node:os';

/**
 * Aborts at the first SIGTERM or SIGINT, with its name as the reason. At the second, the process ends at once with the code that shells give to
 * a program ended by that signal.
 */
export function stopSignal(): AbortSignal {
  const stopping = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (stopping.signal.aborted) process.exit(128 + constants.signals[name]);
      stopping.abort(name);
    });
  }
  return stopping.signal;
}

/** Resolves when the signal aborts, at once when it has already. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
