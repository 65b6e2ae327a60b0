import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ask, type Stream, type StreamRows } from './api';

export interface StreamQuery {
  readonly match: string;
  readonly sort: 'name' | 'viewers' | 'newest';
}

export interface Rows {
  /** Undefined before the first answer. */
  readonly total: number | undefined;
  /** The row, as far as it was read. */
  readonly row: (index: number) => Stream | undefined;
  /** Tells which rows are looked at; those are read, and kept up to date. */
  readonly look: (first: number, last: number) => void;
  readonly lastError: string | undefined;
}

const blockSize = 100;
const refreshMs = 2000;
/** More than any screen shows; what was scrolled past is read again when it is needed. */
const maxBlocks = 12;

/** Reads the rows of a long list that are looked at, in blocks. */
export function useStreamRows(query: StreamQuery, isLive: boolean): Rows {
  const { match, sort } = query;
  const blocks = useRef(new Map<number, readonly Stream[]>());
  const range = useRef({ first: 0, last: 40 });
  const asking = useRef<AbortController | undefined>(undefined);
  const [state, setState] = useState<{ total: number | undefined; lastError: string | undefined; round: number }>({
    total: undefined,
    lastError: undefined,
    round: 0,
  });

  const read = useCallback(
    async (isRefresh: boolean): Promise<void> => {
      const from = Math.floor(range.current.first / blockSize);
      const to = Math.floor(range.current.last / blockSize);
      const wanted = [];
      for (let block = from; block <= to; block++) if (isRefresh || !blocks.current.has(block)) wanted.push(block);
      if (wanted.length === 0) return;
      asking.current?.abort();
      const { signal } = (asking.current = new AbortController());
      try {
        const parts = await Promise.all(
          wanted.map((block) =>
            ask<StreamRows>(
              `/ui/streams?match=${encodeURIComponent(match)}&sort=${sort}&offset=${block * blockSize}&limit=${blockSize}`,
              { signal },
            ),
          ),
        );
        for (const [i, part] of parts.entries()) {
          const block = wanted[i] ?? 0;
          blocks.current.delete(block);
          blocks.current.set(block, part.streams);
        }
        while (blocks.current.size > maxBlocks) {
          const [oldest = 0] = blocks.current.keys();
          blocks.current.delete(oldest);
        }
        setState(({ round }) => ({ total: parts[0]?.total, lastError: undefined, round: round + 1 }));
      } catch (error) {
        if (signal.aborted) return;
        const lastError = error instanceof Error ? error.message : String(error);
        setState((before) => ({ ...before, lastError }));
      }
    },
    [match, sort],
  );

  useEffect(() => {
    blocks.current.clear();
    void read(true);
    return () => asking.current?.abort();
  }, [read]);
  useEffect(() => {
    if (!isLive) return;
    void read(true);
    const timer = setInterval(() => void read(true), refreshMs);
    return () => clearInterval(timer);
  }, [read, isLive]);

  const look = useCallback(
    (first: number, last: number): void => {
      range.current = { first, last };
      void read(false);
    },
    [read],
  );
  return {
    total: state.total,
    lastError: state.lastError,
    row: (index) => blocks.current.get(Math.floor(index / blockSize))?.[index % blockSize],
    look,
  };
}
