import type { IncomingMessage, ServerResponse } from 'node:http';
import { rewritePlaylist } from '../hls';
import type { RawHeaders } from '../http';
import type { Logger } from '../log';
import { allSourcesOf } from './active-streams';
import { createChildTokens, type HlsChild } from './child-token';
import type { RelayClients } from './client';
import type { createFoundType } from './found-type';
import { childRewriter, isPlaylistKind } from './hls-children';
import { createHlsSession, createHlsSessions, type HlsSession, idleMsOf } from './hls-session';
import { respondFull, respondNoSource } from './no-source';
import { mediaHead, passOn } from './passthrough-body';
import {
  type Ask,
  createPassthroughSource,
  type FetchedPlaylist,
  type PassthroughSourceOptions,
} from './passthrough-source';
import { respondRelayProblem } from './problems';
import type { OpenSource, SourceFailure } from './provider';
import { failureOf } from './provider-answer';
import { viewerOf } from './serve-stream';
import type { ServeHls } from './server';
import type { RelayStream } from './stream';
import type { Ticker } from './ticker';
import { clientOf, idInHeader, type Standing } from './viewer';

export interface PassthroughOptions extends PassthroughSourceOptions {
  /** That of the streams' ids. */
  readonly key: Buffer;
  /** The client's true address. */
  readonly addressOf: (req: IncomingMessage) => string;
  /** As of live streams. */
  readonly failback: 'idle' | 'never';
  readonly find: (streamId: string) => RelayStream | undefined;
  /** Answers whoever asked for HLS that is a live stream. */
  readonly foundType: ReturnType<typeof createFoundType>;
  readonly clients: RelayClients;
  readonly ticker: Ticker;
  /** Each request can cause a line: bounded. */
  readonly log: Logger;
}

const entryPath = /^(?:index|playlist)\.m3u8$/;
const childPath = /^([A-Za-z0-9_-]{16})\/([A-Za-z0-9_-]{24,8000})\.[a-z0-9]{1,6}$/;
/** As HAProxy's front door has them. */
const validName = /^[0-9A-Za-z-]{1,64}$/;
/** So many segments in a row may be missing until the source is left: one alone may just have left the playlist. */
const mostMissing = 2;
/** In hand, of one session: each has a connection to the provider, which counts them all as one player's. */
const mostRequests = 24;
const everybody = ['access-control-allow-origin', '*', 'x-content-type-options', 'nosniff'];
const playlistType = 'application/vnd.apple.mpegurl';

/**
 * Makes what answers for HLS that is passed through: the provider's own playlists, whose every URI is one of the relay, and whatever they name.
 *
 * | Path behind `/hls/{id}/` | What |
 * |---|---|
 * | `index.m3u8`, `playlist.m3u8` | begins a session, with one source and one slot of its account; answers the source's playlist, or a master playlist of one variant where the source has none |
 * | `{session}/{token}.ts`, `.m3u8` … | what a playlist names: the token holds its URL, sealed |
 */
