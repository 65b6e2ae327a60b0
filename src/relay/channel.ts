import type { RecordTime } from '../measure';
import type { ChannelFeed, ChannelFeedReports } from './channel-feed';
import { masterPlaylistOf, mediaPlaylistOf, withQuery } from './channel-playlist';
import type { ChannelRing, ChannelSegment, Companion } from './channel-ring';
import { type ChannelTrack, mainName } from './channel-source';
import type { Failover, RelayClient, RelayClients, RelayReports } from './client';
import type { SourceFailure } from './provider';
import { clientOf, type Standing, type Viewer } from './viewer';

/** What users set of channels beside what their feeds need; read at each use. */
export interface ChannelSettings {
  /** Segments that are listed. */
  readonly windowSize: number;
  /** Held before a player gets its first playlist. */
  readonly initialSegments: number;
  /** In ms: how long a player waits for these … */
  readonly bufferReadyTimeout: number;
  /** … and then for one. */
  readonly firstSegmentTimeout: number;
}

/** What a feed tells its channel. */
export type ChannelSink = Pick<ChannelFeedReports, 'changed' | 'failed' | 'failedOver'> & {
  /** The same player took its slot to another stream. */
  takenOver(): void;
};

export interface ChannelOptions {
  readonly streamId: string;
  /** For whom it is made, as accounts know the player: it comes in later in the same turn. */
  readonly opener: string;
  /** Makes the feed, and begins with its first source. Tells nothing in the same turn. */
  readonly begin: (
    sink: ChannelSink,
    readers: ChannelReaders,
  ) => Pick<ChannelFeed, 'failover' | 'isEnded' | 'shape' | 'source' | 'card' | 'stop'>;
  readonly clients: Pick<RelayClients, 'add' | 'remove'>;
  readonly reports: Pick<RelayReports, 'clientFailed' | 'failedOver'>;
  readonly settings: () => ChannelSettings;
  readonly recordManifest: RecordTime;
  /** A player was told to go: it is not to come back at once. */
  readonly onDisconnected: (token: string) => void;
  /** Its last player has gone. */
  readonly onEnd: () => void;
  readonly nowMs: () => number;
}

/** Who reads a channel, at this moment. */
export interface ChannelReaders {
  /** As accounts know the player, where it is the only one. */
  readonly player: string | undefined;
}

/** One player, from its first request to some time after its last one. */
export interface ChannelSession {
  /** Of its URLs: it knows nothing else of itself. */
  readonly token: string;
  readonly client: RelayClient;
  /** A request has come. @returns what to call when it is answered: how many bytes went out, and whether they were a segment. */
  request(): (bytes: number, isSegment: boolean) => void;
}

/** Who takes the segments of a channel as they come, without a playlist. */
export interface ChannelFollower {
  /** As accounts know it. */
  readonly player: string;
  /** There is something new: a segment, or the end. */
  changed(): void;
  /** Told where no player is there, in whose name it could be told. */
  failedOver(report: Omit<Failover, 'client'>): void;
}

/** A channel as a follower sees it. */
export interface FollowedChannel extends Pick<ChannelFeed, 'failover' | 'shape' | 'source'> {
  /** Nothing will be added. */
  readonly isEnded: boolean;
  /** Of each source, where none gave anything. */
  readonly failures: readonly SourceFailure[] | undefined;
  /** The channel ends with the last of its players and followers. Idempotent. */
  leave(): void;
}

/** What a request gets that asks for a playlist. */
export type Content =
  | { readonly playlist: string; readonly failures?: undefined }
  /** Empty: there is nothing yet. */
  | { readonly playlist?: undefined; readonly failures: readonly SourceFailure[] };

/** One stream as HLS, for all its players. */
export interface Channel {
  /** The player with this token, which is new or not; undefined where there is no place for it. */
  session(token: string, viewer: Viewer): ChannelSession | undefined;
  /** Resolves when there is enough to play, or the times are over. Never rejects. */
  master(query: string): Promise<Content>;
  /** @param track by its name; undefined: the channel has no such track. */
  media(track: string, query: string): Promise<Content | undefined>;
  segment(track: string, number: number): ChannelSegment | undefined;
  companion(track: string, number: number): Companion | undefined;
  /** Follows the channel from now on. Nothing is told in the same turn. */
  follow(follower: ChannelFollower): FollowedChannel;
  /** Looks who has gone; to be called some times a second. */
  tick(): void;
  /** Ends it where nobody came in. */
  endIfEmpty(): void;
  readonly fill: ChannelFill;
}

