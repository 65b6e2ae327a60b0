import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { Slot } from './accounts';
import type { RelayClient } from './client';
import type { CookieJar, SourceFailure } from './provider';
import { createCookieJar } from './provider-headers';
import type { Standing, Viewer } from './viewer';

/** One play of one passed-through stream by one player: one source, one slot of its account, one client. */
export interface HlsSession {
  readonly id: string;
  readonly streamId: string;
  readonly viewer: Viewer;
  /** The name that HAProxy gave it: its children have it in their query, too. */
  readonly mtxs: string | undefined;
  readonly client: RelayClient;
  readonly standing: Standing;
  readonly cookies: CookieJar;
  /** Aborted when it ends. */
  readonly ending: AbortController;
  slot: Slot | undefined;
  /** The URL of the source that it plays; empty before there is one. */
  sourceUrl: string;
  /** When it went over to it. */
  sinceMs: number;
  /** Playlists of the source, where they are not those that the player knows: after it went over, by kind and ordinal. */
  readonly playlists: Map<string, string>;
  /** Variables of the master playlist. */
  variables: ReadonlyMap<string, string>;
  /** Why it is to leave its source, and where to; undefined while it is not. */
  leaving: { readonly failure: SourceFailure; readonly to: number | undefined } | undefined;
  /** Going over, for all of its requests that wait for it. */
  moving: Promise<Moved> | undefined;
  /** Segments in a row that the source has not got. */
  missing: number;
  /** Requests in hand. */
  requests: number;
  /** When the last one ended. */
  lastMs: number;
  /** It ends when nothing is asked for so long. */
  idleMs: number;
}

/** What going over to a source came to. */
export type Moved =
  | { readonly playlist: Buffer; readonly failures?: undefined }
  | { readonly failures: readonly SourceFailure[]; readonly playlist?: undefined };

/** Before a media playlist has told its target duration. */
const firstIdleMs = 15_000;
const leastIdleMs = 5_000;
const mostLiveIdleMs = 120_000;

export function createHlsSession(
  given: Pick<HlsSession, 'streamId' | 'viewer' | 'mtxs' | 'client' | 'standing'>,
  nowMs: number,
  id: string = randomBytes(12).toString('base64url'),
): HlsSession {
  const ending = new AbortController();
  // Each request in hand has some; how many there are is bounded.
  setMaxListeners(0, ending.signal);
  return {
    ...given,
    id,
    cookies: createCookieJar(),
    ending,
    slot: undefined,
    sourceUrl: '',
    sinceMs: nowMs,
    playlists: new Map(),
    variables: new Map(),
    leaving: undefined,
    moving: undefined,
    missing: 0,
    requests: 0,
    lastMs: nowMs,
    idleMs: firstIdleMs,
  };
}

/**
 * How long a session may be idle, by the media playlist that it plays: three target durations for what is live; for a film, as long as somebody may pause.
 */
export function idleMsOf(playlist: Buffer, clientTimeoutMs: number): number {
  const [, seconds = ''] = /^#EXT-X-TARGETDURATION:\s*(\d{1,9})/m.exec(playlist.toString('latin1')) ?? [];
  const liveMs = Math.min(mostLiveIdleMs, Math.max(leastIdleMs, 3000 * Number(seconds)));
  const isFilm = playlist.includes('\n#EXT-X-ENDLIST') || playlist.includes('\n#EXT-X-PLAYLIST-TYPE:VOD');
  return isFilm ? Math.max(clientTimeoutMs, liveMs) : liveMs;
}

/** All sessions. Each is a client, and clients are bounded. */
export interface HlsSessions {
  find(streamId: string, id: string): HlsSession | undefined;
  /** The one that HAProxy has given this name. */
  named(streamId: string, mtxs: string): HlsSession | undefined;
  add(session: HlsSession): void;
  /** @param isFinal it must not begin again by a URL that its player still has. */
  remove(session: HlsSession, isFinal: boolean): void;
  /** Whether it was ended for good. */
  isOver(id: string): boolean;
  all(): Iterable<HlsSession>;
}

/** Whoever was ended longer ago than this many others may begin again. */
const mostOver = 10_000;

export function createHlsSessions(): HlsSessions {
  const sessions = new Map<string, HlsSession>();
  const named = new Map<string, HlsSession>();
  const over = new Set<string>();
  const nameOf = (streamId: string, mtxs: string): string => `${streamId} ${mtxs}`;

  return {
    find(streamId, id) {
      const session = sessions.get(id);
      return session?.streamId === streamId ? session : undefined;
    },
    named: (streamId, mtxs) => named.get(nameOf(streamId, mtxs)),
    add(session) {
      sessions.set(session.id, session);
      if (session.mtxs !== undefined) named.set(nameOf(session.streamId, session.mtxs), session);
    },
    remove(session, isFinal) {
      sessions.delete(session.id);
      const name = nameOf(session.streamId, session.mtxs ?? '');
      if (named.get(name) === session) named.delete(name);
      if (!isFinal) return;
      over.add(session.id);
      const [oldest] = over;
      if (over.size > mostOver && oldest !== undefined) over.delete(oldest);
    },
    isOver: (id) => over.has(id),
    all: () => sessions.values(),
  };
}
