import type { IncomingMessage, ServerResponse } from 'node:http';
import { rewritePlaylist } from '../hls';
import type { Accounts } from './accounts';
import { type ActiveStreams, allSourcesOf } from './active-streams';
import type { ChildTokens, HlsChild } from './child-token';
import { headersFor } from './child-url';
import type { RelayReports } from './client';
import { childRewriter, playlistName } from './hls-children';
import type { HlsSession, Moved } from './hls-session';
import { createNamedSource } from './named-source';
import { readPlaylistBody } from './playlist-body';
import type { Opened, OpenSource, Provider, SourceFailure, SourceRequest } from './provider';
import { failureOf } from './provider-answer';
import { providerHeaders, type RelayStream } from './stream';
import type { createStreamResolvers } from './stream-resolvers';
import { type SlotPolicy, takeSlot } from './take-slot';

/** A request of a session. */
export interface Ask {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly stream: RelayStream;
  readonly session: HlsSession;
  /** Aborted when the player has gone, or its session ended. */
  readonly signal: AbortSignal;
  /** Of its URL, as it came. */
  readonly query: string;
  /** When it came. */
  readonly sinceMs: number;
}

/** A playlist as the provider has it. */
export interface FetchedPlaylist {
  readonly bytes: Buffer;
  /** After redirects. */
  readonly url: string;
}

export type Fetched =
  | { readonly playlist: FetchedPlaylist; readonly failure?: undefined }
  | { readonly failure: SourceFailure; readonly playlist?: undefined };

export interface PassthroughTimes {
  /** A provider that sends nothing for so long, while it should, has failed. */
  readonly stallMs: number;
  /** A source that failed after having run so long is tried once more at once. */
  readonly retryAfterRunningMs: number;
  /** So long a film may be paused, and a player may stop reading a segment. */
  readonly clientTimeoutMs: number;
}

export interface PassthroughSourceOptions {
  /** Keeps connections for the next question. */
  readonly provider: Provider;
  readonly accounts: Accounts;
  readonly policy: SlotPolicy;
  readonly times: PassthroughTimes;
  readonly resolve: ReturnType<typeof createStreamResolvers>;
  readonly streams: ActiveStreams;
  readonly reports: RelayReports;
  readonly nowMs: () => number;
}

/** What asks the providers for sessions, and takes sessions from one source to another. */
export interface PassthroughSource {
  open(
    ask: Pick<Ask, 'session' | 'stream' | 'signal'>,
    url: string,
    more?: Partial<Pick<SourceRequest, 'method' | 'range'>>,
  ): Promise<Opened>;
  fetchPlaylist(ask: Pick<Ask, 'session' | 'stream' | 'signal'>, url: string): Promise<Fetched>;
  readPlaylist(source: OpenSource, begun?: Buffer): Promise<Fetched>;
  /** Goes over to the next source, once for all requests that want it at the time. @param tried sources that are not to be asked again. */
  move(ask: Ask, tried: Set<string>): Promise<Moved>;
  /** Where a playlist is now that the player knows; undefined: the source has to be asked for its playlists first. */
  playlistUrl(session: HlsSession, child: HlsChild): string | undefined;
  /** @param sinceMs when it was asked. */
  noteFailure(ask: Ask, failure: SourceFailure, sinceMs: number): void;
  /** What may be asked for without a connection to an account that others may have now. */
  isFree(ask: Ask, source: number): boolean;
}

/** In which order sources are asked, by one request. */
interface SourceOrder {
  isUntried(index: number): boolean;
  /** The index, or the first source where the list has become shorter. */
  within(index: number): number;
  /** It is asked now, and not again. @returns its URL. */
  take(index: number): string;
  /** What to ask when this one has failed; undefined: all have been asked. */
  after(index: number, failure: SourceFailure): Promise<number | undefined>;
}

/** A source that has just failed is left alone for so long; a player that waits does not wait for longer. */
const mostPauseMs = 1000;
const mostPlaylistBytes = 2 * 1024 * 1024;
/** Of a master playlist of our own: nobody has told it. */
const unknownBandwidth = 5_000_000;

