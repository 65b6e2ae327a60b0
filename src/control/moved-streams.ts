import { clearTableKey, type RuntimeClient } from '../runtime';
import { streamsTable } from './apply';
import type { PushPlan } from './push-plan';

/** Streams whose entry in the table `streams` names a server that they left: without an agent HAProxy would make a detour by it. */
export interface MovedStreams {
  /** Milliseconds until an entry is to be cleared; 0: now; Infinity: none is. */
  dueInMs(): number;
  /** Takes in what is about to be done to the entries of routes.map. */
  note(plan: PushPlan, entries: ReadonlyMap<string, string>): void;
  /**
   * Clears the entries of some, since new changes come first. An entry that a request or a peer holds at this moment is tried again later, some times.
   * Resolves with how many were cleared; the others are right again with the next viewer.
   */
  clearSome(): Promise<number>;
}

/** No reason for an endless list. */
const maxRemembered = 10_000;
const clearsAtATime = 50;
/** A peer holds an entry for a moment, a request as long as somebody downloads. */
const againAfterMs = [5, 20, 50, 100, 1000, 5000];

interface Due {
  readonly atMs: number;
  /** How often its entry was held. */
  readonly held: number;
}

/** @param isRelayed whether relays have the stream: the table has no entry of it. */
export function createMovedStreams(
  client: RuntimeClient,
  isRelayed: (stream: string) => boolean,
  signal: AbortSignal,
  now: () => number,
): MovedStreams {
  const moved = new Map<string, Due>();
  /** Where streams were whose entry was taken out: a publisher that moves is often away for a moment. */
  const lastServers = new Map<string, string>();

  function noteMove(stream: string): void {
    if (moved.size < maxRemembered && !isRelayed(stream)) moved.set(stream, { atMs: now(), held: 0 });
  }

  return {
    dueInMs() {
      if (moved.size === 0) return Infinity;
      let first = Infinity;
      for (const { atMs } of moved.values()) first = Math.min(first, atMs);
      return Math.max(0, first - now());
    },
    note({ add, change, remove }, entries) {
      for (const stream of remove) remember(lastServers, stream, entries.get(stream) ?? '');
      for (const [stream] of change) noteMove(stream);
      if (lastServers.size === 0) return;
      for (const [stream, server] of add) {
        const before = lastServers.get(stream);
        if (before === undefined) continue;
        lastServers.delete(stream);
        if (before !== server) noteMove(stream);
      }
    },
    async clearSome() {
      let count = 0;
      const due = [...moved].filter(([, { atMs }]) => atMs <= now());
      for (const [stream, { held }] of due.slice(0, clearsAtATime)) {
        moved.delete(stream);
        const cleared = await clearTableKey(client, streamsTable, stream, { signal });
        if (cleared.ok) count++;
        else if (cleared.error.reason === 'busy' && !moved.has(stream)) {
          const pauseMs = againAfterMs[held];
          if (pauseMs !== undefined) moved.set(stream, { atMs: now() + pauseMs, held: held + 1 });
        }
      }
      return count;
    },
  };
}

/** Holds at most `maxRemembered`; the oldest go. */
function remember(memory: Map<string, string>, key: string, value: string): void {
  memory.delete(key);
  memory.set(key, value);
  if (memory.size <= maxRemembered) return;
  const [oldest] = memory.keys();
  if (oldest !== undefined) memory.delete(oldest);
}
