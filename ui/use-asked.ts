import { useEffect, useState } from 'preact/hooks';
import { ask } from './api';

export interface Asked<T> {
  /** The last answer of this path; undefined before the first. */
  readonly answer: T | undefined;
  /** Why the last question was not answered; undefined when it was. */
  readonly lastError: string | undefined;
}

const refreshMs = 2000;

/** Asks the agent for a path of its API again and again, while there is a connection. */
export function useAsked<T>(path: string, isLive: boolean): Asked<T> {
  const [state, setState] = useState<{ path: string; answer?: T; lastError?: string }>({ path });
  useEffect(() => {
    if (!isLive) return;
    const asking = new AbortController();
    let isWaiting = false;
    const read = async (): Promise<void> => {
      if (isWaiting) return;
      isWaiting = true;
      try {
        const answer = await ask<T>(path, { signal: asking.signal });
        setState({ path, answer });
      } catch (error) {
        if (asking.signal.aborted) return;
        const lastError = error instanceof Error ? error.message : String(error);
        setState((before) => ({ ...(before.path === path ? before : { path }), lastError }));
      } finally {
        isWaiting = false;
      }
    };
    void read();
    const timer = setInterval(() => void read(), refreshMs);
    return () => {
      clearInterval(timer);
      asking.abort();
    };
  }, [path, isLive]);
  return state.path === path
    ? { answer: state.answer, lastError: state.lastError }
    : { answer: undefined, lastError: undefined };
}