export function createPassthrough(options: PassthroughOptions): ServeHls {
  const { times, streams, clients, reports, ticker, nowMs } = options;
  const tokens = createChildTokens(options.key);
  const sources = createPassthroughSource(options, tokens, (session) => {
    // It would take the slot back by its next request.
    end(session, 'the same player plays another stream', true);
  });
  const sessions = createHlsSessions();
  let endTicks: (() => void) | undefined;

  /* Sessions */

  function begin(req: IncomingMessage, stream: RelayStream, query: string, id?: string): HlsSession | undefined {
    const asked = new URLSearchParams(query).get('mtxs');
    const mtxs = asked !== null && validName.test(asked) ? asked : undefined;
    const known = id === undefined && mtxs !== undefined ? sessions.named(stream.id, mtxs) : undefined;
    if (known !== undefined) return known;
    const given = viewerOf(req, query, options.addressOf(req));
    const viewer = mtxs === undefined ? given : { ...given, id: mtxs };
    const standing: Standing = { source: -1, bytes: 0, segments: 0, failovers: 0, lastAccessMs: nowMs() };
    const client = clientOf(viewer, stream.id, standing, {
      disconnect: () => end(session, 'disconnected', true),
      failover: (to) => leaveByHand(session, to),
    });
    const session = createHlsSession({ streamId: stream.id, viewer, mtxs, client, standing }, nowMs(), id);
    if (!clients.add(client)) return undefined;
    const active = streams.of(stream.id);
    if (active.readers.size === 0 && options.failback === 'idle') active.start = 0;
    active.readers.add(client);
    sessions.add(session);
    endTicks ??= ticker.add(endIdle);
    return session;
  }

  function end(session: HlsSession, reason: string | undefined, isFinal: boolean): void {
    if (session.ending.signal.aborted) return;
    sessions.remove(session, isFinal);
    session.ending.abort();
    session.slot?.release();
    streams.find(session.streamId)?.readers.delete(session.client);
    clients.remove(session.client, reason);
    for (const _other of sessions.all()) return;
    endTicks?.();
    endTicks = undefined;
  }

  function endIdle(): void {
    const now = nowMs();
    for (const session of sessions.all()) {
      if (session.requests === 0 && now - session.lastMs >= session.idleMs) end(session, undefined, false);
    }
  }

  function leaveByHand(session: HlsSession, to: string | undefined): number | undefined {
    const stream = options.find(session.streamId);
    if (stream === undefined || session.leaving !== undefined || session.moving !== undefined) return undefined;
    const active = streams.of(stream.id);
    const sources = allSourcesOf(stream, active);
    const wanted = to === undefined ? -1 : sources.indexOf(to);
    const index = wanted >= 0 ? wanted : active.health.next(sources, session.standing.source, nowMs())?.index;
    if (index === undefined) return undefined;
    session.leaving = { failure: failureOf('manual', 'An operator asked for it.'), to: index };
    return index;
  }

  /* Answers */

  async function answerEntry(ask: Ask): Promise<void> {
    const { session, res, stream } = ask;
    // A player that comes again by the name that HAProxy gave it reads everything anew.
    const moved = await sources.move(ask, new Set());
    if (res.destroyed) return;
    if (moved.playlist !== undefined) {
      sendPlaylist(ask, moved.playlist);
      return;
    }
    const { failures } = moved;
    if (failures[0]?.found === 'live') {
      await options.foundType(res, { stream, type: 'live', query: ask.query, failures });
    } else fail(ask, failures);
    if (session.standing.source === -1) end(session, failures[0]?.reason, false);
    else if (options.find(stream.id) === undefined) end(session, undefined, true);
  }

  function fail({ session, res }: Ask, failures: readonly SourceFailure[]): void {
    const [first = failureOf('connect', 'The stream has no source.')] = failures;
    reports.clientFailed(session.client, first);
    respondNoSource(res, failures, everybody);
  }

  /** A media playlist: of the source that the player has it from, or of the one that its session has gone over to since. */
  async function answerPlaylist(ask: Ask, child: HlsChild): Promise<void> {
    const { session, res } = ask;
    const tried = new Set<string>();
    const failures: SourceFailure[] = [];
    const mostTries = allSourcesOf(ask.stream, streams.find(ask.stream.id)).length + 2;
    for (let tries = 0; tries < mostTries; tries++) {
      await session.moving;
      const { sourceUrl, sinceMs } = session;
      const url = session.leaving === undefined ? sources.playlistUrl(session, child) : undefined;
      if (url === undefined) {
        const moved = await sources.move(ask, tried);
        if (ask.signal.aborted) return;
        if (moved.playlist === undefined) {
          failures.push(...moved.failures);
          break;
        }
        continue;
      }
      const askedMs = nowMs();
      const fetched = await sources.fetchPlaylist(ask, withReloadQuery(url, ask.query));
      if (ask.signal.aborted) return;
      const failure = fetched.failure ?? (await sendRewritten(ask, fetched.playlist, child));
      if (failure === undefined) return;
      failures.push(failure);
      sources.noteFailure(ask, failure, askedMs);
      if (session.sourceUrl === sourceUrl && session.sinceMs === sinceMs)
        session.leaving ??= { failure, to: undefined };
    }
    if (!res.destroyed) fail(ask, failures);
  }

  /** @returns why it cannot be given to the player. */
  async function sendRewritten(
    ask: Ask,
    { bytes, url }: FetchedPlaylist,
    { kind }: Pick<HlsChild, 'kind'>,
  ): Promise<SourceFailure | undefined> {
    const { session } = ask;
    const rewritten = await rewritePlaylist(bytes, childRewriter(tokens, session, { url, prefix: '' }), {
      url,
      imported: session.variables,
    });
    if (rewritten.fault !== undefined) return failureOf('type', rewritten.fault.reason);
    if (kind === 'variant' || kind === 'rendition') session.idleMs = idleMsOf(bytes, times.clientTimeoutMs);
    sendPlaylist(ask, rewritten.playlist);
    return undefined;
  }

  function sendPlaylist({ session, req, res }: Ask, playlist: Buffer): void {
    if (res.destroyed) return;
    session.standing.lastAccessMs = nowMs();
    res.writeHead(200, [
      ...playlistHead,
      'content-length',
      String(playlist.length),
      'x-client-id',
      idInHeader(session.viewer.id),
      'x-stream-id',
      session.streamId,
    ]);
    res.end(req.method === 'HEAD' ? undefined : playlist);
  }

  async function answerMedia(ask: Ask, child: HlsChild): Promise<void> {
    const { req, res, session } = ask;
    const { range: asked } = req.headers;
    const ifRange = req.headers['if-range'];
    const range =
      asked === undefined ? undefined : { range: asked, ifRange: typeof ifRange === 'string' ? ifRange : undefined };
    const method = req.method === 'HEAD' ? 'HEAD' : 'GET';
    const { source, failure } = await sources.open(ask, child.url, { method, range });
    if (ask.signal.aborted) source?.close();
    else if (source === undefined) mediaFailed(ask, child, failure);
    else if (method === 'HEAD') {
      source.close();
      res.writeHead(source.status, [...mediaHead(source, child)]).end();
    } else await answerBody(ask, child, source);
    session.standing.lastAccessMs = nowMs();
  }

  /** Passes on what comes; a playlist, whatever it is named, is rewritten. */
  async function answerBody(ask: Ask, child: HlsChild, source: OpenSource): Promise<void> {
    const { res, session, signal } = ask;
    const { standing } = session;
    const passed = await passOn(source, res, {
      child,
      stallMs: times.stallMs,
      signal,
      onBytes(count) {
        standing.bytes += count;
        standing.lastAccessMs = nowMs();
      },
    });
    if (passed.what === 'playlist') {
      const read = await sources.readPlaylist(source, passed.begun);
      if (signal.aborted) return;
      const failure = read.failure ?? (await sendRewritten(ask, read.playlist, { kind: 'playlist' }));
      if (failure !== undefined) mediaFailed(ask, child, failure);
      return;
    }
    source.close();
    if (passed.what === 'failed') mediaFailed(ask, child, passed.failure);
    else if (passed.what === 'whole') {
      if (child.kind === 'segment') {
        standing.segments = (standing.segments ?? 0) + 1;
        session.missing = 0;
      }
      res.end();
    }
  }

  function mediaFailed(ask: Ask, child: HlsChild, failure: SourceFailure): void {
    noteMediaFailure(ask, child, failure);
    // Of a body that has begun, only its end tells that it is not whole.
    if (ask.res.headersSent) ask.res.destroy();
    else respondNoSource(ask.res, [failure], everybody);
  }

  /** Nothing takes the place of a segment: the session goes over with its next playlist, which its player asks for all the time. */
  function noteMediaFailure(ask: Ask, { kind, source }: HlsChild, failure: SourceFailure): void {
    const { session } = ask;
    if (source !== session.standing.source || kind === 'data' || kind === 'playlist') return;
    const isMissing = failure.status === 404 || failure.status === 410;
    session.missing = isMissing ? session.missing + 1 : 0;
    if (isMissing && session.missing < mostMissing) return;
    sources.noteFailure(ask, failure, ask.sinceMs);
    session.missing = 0;
    session.leaving ??= { failure, to: undefined };
  }

  async function answerChild(ask: Ask, child: HlsChild): Promise<void> {
    const { res } = ask;
    // Playlists of advertisements and the like are nothing that another source has in the same place.
    if (isPlaylistKind(child.kind) && child.kind !== 'playlist') await answerPlaylist(ask, child);
    else if (await isAllowed(ask, child)) await answerMedia(ask, child);
    else if (!res.destroyed) {
      const detail = 'It is of a source that this session plays no more.';
      respondRelayProblem(res, 'NotOfSource', { detail }, everybody);
    }
  }

  /** A session that has begun again has to have its source first. What was left of another one may cost its account a connection. */
  async function isAllowed(ask: Ask, child: HlsChild): Promise<boolean> {
    const { session } = ask;
    const hasSource = session.standing.source !== -1 && session.slot !== undefined;
    if (!hasSource && (await sources.move(ask, new Set())).playlist === undefined) return false;
    return sources.isFree(ask, child.source);
  }

  /** Counts a request of a session, which does not end while it has one. */
  async function during(
    req: IncomingMessage,
    res: ServerResponse,
    stream: RelayStream,
    given: { readonly session: HlsSession; readonly query: string },
    answer: (ask: Ask) => Promise<void>,
  ): Promise<void> {
    const { session, query } = given;
    const leaving = new AbortController();
    const leave = (): void => leaving.abort();
    const onEnd = (): void => {
      leave();
      // Of a session that was ended from outside, nothing more is sent; but for an answer that is whole.
      if (!res.writableEnded) res.destroy();
    };
    session.requests++;
    session.ending.signal.addEventListener('abort', onEnd, { once: true });
    res.once('close', () => {
      leave();
      session.ending.signal.removeEventListener('abort', onEnd);
      session.requests--;
      session.lastMs = nowMs();
      // Nobody waits for its first source any more.
      if (session.requests === 0 && session.standing.source === -1) end(session, undefined, false);
    });
    req.socket.setTimeout(times.clientTimeoutMs + 2 * times.stallMs);
    await answer({ req, res, stream, session, signal: leaving.signal, query, sinceMs: nowMs() });
  }

  return (req, res, stream, { path, query }) => {
    const failed = (error: unknown): void => {
      options.log.error({ err: error, stream: stream.id }, 'answering a request for HLS failed');
      res.destroy();
    };
    if (entryPath.test(path)) {
      if (req.method === 'HEAD') {
        res.writeHead(200, [...playlistHead]).end();
        return;
      }
      const session = begin(req, stream, query);
      if (session === undefined) respondFull(res, everybody);
      else during(req, res, stream, { session, query }, answerEntry).catch(failed);
      return;
    }
    const [, id, token] = childPath.exec(path) ?? [];
    if (id === undefined || token === undefined) {
      respondRelayProblem(res, 'NoSuchPath', { detail: 'There is no such playlist or segment.' }, everybody);
      return;
    }
    const child = tokens.open({ streamId: stream.id, sessionId: id }, token);
    if (child === undefined) {
      const detail = 'This URL was not made by this relay for this session.';
      respondRelayProblem(res, 'WrongChild', { detail }, everybody);
    } else if (sessions.isOver(id)) {
      const detail = 'This player was disconnected: it may begin again with the URL of the stream.';
      respondRelayProblem(res, 'Disconnected', { detail }, everybody);
    } else {
      const session = sessions.find(stream.id, id) ?? begin(req, stream, query, id);
      if (session === undefined) respondFull(res, everybody);
      else if (session.requests >= mostRequests) {
        const detail = 'This session has as many requests in hand as it may have.';
        respondRelayProblem(res, 'Busy', { detail }, ['retry-after', '1', ...everybody]);
      } else during(req, res, stream, { session, query }, (ask) => answerChild(ask, child)).catch(failed);
    }
  };
}

const playlistHead: RawHeaders = [
  'content-type',
  playlistType,
  'cache-control',
  'no-store',
  ...everybody,
  'access-control-expose-headers',
  'X-Client-ID, X-Stream-ID',
];

/** What a player tells of the playlist that it wants to wait for (RFC 8216bis, 6.2.5) is for the provider. */
function withReloadQuery(url: string, query: string): string {
  const asked = query.split('&').filter((part) => /^_HLS_(?:msn|part|skip|report)=[A-Za-z0-9%._/-]{1,200}$/.test(part));
  if (asked.length === 0) return url;
  return `${url}${url.includes('?') ? '&' : '?'}${asked.join('&')}`;
}
