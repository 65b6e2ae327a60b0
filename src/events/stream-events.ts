import type { Emit, EventDraft } from './event';

/** A server that has a stream live, and how that is known. */
export interface StreamHolder {
  readonly server: string;
  /** It pulls a copy from elsewhere; nobody publishes there. */
  readonly isPulled: boolean;
  /** One of those of which there should be one. */
  readonly isRival: boolean;
  /** When the publisher came there, in ms since 1970; 0 when the server did not say. */
  readonly publisherSinceMs: number;
  /** `inventory`, `lookup` or `push`. */
  readonly evidence: string;
  /** When this publisher was first seen there, and when the server was last asked for all that it has; ms of the clock of `changed`. */
  readonly seenAtMs: number;
  readonly askedAtMs: number;
}

/** Who has a stream now. */
export interface StreamHolders {
  /** Empty when nobody has it. */
  readonly holders: readonly StreamHolder[];
  /** The one of them that viewers are sent to; undefined when they can be sent to none. */
  readonly chosen: string | undefined;
  /** Servers that show their filler, which is no stream that has started. */
  readonly fillers: readonly string[];
}

/** What was announced last of a stream that is live. */
export interface AnnouncedStream {
  readonly server: string;
  /** It was announced that several servers have it, and that lasts. */
  readonly inConflict: boolean;
}

export interface StreamEventsOptions {
  /** How long a stream may be away before it has ended, and be on several servers before that is a conflict. */
  readonly endGraceMs: number;
  readonly holdersOf: (stream: string) => StreamHolders;
  /** Whether it is known what a server has, or it is not in the fleet any more. */
  readonly hasSpoken: (server: string) => boolean;
  readonly emit: Emit;
  /** False while the log has more than enough to do: what changed is looked at again later. */
  readonly canEmit: () => boolean;
  /** Why a server has not got a stream any more, in a sentence. */
  readonly whyGone: (server: string) => string;
  /** Called whenever what was announced of a stream became something else; undefined: it is not live. */
  readonly onAnnounced: (stream: string, announced: AnnouncedStream | undefined) => void;
  /**
   * Unix ms. A stream whose publisher is older, or of unknown age, and which is found before `complete`, is no news: it is taken as announced.
   * Undefined: what earlier processes announced is known (`restore`), and so whatever else is there is news.
   */
  readonly oldBeforeMs?: number | undefined;
}

/** Announces when streams start, end, move from server to server, or are on several of them. */
export interface StreamEvents {
  /** What an earlier process announced. Before anything else. */
  restore(stream: string, announced: AnnouncedStream): void;
  /** A server began or ceased to hold the stream. */
  changed(stream: string, nowMs: number): void;
  /** What another process announced, instead of what this one believed to be announced; undefined: none has announced anything yet. What differs from what is there is announced soon. */
  resume(announced: ReadonlyMap<string, AnnouncedStream> | undefined): void;
  /** Every server has said once what it has: what was announced before and is nowhere begins to end. */
  complete(): void;
  /** Does what is due. To be called some times in each `endGraceMs`. */
  tick(nowMs: number): void;
  /** Streams that are live as announced, and those of which something may be announced soon. */
  readonly stats: { readonly streams: number; readonly pending: number };
}

/** What will be announced unless it passes. */
interface Pending {
  readonly what: 'end' | 'conflict';
  readonly dueMs: number;
}

// A tick is a moment in which nobody else gets a turn.
const maxLooks = 1000;

/**
 * It compares what was announced of a stream with what is, whenever one of them may have changed. So nothing has to be remembered of what came in between,
 * however much that is, and a process that takes over goes on where the other one stopped.
 */
