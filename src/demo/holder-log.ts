/** One time that a server had a stream; times are milliseconds since 1970. */
export interface Holding {
  readonly server: string;
  /** From here on the server may have answered for the stream. */
  readonly fromMs: number;
  /** From here on it certainly did; undefined while the publisher is only connecting. */
  liveMs: number | undefined;
  /** From here on it may have stopped. */
  leavingMs: number | undefined;
  /** From here on it certainly has not got the stream; undefined before. */
  toMs: number | undefined;
}

/**
 * Who really had which stream, and when: written by whoever makes the publishers come and go, so it does not depend on
 * what the agent believes.
 */
export interface HolderLog {
  /** A publisher sets out to this server. */
  connecting(stream: string, server: string): void;
  /** The server has the stream. */
  live(stream: string, server: string): void;
  /** The publisher is told to leave. */
  leaving(stream: string, server: string): void;
  /** The server has lost the stream. */
  gone(stream: string, server: string): void;
  /** Every holding that lasted to `sinceMs` or longer, oldest first. */
  holdings(stream: string, sinceMs: number): readonly Holding[];
  /** Servers that have the stream now, the newest publisher first. */
  holders(stream: string): readonly string[];
  /** Whether the server may have had the stream at some moment between the two times. */
  mayHaveHeld(stream: string, server: string, fromMs: number, toMs: number): boolean;
  /** Whether at every moment between the two times some server certainly had the stream. */
  alwaysHadHolder(stream: string, fromMs: number, toMs: number): boolean;
  /** How often a stream's newest publisher was on another server than the one before. */
  readonly moves: number;
}

/** Older holdings are forgotten. */
const memoryMs = 5 * 60_000;

export function createHolderLog(now: () => number = Date.now): HolderLog {
  const byStream = new Map<string, Holding[]>();
  const lastHolder = new Map<string, string>();
  let moves = 0;

  const all = (stream: string): Holding[] => byStream.get(stream) ?? [];
  const open = (stream: string, server: string) =>
    all(stream).find((holding) => holding.server === server && holding.toMs === undefined);

  function connecting(stream: string, server: string): Holding {
    const known = open(stream, server);
    if (known !== undefined) return known;
    const holding: Holding = { server, fromMs: now(), liveMs: undefined, leavingMs: undefined, toMs: undefined };
    const kept = all(stream).filter(({ toMs }) => toMs === undefined || toMs > now() - memoryMs);
    byStream.set(stream, [...kept, holding]);
    return holding;
  }

  return {
    connecting,
    live(stream, server) {
      connecting(stream, server).liveMs = now();
      const before = lastHolder.get(stream);
      lastHolder.set(stream, server);
      if (before !== undefined && before !== server) moves++;
    },
    leaving(stream, server) {
      const holding = open(stream, server);
      if (holding !== undefined) holding.leavingMs ??= now();
    },
    gone(stream, server) {
      const holding = open(stream, server);
      if (holding === undefined) return;
      holding.leavingMs ??= now();
      holding.toMs = now();
      const [left] = holders(stream);
      // Nobody moved: the publisher that is left was there before.
      if (left !== undefined) lastHolder.set(stream, left);
    },
    holdings: (stream, sinceMs) => all(stream).filter(({ toMs }) => toMs === undefined || toMs >= sinceMs),
    holders,
    mayHaveHeld: (stream, server, fromMs, toMs) =>
      all(stream).some(
        (holding) => holding.server === server && holding.fromMs <= toMs && (holding.toMs ?? Infinity) >= fromMs,
      ),
    alwaysHadHolder(stream, fromMs, toMs) {
      let coveredMs = fromMs;
      for (const { liveMs, leavingMs } of [...all(stream)].sort(byLiveMs)) {
        if (liveMs !== undefined && liveMs <= coveredMs) coveredMs = Math.max(coveredMs, leavingMs ?? Infinity);
      }
      return coveredMs > toMs;
    },
    get moves() {
      return moves;
    },
  };

  function holders(stream: string): readonly string[] {
    return all(stream)
      .filter(({ liveMs, toMs }) => liveMs !== undefined && toMs === undefined)
      .sort((a, b) => byLiveMs(b, a))
      .map(({ server }) => server);
  }
}

function byLiveMs(a: Holding, b: Holding): number {
  return (a.liveMs ?? Infinity) - (b.liveMs ?? Infinity);
}