/** What a channel holds. */
export interface ChannelFill {
  /** Of the main playlist. */
  readonly segments: number;
  /** What these last. */
  readonly seconds: number;
  /** Of all playlists. */
  readonly bytes: number;
}

/** A player has gone when nothing was heard of it for so long, and for three target durations. */
const leastIdleMs = 5000;
interface Session extends ChannelSession {
  readonly viewer: Viewer;
  readonly standing: Standing;
  underWay: number;
  lastRequestMs: number;
}

/** Makes a channel and begins it. It ends when its last player has gone. */
export function createChannel(options: ChannelOptions): Channel {
  const { streamId, clients, reports, settings, recordManifest, nowMs } = options;
  const sessions = new Map<string, Session>();
  const followers = new Set<ChannelFollower>();
  const waiting = new Set<() => void>();
  let failures: readonly SourceFailure[] | undefined;
  let hasEnded = false;
  /** Where an order of this turn moves it: all of its clients are told, and it moves once. */
  let moved: { readonly to: number | undefined } | undefined;
  /** The last playlist of each track, and what it was made of. */
  const made = new WeakMap<ChannelTrack, { readonly of: string; readonly playlist: string }>();

  const feed = options.begin(
    {
      changed: wake,
      failed(all) {
        failures = all;
        const [first] = all;
        if (first !== undefined) for (const { client } of sessions.values()) reports.clientFailed(client, first);
        wake();
        end(first?.reason);
      },
      failedOver(report) {
        for (const { standing } of sessions.values()) standing.failovers++;
        const [first] = sessions.values();
        const [follower] = followers;
        if (first !== undefined) reports.failedOver({ client: first.client, ...report });
        else follower?.failedOver(report);
      },
      takenOver: () => end('the player took its connection to another stream'),
    },
    {
      get player() {
        const [session] = sessions.values();
        const [follower] = followers;
        if (sessions.size + followers.size > 1) return undefined;
        return session?.viewer.player ?? follower?.player ?? options.opener;
      },
    },
  );

  function wake(): void {
    for (const look of waiting) look();
    for (const follower of followers) follower.changed();
  }

  function tracks(): readonly ChannelTrack[] {
    const { shape } = feed;
    return shape === undefined ? [] : [shape.main, ...shape.renditions.flatMap(({ track }) => track ?? [])];
  }

  const trackNamed = (name: string): ChannelTrack | undefined => tracks().find((track) => track.name === name);

  function idleMs(): number {
    return Math.max(leastIdleMs, 3000 * (feed.shape?.main.ring.targetDuration ?? 0));
  }

  function held(track: ChannelTrack | undefined): number {
    return track?.ring.segments.filter(({ bytes }) => bytes !== undefined).length ?? 0;
  }

  function leave(session: Session, reason?: string): void {
    if (!sessions.delete(session.token)) return;
    clients.remove(session.client, reason);
    endIfEmpty(reason);
  }

  function endIfEmpty(reason?: string): void {
    if (sessions.size === 0 && followers.size === 0) end(reason);
  }

  function end(reason?: string): void {
    if (hasEnded) return;
    hasEnded = true;
    feed.stop();
    for (const session of sessions.values()) leave(session, reason);
    wake();
    options.onEnd();
  }

  function newSession(token: string, viewer: Viewer): Session | undefined {
    const standing = {
      bytes: 0,
      segments: 0,
      failovers: 0,
      lastAccessMs: nowMs(),
      get source() {
        return feed.source;
      },
      get card() {
        return feed.card;
      },
    };
    const client = clientOf(viewer, streamId, standing, {
      disconnect() {
        options.onDisconnected(token);
        leave(session, 'the player was disconnected');
      },
      failover: (to) => move(to),
    });
    const session: Session = {
      token,
      viewer,
      client,
      standing,
      underWay: 0,
      lastRequestMs: nowMs(),
      request() {
        session.underWay++;
        return (bytes, isSegment) => {
          session.underWay--;
          session.lastRequestMs = nowMs();
          standing.lastAccessMs = session.lastRequestMs;
          standing.bytes += bytes;
          if (isSegment) standing.segments++;
        };
      },
    };
    if (hasEnded || !clients.add(client)) return undefined;
    sessions.set(token, session);
    return session;
  }

  function move(to?: string): number | undefined {
    if (moved === undefined) {
      moved = { to: feed.failover(to) };
      queueMicrotask(() => (moved = undefined));
    }
    return moved.to;
  }

  /** Until it is so, or the channel has failed, or the time is over. */
  function until(isSo: () => boolean, withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (isSo() || hasEnded || failures !== undefined) done();
      };
      const done = (): void => {
        clearTimeout(timer);
        waiting.delete(look);
        resolve();
      };
      const timer = setTimeout(done, withinMs);
      waiting.add(look);
      look();
    });
  }

  /** Until there is something to play, of which so many segments are wanted. */
  async function untilReady(track: () => ChannelTrack | undefined, segments: () => number): Promise<void> {
    const { bufferReadyTimeout, firstSegmentTimeout } = settings();
    // The source has told what there is, and this is not.
    const isUnknown = (): boolean => feed.shape !== undefined && track() === undefined;
    await until(() => feed.isEnded || isUnknown() || held(track()) >= segments(), bufferReadyTimeout);
    // A source has answered, but had no segment yet.
    if (track() !== undefined && held(track()) === 0) await until(() => held(track()) > 0, firstSegmentTimeout);
  }

  function nothing(sinceMs: number): Content {
    recordManifest(nowMs() - sinceMs, 1, 1);
    return { failures: failures ?? [] };
  }

  function answer(make: () => string, query: string): Content {
    const sinceMs = nowMs();
    const playlist = withQuery(make(), query);
    recordManifest(nowMs() - sinceMs, 1, 0);
    return { playlist };
  }

  /** The same for all players but for their query: written once for each segment. */
  function playlistOf(track: ChannelTrack): string {
    const { ring, name } = track;
    const { windowSize } = settings();
    const { isEnded } = feed;
    const of = `${ring.segments.at(-1)?.number ?? 0} ${windowSize} ${isEnded}`;
    const there = made.get(track);
    if (there?.of === of) return there.playlist;
    const prefix = name === mainName ? '' : `${name}/`;
    const playlist = mediaPlaylistOf(ring, { prefix, windowSize, isEnded });
    made.set(track, { of, playlist });
    return playlist;
  }

  return {
    session(token, viewer) {
      return sessions.get(token) ?? newSession(token, viewer);
    },
    async master(query) {
      const main = (): ChannelTrack | undefined => feed.shape?.main;
      const sinceMs = nowMs();
      await untilReady(main, () => settings().initialSegments);
      const { shape } = feed;
      if (shape === undefined || held(shape.main) === 0) return nothing(sinceMs);
      return answer(() => {
        const {
          attributes,
          renditions,
          main: { ring },
        } = shape;
        const told = renditions.map(({ attributes: of, track }) => ({
          attributes: of,
          playlist: track && `${track.name}.m3u8`,
        }));
        return masterPlaylistOf({
          attributes,
          renditions: told,
          playlist: `${mainName}.m3u8`,
          bandwidth: bandwidthOf(ring),
        });
      }, query);
    },
    async media(name, query) {
      const sinceMs = nowMs();
      await untilReady(
        () => trackNamed(name),
        () => (name === mainName ? settings().initialSegments : 1),
      );
      const track = trackNamed(name);
      if (track === undefined) return feed.shape === undefined ? nothing(sinceMs) : undefined;
      if (held(track) === 0) return nothing(sinceMs);
      return answer(() => playlistOf(track), query);
    },
    segment: (name, number) => trackNamed(name)?.ring.at(number),
    companion: (name, number) => trackNamed(name)?.ring.companion(number),
    follow(follower) {
      followers.add(follower);
      return {
        failover: move,
        leave() {
          if (followers.delete(follower)) endIfEmpty();
        },
        get shape() {
          return feed.shape;
        },
        get source() {
          return feed.source;
        },
        get isEnded() {
          return feed.isEnded || hasEnded;
        },
        get failures() {
          return failures;
        },
      };
    },
    tick() {
      const now = nowMs();
      for (const session of sessions.values()) {
        if (session.underWay === 0 && now - session.lastRequestMs >= idleMs()) leave(session);
      }
    },
    endIfEmpty: () => endIfEmpty(),
    get fill() {
      const segments = feed.shape?.main.ring.segments ?? [];
      const seconds = segments.reduce((sum, { durationSeconds }) => sum + durationSeconds, 0);
      const bytes = tracks().reduce((sum, { ring }) => sum + ring.bytes, 0);
      return { segments: segments.length, seconds, bytes };
    },
  };
}

/** The most that a player needs of what is held, in bits a second. */
function bandwidthOf({ segments }: ChannelRing): number {
  return Math.max(...segments.map(({ length, durationSeconds }) => (length * 8) / Math.max(0.1, durationSeconds)));
}
