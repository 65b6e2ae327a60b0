import { clearTableKey, type RuntimeClient } from '../runtime';
import { streamsTable } from './apply';
import type { PushPlan } from './push-plan';

/** Streams whose entry in the table `streams` names a server that they left: without an agent HAProxy would make a detour by it. */
export interface MovedStreams {
  readonly size: number;
  /** Takes in what is about to be done to the entries of routes.map. */
  note(plan: PushPlan, entries: ReadonlyMap<string, string>): void;
  /** Clears the entries of some, since new changes come first. Resolves with how many were cleared; the others are right again with the next viewer. */
  clearSome(): Promise<number>;
}

/** No reason for an endless list. */
const maxRemembered = 10_000;
const clearsAtATime = 50;

export function createMovedStreams(client: RuntimeClient, signal: AbortSignal): MovedStreams {
  const moved = new Set<string>();
  /** Where streams were whose entry was taken out: a publisher that moves is often away for a moment. */
  const lastServers = new Map<string, string>();

  function noteMove(stream: string): void {
    if (moved.size < maxRemembered) moved.add(stream);
  }

  return {
    get size() {
      return moved.size;
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
      for (const stream of [...moved].slice(0, clearsAtATime)) {
        moved.delete(stream);
        const cleared = await clearTableKey(client, streamsTable, stream, { signal });
        if (cleared.ok) count++;
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