/** @param onTakenOver ends a session whose player has taken its slot to another one. */
export function createPassthroughSource(
  options: PassthroughSourceOptions,
  tokens: ChildTokens,
  onTakenOver: (session: HlsSession) => void,
): PassthroughSource {
  const { provider, accounts, policy, times, streams, reports, nowMs } = options;

  function open(
    { session, stream, signal }: Pick<Ask, 'session' | 'stream' | 'signal'>,
    url: string,
    more: Partial<Pick<SourceRequest, 'method' | 'range'>> = {},
  ): Promise<Opened> {
    const headers = headersFor(url, session.sourceUrl, providerHeaders(stream));
    const { cookies } = session;
    return provider.open({ url, method: 'GET', headers, cookies, expects: 'any', signal, ...more });
  }

  async function fetchPlaylist(ask: Pick<Ask, 'session' | 'stream' | 'signal'>, url: string): Promise<Fetched> {
    const { source, failure } = await open(ask, url);
    return source === undefined ? { failure } : readPlaylist(source);
  }

  async function readPlaylist(source: OpenSource, begun?: Buffer): Promise<Fetched> {
    const read = await readPlaylistBody(source, {
      mostBytes: mostPlaylistBytes,
      stallMs: times.stallMs,
      ...(begun === undefined ? {} : { begun }),
    });
    if (read.failure !== undefined) return read;
    return { playlist: { bytes: read.bytes, url: source.url } };
  }

  /** Opens the sources in their order until one gives its playlist. */
  async function move(ask: Ask, tried: Set<string>): Promise<Moved> {
    const { session, stream } = ask;
    const { leaving } = session;
    session.leaving = undefined;
    const from = session.standing.source;
    const order = orderOf(stream, tried);
    const first = from === -1 ? streams.of(stream.id).start : await firstAfter(session, leaving, order);
    const failures: SourceFailure[] = leaving === undefined ? [] : [leaving.failure];
    for (let index: number | undefined = order.within(first); index !== undefined; ) {
      const moved = await goTo(ask, index, order.take(index));
      if (moved.playlist !== undefined) {
        report(ask, from === -1 ? first : from, index, failures[0]);
        return moved;
      }
      failures.push(...moved.failures);
      const [failure] = moved.failures;
      const isFinal = failure?.trigger === 'account' && policy.whenFull === 'refuse';
      index = ask.signal.aborted || isFinal || failure === undefined ? undefined : await order.after(index, failure);
    }
    return { failures };
  }

  /** Which source a session goes over to that has one. */
  async function firstAfter(session: HlsSession, leaving: HlsSession['leaving'], order: SourceOrder): Promise<number> {
    const from = session.standing.source;
    if (leaving === undefined) return from;
    if (leaving.to !== undefined) return leaving.to;
    // It ran well for long: what it gave may be old, a token in its URLs for instance.
    const ranWell = nowMs() - session.sinceMs >= times.retryAfterRunningMs;
    if (ranWell && order.isUntried(from)) return from;
    order.take(from);
    // Where there is no other source, what this one says now may help.
    return (await order.after(from, leaving.failure)) ?? from;
  }

  /** The sources of a stream, and the one that its resolver names, each of them once. */
  function orderOf(stream: RelayStream, tried: Set<string>): SourceOrder {
    const active = streams.of(stream.id);
    const sources = [...allSourcesOf(stream, active)];
    const named = createNamedSource(
      (left) => options.resolve(stream, left),
      (url) => url,
    );
    const isUntried = (index: number | undefined): index is number =>
      index !== undefined && !tried.has(sources[index] ?? '');
    function nextOf(index: number): number | undefined {
      const best = active.health.next(sources, index, nowMs(), mostPauseMs)?.index;
      if (isUntried(best)) return best;
      return Array.from(sources, (_, step) => (index + 1 + step) % sources.length).find(isUntried);
    }
    return {
      isUntried,
      within: (index) => (index < sources.length ? index : 0),
      take(index) {
        const url = sources[index] ?? '';
        tried.add(url);
        return url;
      },
      async after(index, failure) {
        const next = (await named.soon(sources, index, failure)) ?? nextOf(index) ?? (await named.late(sources));
        return isUntried(next) ? next : undefined;
      },
    };
  }

  async function goTo(ask: Ask, index: number, url: string): Promise<Moved> {
    const { playlist, failure } = await openSource(ask, index, url);
    return playlist === undefined ? { failures: [failure] } : take(ask, index, url, playlist);
  }

  async function openSource({ session, stream, signal }: Ask, index: number, url: string): Promise<Fetched> {
    const { health } = streams.of(stream.id);
    if (session.sourceUrl !== url || session.slot === undefined) {
      session.slot?.release();
      session.slot = undefined;
      const request = {
        url,
        client: session.viewer.player,
        onTakenOver: () => onTakenOver(session),
      };
      const slot = await takeSlot(accounts, request, policy, signal);
      if (session.ending.signal.aborted) slot?.release();
      else session.slot = slot;
      if (slot === undefined || signal.aborted) {
        return {
          failure: failureOf('account', `All connections of the account ${accounts.nameOf(url) ?? ''} are in use.`),
        };
      }
    }
    session.sourceUrl = url;
    const sinceMs = nowMs();
    const fetched = await fetchPlaylist({ session, stream, signal }, url);
    if (signal.aborted) return { failure: failureOf('reset', 'The player has gone.') };
    reports.connected(stream.id, index, nowMs() - sinceMs, fetched.failure);
    if (fetched.failure === undefined) health.works(url);
    else health.failed(url, fetched.failure, sinceMs, nowMs());
    return fetched;
  }

  /** The session plays this source from here on. */
  async function take({ session }: Ask, index: number, url: string, playlist: FetchedPlaylist): Promise<Moved> {
    const before = session.standing.source;
    session.standing.source = index;
    const found = new Map<string, string>();
    const place = { url: playlist.url, prefix: `${session.id}/` };
    const rewritten = await rewritePlaylist(playlist.bytes, childRewriter(tokens, session, place, found), place);
    if (rewritten.fault !== undefined) {
      session.standing.source = before;
      return { failures: [failureOf('type', rewritten.fault.reason)] };
    }
    session.sourceUrl = url;
    session.sinceMs = nowMs();
    session.missing = 0;
    session.playlists.clear();
    session.variables = rewritten.variables;
    if (rewritten.isMaster) {
      for (const [name, at] of found) session.playlists.set(name, at);
      return { playlist: rewritten.playlist };
    }
    session.playlists.set(playlistName('variant', 0), playlist.url);
    return { playlist: masterOf(session, index, playlist.url) };
  }

  /** Whoever polls it would begin a session each time, had it no name of the session in its URL. */
  function masterOf(session: HlsSession, source: number, url: string): Buffer {
    const { streamId, id: sessionId, mtxs } = session;
    const token = tokens.seal({ streamId, sessionId }, { kind: 'variant', ordinal: 0, source, url });
    const query = mtxs === undefined ? '' : `?mtxs=${mtxs}`;
    return Buffer.from(
      `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=${unknownBandwidth}\n${sessionId}/${token}.m3u8${query}\n`,
    );
  }

  function report({ session, stream }: Ask, from: number, to: number, failure: SourceFailure | undefined): void {
    if (from === to) return;
    const active = streams.of(stream.id);
    active.start = to;
    session.standing.failovers++;
    const { trigger, reason } = failure ?? failureOf('end', 'The source is not in the list any more.');
    reports.failedOver({
      client: session.client,
      from,
      to,
      trigger,
      reason,
      byteGapMs: nowMs() - session.standing.lastAccessMs,
      pictureGapMs: undefined,
    });
  }

  function moveOnce(ask: Ask, tried: Set<string>): Promise<Moved> {
    const { session } = ask;
    // Others wait for it as well: it goes on when this player's connection does not.
    const { signal } = session.ending;
    session.moving ??= move({ ...ask, signal }, tried).finally(() => {
      session.moving = undefined;
    });
    return session.moving;
  }

  function noteFailure({ session, stream }: Ask, failure: SourceFailure, sinceMs: number): void {
    const now = nowMs();
    reports.connected(stream.id, session.standing.source, now - sinceMs, failure);
    streams.of(stream.id).health.failed(session.sourceUrl, failure, sinceMs, now);
  }

  function playlistUrl(session: HlsSession, { kind, ordinal, source, url }: HlsChild): string | undefined {
    if (session.standing.source === -1 || session.slot === undefined) return undefined;
    for (let at = ordinal; at >= 0; at--) {
      const there = session.playlists.get(playlistName(kind, at));
      if (there !== undefined) return source === session.standing.source && at !== ordinal ? url : there;
    }
    return source === session.standing.source ? url : session.playlists.get(playlistName('variant', 0));
  }

  function isFree({ session, stream }: Ask, source: number): boolean {
    if (source === session.standing.source && session.slot !== undefined) return true;
    const url = allSourcesOf(stream, streams.find(stream.id))[source];
    return url !== undefined && accounts.nameOf(url) === undefined;
  }

  return { open, fetchPlaylist, readPlaylist, move: moveOnce, playlistUrl, noteFailure, isFree };
}
