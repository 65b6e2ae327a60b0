import type { RelayClient } from './client';
import { createSourcesHealth, type SourcesHealth } from './source-health';
import type { Standby } from './standby';

/** A standby, and how it and its ticks are ended. */
export interface BegunStandby {
  readonly source: Standby;
  readonly end: () => void;
}

/** What is known of a stream beyond what is stored: its clients, and how its sources are doing. */
export interface ActiveStream {
  readonly health: SourcesHealth;
  readonly clients: Set<RelayClient>;
  /** The source that was gone over to last: the next client begins with it. */
  start: number;
  /** While it has clients, where sources are read before they are needed. */
  standby: BegunStandby | undefined;
}

/** Every stream that has clients, or had some lately. */
export interface ActiveStreams {
  /** Makes it where it is not there yet. */
  of(streamId: string): ActiveStream;
  find(streamId: string): ActiveStream | undefined;
  /** Forgets what is known of its sources, as when the stream is removed. */
  forget(streamId: string): void;
}

/** Makes the memory of a relay. Of streams without clients at most so many are remembered, the last used ones. */
export function createActiveStreams(maxIdle = 1000): ActiveStreams {
  const streams = new Map<string, ActiveStream>();

  function makeRoom(): void {
    if (streams.size < maxIdle) return;
    for (const [id, { clients }] of streams) {
      if (clients.size > 0) continue;
      streams.delete(id);
      return;
    }
  }

  return {
    of(streamId) {
      const there = streams.get(streamId);
      if (there !== undefined) {
        streams.delete(streamId);
        streams.set(streamId, there);
        return there;
      }
      makeRoom();
      const made: ActiveStream = { health: createSourcesHealth(), clients: new Set(), start: 0, standby: undefined };
      streams.set(streamId, made);
      return made;
    },
    find: (streamId) => streams.get(streamId),
    forget(streamId) {
      streams.delete(streamId);
    },
  };
}
