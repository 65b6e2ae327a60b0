import type { Emit } from './event';

/** A viewer came or went. */
export interface AudienceChange {
  readonly kind: 'joined' | 'left';
  readonly viewer: {
    readonly stream: string;
    readonly session: string;
    readonly server: string | undefined;
    /** The HAProxy that was used last. */
    readonly node: string;
    /** ms since 1970. */
    readonly joinedMs: number;
    readonly watchedMs: number;
    readonly bytes: number | undefined;
  };
  /** Viewers of that stream after the change. */
  readonly viewersOfStream: number;
  /** `live`: it just happened. `found`: it was there when HAProxy sent what its tables hold. `lost`: its HAProxy has been out of reach for too long. */
  readonly evidence: 'live' | 'found' | 'lost';
}

export interface ViewerEventsOptions {
  /** How long nobody may watch a stream before it is unwatched. */
  readonly unwatchedAfterMs: number;
  /** Whether each viewer that comes and goes is an event too. */
  readonly announcesViewers: boolean;
  readonly viewersOf: (stream: string) => number;
  readonly emit: Emit;
  /** False while the log has more than enough to do: streams are looked at again later, single viewers are not announced. */
  readonly canEmit: () => boolean;
  /** Called in the turn in which it is emitted that a stream is watched, or is not any more. */
  readonly onAnnounced: (stream: string, isWatched: boolean) => void;
}

/** Announces when streams begin and cease to be watched, and, if wanted, each viewer. */
export interface ViewerEvents {
  /** An earlier process announced that the stream is watched. Before anything else. */
  restore(stream: string): void;
  /** What another process announced, instead of what this one believed to be announced. What differs from what is there is announced soon. */
  resume(announced: Iterable<string>): void;
  changed(change: AudienceChange, nowMs: number): void;
  /** The stream's viewers may have become others, over HAProxys that other agents count. */
  recounted(stream: string, nowMs: number): void;
  /** Every HAProxy has said once who is there: what was restored and has no viewers begins to be unwatched. */
  complete(nowMs: number): void;
  /** Does what is due. To be called some times in each `unwatchedAfterMs`. */
  tick(nowMs: number): void;
  readonly stats: {
    /** Streams that are watched, as announced. */
    readonly watched: number;
    /** Viewers that were not announced, because the log had too much to do. */
    viewersUnannounced: number;
  };
}

/** A stream that is watched as announced, and that nobody watches. */
interface Empty {
  readonly dueMs: number;
  /** That of the last viewer. */
  readonly server: string | undefined;
}

// A tick is a moment in which nobody else gets a turn.
const maxLooks = 1000;

/** It compares what was announced of a stream with who watches it, whenever one of them may have changed. */
export function createViewerEvents(options: ViewerEventsOptions): ViewerEvents {
  const { unwatchedAfterMs, announcesViewers, viewersOf, emit, canEmit, onAnnounced } = options;
  const watched = new Set<string>();
  /** In the order of dueMs: all wait equally long. */
  const empty = new Map<string, Empty>();
  /** Found to be watched while too much was to be announced, with the server of the viewer. */
  const postponed = new Map<string, string | undefined>();
  /** Restored, and not seen since. */
  const unseen = new Set<string>();
  let isComplete = false;

  function look(stream: string, server: string | undefined, nowMs: number): void {
    unseen.delete(stream);
    const viewers = viewersOf(stream);
    if (viewers === 0) {
      postponed.delete(stream);
      if (watched.has(stream) && !empty.has(stream)) empty.set(stream, { dueMs: nowMs + unwatchedAfterMs, server });
      return;
    }
    empty.delete(stream);
    if (watched.has(stream)) return;
    if (!canEmit()) {
      postponed.set(stream, server);
      return;
    }
    postponed.delete(stream);
    watched.add(stream);
    emit({ type: 'stream.watched', stream, server, evidence: 'haproxy', data: { viewers } });
    onAnnounced(stream, true);
  }

  function unwatch(stream: string, server: string | undefined): void {
    empty.delete(stream);
    watched.delete(stream);
    const reason = `nobody has watched it for ${unwatchedAfterMs / 1000} s`;
    emit({ type: 'stream.unwatched', stream, server, reason, evidence: 'haproxy' });
    onAnnounced(stream, false);
  }

  const stats = {
    get watched() {
      return watched.size;
    },
    viewersUnannounced: 0,
  };

  function announceViewer({ kind, viewer, viewersOfStream, evidence }: AudienceChange): void {
    if (!canEmit()) {
      stats.viewersUnannounced++;
      return;
    }
    const { stream, session, server, node, joinedMs, watchedMs, bytes } = viewer;
    const about = { stream, server, evidence: 'haproxy' };
    const data = { session, node, viewers: viewersOfStream };
    if (kind === 'joined') {
      emit({ type: 'viewer.joined', ...about, data: { ...data, found: evidence === 'found' } });
      return;
    }
    const reason =
      evidence === 'lost' ? 'its HAProxy has been out of reach for too long' : 'it stopped asking for anything';
    const watching = { joined: new Date(joinedMs).toISOString(), watchedSeconds: watchedMs / 1000, bytes };
    emit({ type: 'viewer.left', ...about, reason, data: { ...data, ...watching } });
  }

  return {
    stats,
    restore(stream) {
      watched.add(stream);
      unseen.add(stream);
    },
    changed(change, nowMs) {
      const { stream, server } = change.viewer;
      const isFirst = change.kind === 'joined';
      // What a viewer does stands between the watched and the unwatched of its stream.
      if (isFirst) look(stream, server, nowMs);
      if (announcesViewers) announceViewer(change);
      if (!isFirst) look(stream, server, nowMs);
    },
    resume(announced) {
      for (const stream of watched) if (!unseen.has(stream)) postponed.set(stream, undefined);
      watched.clear();
      unseen.clear();
      for (const stream of announced) {
        watched.add(stream);
        if (isComplete) postponed.set(stream, undefined);
        else if (!postponed.has(stream)) unseen.add(stream);
      }
    },
    recounted: (stream, nowMs) => look(stream, undefined, nowMs),
    complete(nowMs) {
      isComplete = true;
      for (const stream of unseen) look(stream, undefined, nowMs);
    },
    tick(nowMs) {
      let looks = 0;
      for (const [stream, server] of postponed) {
        if (!canEmit() || looks++ >= maxLooks) return;
        look(stream, server, nowMs);
      }
      for (const [stream, { dueMs, server }] of empty) {
        if (dueMs > nowMs || !canEmit() || looks++ >= maxLooks) return;
        unwatch(stream, server);
      }
    },
  };
}