export function createStreamEvents(options: StreamEventsOptions): StreamEvents {
  const { endGraceMs, holdersOf, hasSpoken, emit, canEmit, whyGone, onAnnounced, oldBeforeMs } = options;
  /** The server of each stream that is live, and since when it is announced so. */
  const servers = new Map<string, { readonly server: string; readonly announcedAtMs: number }>();
  const conflicts = new Set<string>();
  /** In the order of dueMs: all wait equally long, and who is put in again goes to the end. */
  const pending = new Map<string, Pending>();
  /** Restored, and not seen since. */
  const unseen = new Set<string>();
  /** Changed while too much was to be announced. */
  const postponed = new Set<string>();
  /** What there is to announce hangs on a server that has not been asked since. */
  const doubtful = new Set<string>();
  /** When the grace was over of a stream of which copies are left, whose server has not been asked since; each is doubtful, too. */
  const graceOver = new Map<string, number>();
  let isComplete = false;

  function note(stream: string, server: string | undefined, nowMs: number): void {
    if (server === undefined) {
      servers.delete(stream);
      conflicts.delete(stream);
      onAnnounced(stream, undefined);
    } else {
      const before = servers.get(stream);
      if (before?.server !== server) servers.set(stream, { server, announcedAtMs: nowMs });
      onAnnounced(stream, { server, inConflict: conflicts.has(stream) });
    }
  }

  /** True when `what` has lasted for the grace; else it is pending from now on. */
  function hasLasted(stream: string, what: Pending['what'], nowMs: number): boolean {
    const since = pending.get(stream);
    if (since?.what === what && nowMs >= since.dueMs) {
      pending.delete(stream);
      return true;
    }
    if (since?.what !== what) {
      pending.delete(stream);
      pending.set(stream, { what, dueMs: nowMs + endGraceMs });
    }
    return false;
  }

  /** Copies outlive their origin for a moment, and it may come back. A server that was asked within that moment may have lost its copy since. */
  function hasOutlived(stream: string, copy: StreamHolder, overAtMs: number | undefined, nowMs: number): boolean {
    const graceOverAtMs = overAtMs ?? (hasLasted(stream, 'end', nowMs) ? nowMs : undefined);
    if (graceOverAtMs === undefined) return false;
    if (copy.askedAtMs >= graceOverAtMs) return true;
    graceOver.set(stream, graceOverAtMs);
    doubtful.add(stream);
    return false;
  }

  function look(stream: string, nowMs: number): void {
    if (!canEmit()) {
      postponed.add(stream);
      return;
    }
    postponed.delete(stream);
    doubtful.delete(stream);
    const overAtMs = graceOver.get(stream);
    graceOver.delete(stream);
    const announced = servers.get(stream)?.server;
    const now = holdersOf(stream);
    if (isTooEarly(stream, announced, now.holders)) return;
    unseen.delete(stream);
    // Where nobody can be chosen, nothing has moved while it is where it was.
    const holders = withFirst(now.holders, now.chosen ?? announced);
    const [first] = holders;
    if (first === undefined) {
      if (announced === undefined) pending.delete(stream);
      else if (hasLasted(stream, 'end', nowMs)) {
        const lastKnown = { stream, server: announced };
        note(stream, undefined, nowMs);
        emit({ type: 'stream.ended', ...lastKnown, ...ending(announced, now.fillers), evidence: 'inventory' });
      }
      return;
    }
    const before = holders.find(({ server }) => server === announced);
    if (announced === undefined) start(stream, first, nowMs);
    else if (announced !== first.server && !mayStay(before, first)) {
      if (before === undefined && first.isPulled && !hasOutlived(stream, first, overAtMs, nowMs)) return;
      if (isOutdated(stream, first)) {
        pending.delete(stream);
        doubtful.add(stream);
        return;
      }
      // A copy was seen before what it is a copy of: nothing has moved.
      if (before?.isRival === false) note(stream, first.server, nowMs);
      else move(stream, announced, holders, nowMs);
    }
    lookForConflict(stream, holders, nowMs);
  }

  /** At a start lists come one after the other: what seems to be elsewhere may be where it was, in a list that is still on its way. */
  function isTooEarly(stream: string, announced: string | undefined, holders: readonly StreamHolder[]): boolean {
    if (isComplete || announced === undefined || !unseen.has(stream)) return false;
    return conflicts.has(stream) || (!hasSpoken(announced) && !holders.some(({ server }) => server === announced));
  }

  /** Its server has not been asked since the stream was announced to be elsewhere: perhaps it has lost it long ago. */
  function isOutdated(stream: string, { seenAtMs, askedAtMs }: StreamHolder): boolean {
    const announcedAtMs = servers.get(stream)?.announcedAtMs ?? Number.NEGATIVE_INFINITY;
    return seenAtMs < announcedAtMs && askedAtMs < announcedAtMs;
  }

  function start(stream: string, { server, publisherSinceMs, evidence }: StreamHolder, nowMs: number): void {
    note(stream, server, nowMs);
    if (oldBeforeMs !== undefined && !isComplete && publisherSinceMs < oldBeforeMs) return;
    emit({ type: 'stream.started', stream, server, evidence, data: sinceOf(publisherSinceMs) });
  }

  /** A filler is not the stream, but whoever watches goes on seeing something. */
  function ending(server: string, fillers: readonly string[]): Pick<EventDraft, 'reason' | 'data'> {
    if (fillers.length === 0) return { reason: whyGone(server) };
    const shows = fillers.length === 1 ? 'shows its filler' : 'show their fillers';
    return { reason: `${whyGone(server)}; ${fillers.join(' and ')} ${shows}`, data: { fillers } };
  }

  function move(stream: string, from: string, holders: readonly StreamHolder[], nowMs: number): void {
    const [to] = holders;
    if (to === undefined) return;
    const { server, publisherSinceMs, evidence } = to;
    const reason = whyMoved(
      to,
      holders.some((holder) => holder.server === from),
    );
    note(stream, server, nowMs);
    emit({ type: 'stream.moved', stream, server, reason, evidence, data: { from, ...sinceOf(publisherSinceMs) } });
  }

  function lookForConflict(stream: string, holders: readonly StreamHolder[], nowMs: number): void {
    const rivals = holders.filter(({ isRival }) => isRival);
    // A server that does not answer may have lost its publisher before the newest one came.
    const newestSeenAtMs = Math.max(...rivals.map(({ seenAtMs }) => seenAtMs));
    const known = rivals.filter(({ seenAtMs, askedAtMs }) => Math.max(seenAtMs, askedAtMs) >= newestSeenAtMs);
    if (rivals.length > 1 && known.length < 2) {
      if (pending.get(stream)?.what === 'end') pending.delete(stream);
      doubtful.add(stream);
      return;
    }
    const isConflict = known.length > 1;
    const server = servers.get(stream)?.server;
    if (!isConflict || conflicts.has(stream)) pending.delete(stream);
    if (server === undefined || isConflict === conflicts.has(stream)) return;
    if (!isConflict) {
      conflicts.delete(stream);
      note(stream, server, nowMs);
    } else if (hasLasted(stream, 'conflict', nowMs)) {
      conflicts.add(stream);
      note(stream, server, nowMs);
      const all = known.map((holder) => holder.server);
      const reason = `it has publishers on ${all.join(' and ')}; ${server} has the newest`;
      emit({ type: 'stream.conflict', stream, server, reason, evidence: 'inventory', data: { servers: all } });
    }
  }

  return {
    restore(stream, { server, inConflict }) {
      servers.set(stream, { server, announcedAtMs: Number.NEGATIVE_INFINITY });
      if (inConflict) conflicts.add(stream);
      unseen.add(stream);
    },
    changed: look,
    resume(announced) {
      if (announced === undefined) {
        for (const [stream, { server }] of servers) onAnnounced(stream, { server, inConflict: conflicts.has(stream) });
        return;
      }
      for (const stream of [...servers.keys(), ...pending.keys()]) postponed.add(stream);
      graceOver.clear();
      servers.clear();
      conflicts.clear();
      unseen.clear();
      for (const [stream, { server, inConflict }] of announced) {
        servers.set(stream, { server, announcedAtMs: Number.NEGATIVE_INFINITY });
        if (inConflict) conflicts.add(stream);
        if (isComplete) postponed.add(stream);
        else if (!postponed.has(stream)) unseen.add(stream);
      }
    },
    complete() {
      isComplete = true;
      for (const stream of unseen) postponed.add(stream);
      unseen.clear();
    },
    tick(nowMs) {
      let looks = 0;
      for (const stream of postponed) {
        if (!canEmit() || looks++ >= maxLooks) return;
        look(stream, nowMs);
      }
      for (const [stream, { dueMs }] of pending) {
        if (dueMs > nowMs || !canEmit() || looks++ >= maxLooks) break;
        look(stream, nowMs);
      }
      for (const stream of [...doubtful]) {
        if (!canEmit() || looks++ >= maxLooks) return;
        look(stream, nowMs);
      }
      // The newest publisher may change without any server coming or going.
      for (const stream of conflicts) {
        if (!canEmit() || looks++ >= maxLooks) return;
        look(stream, nowMs);
      }
    },
    stats: {
      get streams() {
        return servers.size;
      },
      get pending() {
        return pending.size + postponed.size + doubtful.size;
      },
    },
  };
}

/** A stream that is announced to be where it is, stays there while it is on no server that it should be on instead. */
function mayStay(announced: StreamHolder | undefined, first: StreamHolder): boolean {
  return announced !== undefined && !first.isRival;
}

function whyMoved({ server, isPulled }: StreamHolder, isStillThere: boolean): string {
  if (isStillThere) return `${server} has the newer publisher`;
  return isPulled ? `${server} has a copy of it` : `its publisher moved to ${server}`;
}

function withFirst(holders: readonly StreamHolder[], server: string | undefined): readonly StreamHolder[] {
  const first = holders.find((holder) => holder.server === server);
  return first === undefined ? holders : [first, ...holders.filter((holder) => holder !== first)];
}

function sinceOf(publisherSinceMs: number): { publisherSince?: string } {
  return publisherSinceMs > 0 ? { publisherSince: new Date(publisherSinceMs).toISOString() } : {};
}
