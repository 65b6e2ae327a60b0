import { createSourcesHealth, type SourcesHealth } from './source-health';
import type { Standby } from './standby';
import { type RelayStream, sourcesOf } from './stream';

/** A standby, and how it and its ticks are ended. */
export interface BegunStandby {
  readonly source: Standby;
  readonly end: () => void;
}

/** What a stream's resolver said. */
export interface Resolved {
  /** The URL that it named last: one more source, after those of the list. */
  url: string | undefined;
  /** The question that was asked last: about which source, and how long its answer is good. */
  asked: { readonly about: string; untilMs: number; readonly answer: Promise<string | undefined> } | undefined;
  /** Of the resolvers themselves. */
  readonly health: SourcesHealth;
}

/** What is known of a stream beyond what is stored: its readers, and how its sources are doing. */
export interface ActiveStream {
  readonly health: SourcesHealth;
  /** Who reads it now. */
  readonly readers: Set<object>;
  readonly resolved: Resolved;
  /** The source that was gone over to last: the next client begins with it. */
  start: number;
  /** While it is read, where sources are read before they are needed. */
  standby: BegunStandby | undefined;
}

/** Every stream that is read, or was lately. */
export interface ActiveStreams {
  /** Makes it where it is not there yet. */
  of(streamId: string): ActiveStream;
  find(streamId: string): ActiveStream | undefined;
  /** Forgets what is known of its sources, as when the stream is removed. */
  forget(streamId: string): void;
}

/** All sources of a stream in their order: those of its list, then the one that its resolver named. */
export function allSourcesOf(stream: RelayStream, active: ActiveStream | undefined): readonly string[] {
  const sources = sourcesOf(stream);
  const url = stream.resolverUrl === undefined ? undefined : active?.resolved.url;
  return url === undefined || sources.includes(url) ? sources : [...sources, url];
}

/** Makes the memory of a relay. Of streams without readers at most so many are remembered, the last used ones. */
export function createActiveStreams(maxIdle = 1000): ActiveStreams {
  const streams = new Map<string, ActiveStream>();

  function makeRoom(): void {
    if (streams.size < maxIdle) return;
    for (const [id, { readers }] of streams) {
      if (readers.size > 0) continue;
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
      const made: ActiveStream = {
        health: createSourcesHealth(),
        readers: new Set(),
        resolved: { url: undefined, asked: undefined, health: createSourcesHealth() },
        start: 0,
        standby: undefined,
      };
      streams.set(streamId, made);
      return made;
    },
    find: (streamId) => streams.get(streamId),
    forget(streamId) {
      streams.delete(streamId);
    },
  };
}
