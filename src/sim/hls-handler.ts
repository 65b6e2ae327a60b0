import type { IncomingMessage, ServerResponse } from 'node:http';
import { posix } from 'node:path';
import type { ClientIp } from './client-ip';
import type { Clock } from './clock';
import { CHALLENGE, checkCredentials, type SimCredentials } from './credentials';
import { createFileSender, type FileRequest } from './hls-files';
import { type Muxer, openSession, type Session, touchSession } from './muxer';
import { isPathError, type PathError, type PathTable, type SimPath } from './path-table';
import { PLAYER_PAGE, playerScript } from './player-page';
import { decodePath, encodeQuery, parseQuery, queryValue, requestTarget } from './query';
import {
  type HeaderList,
  type ReplyStyle,
  reply,
  replyChunked,
  replyError,
  replyNotFound,
  replyRedirect,
} from './reply';
import type { SimEndpoint, Traffic } from './traffic';

/** What the HLS listener of one server works on. */
export interface HlsContext {
  readonly style: ReplyStyle;
  readonly clock: Clock;
  readonly paths: PathTable;
  readonly cdnSecret: string;
  readonly readCredentials: SimCredentials | undefined;
  readonly clientIp: ClientIp;
  readonly traffic: Traffic;
  /** Calls back after the wait that wrong credentials earn, unless the server goes away before. */
  afterWrongCredentials(callback: () => void): void;
}

/** What a URL names. */
interface Target {
  readonly endpoint: SimEndpoint;
  /** URL path without its first slash, escapes resolved. */
  readonly path: string;
  readonly stream: string;
  /** Empty for a page. */
  readonly file: string;
}

/** A request with what its URL names. */
interface HlsRequest extends FileRequest {
  readonly target: Target;
}

const SESSION_COOKIE = 'hlsSession';
const SESSION_PARAMETER = 'session';
const CHECK = 'cookieCheck';
const COOKIE_ATTRIBUTES = 'HttpOnly; Secure; SameSite=None; Partitioned';

function endpointOf(file: string): SimEndpoint {
  if (file === 'index.m3u8') return 'master';
  if (file.endsWith('.m3u8')) return 'media';
  if (file.endsWith('_init.mp4')) return 'init';
  return /_part\d+\.mp4$/.test(file) ? 'part' : 'segment';
}

/** Go's `path.Clean` without the slash at the end that Node keeps. */
const clean = (path: string) => posix.normalize(path).replace(/(?<=.)\/$/, '');

function readTarget(method: string | undefined, path: string): Target {
  if (method !== 'GET')
    return { endpoint: method === 'OPTIONS' ? 'preflight' : 'hls/other', path, stream: '', file: '' };
  if (path === '' || path === 'favicon.ico' || /\/hls\.min\.js(\.map)?$/.test(path)) {
    return { endpoint: 'hls/other', path, stream: '', file: '' };
  }
  if (/\.(m3u8|ts|mp4|mp)$/.test(path)) {
    // Some players cut off the last character (so says MediaMTX, which adds it).
    const file = posix.basename(path).replace(/\.mp$/, '.mp4');
    return { endpoint: endpointOf(file), path, stream: clean(posix.dirname(path)), file };
  }
  return { endpoint: 'page', path, stream: path.replace(/\/$/, ''), file: '' };
}

function cookieValue(request: IncomingMessage, name: string): string | undefined {
  for (const pair of (request.headers.cookie ?? '').split(';')) {
    const [key, value] = pair.trim().split('=', 2);
    if (key === name) return value;
  }
  return undefined;
}

/** Answers of the HLS port, as MediaMTX's internal/servers/hls/http_server.go gives them in either era. */
export function createHlsHandler(context: HlsContext): (request: IncomingMessage, response: ServerResponse) => void {
  const { style, clock, paths, traffic } = context;
  const { features } = style;
  const sendFile = createFileSender(clock, paths);

  function cookie(name: string, value: string): HeaderList {
    const full = ['Set-Cookie', `${name}=${value}; ${COOKIE_ATTRIBUTES}`];
    return features.plainCookies ? ['Set-Cookie', `${name}=${value}`, ...full] : full;
  }

  /** Whether the request may read. Answers it otherwise. */
  function mayRead(hls: HlsRequest): boolean {
    const check = checkCredentials(hls.request, context.readCredentials);
    const refuse = () => replyError(hls, 401, 'authentication error', check === 'none' ? CHALLENGE : []);
    // Session-era servers do not make players wait.
    if (check === 'wrong' && !features.sessions) context.afterWrongCredentials(refuse);
    else if (check !== 'right') refuse();
    return check === 'right';
  }

  /** Waits for the stream; gives up when the client does. */
  function withPath(hls: HlsRequest, goOn: (result: SimPath | PathError) => void): void {
    const giveUp = paths.read(hls.target.stream, goOn);
    if (giveUp) hls.response.once('close', giveUp);
  }

  function refusePath(hls: HlsRequest, error: PathError): void {
    if (!features.sessions) replyNotFound(hls);
    else replyError(hls, error.kind === 'no stream' ? 404 : 500, error.message);
  }

  /** The player's page is there for every configured path, published or not. */
  function servePage(hls: HlsRequest): void {
    const config = paths.configOf(hls.target.stream);
    if (isPathError(config)) refusePath(hls, config);
    else if (mayRead(hls)) {
      replyChunked(hls, 200, ['Cache-Control', 'max-age=3600', 'Content-Type', 'text/html'], [PLAYER_PAGE]);
    }
  }

  /** `/stream` leads to `/stream/`. Newer versions clean the path on the way. */
  function redirectToPage(hls: HlsRequest): void {
    const { slashRedirectStatus: status } = features;
    const path = status === 302 ? clean(`/${hls.target.path}`).replace(/^[/\\]+/, '/') : `/${hls.target.path}`;
    replyRedirect(hls, status, `${path}/${hls.rawQuery === '' ? '' : `?${hls.rawQuery}`}`);
  }

  /** To v1.17.1: any request of an existing stream starts the muxer, and any child of any player is served. */
  function servePreSession(hls: HlsRequest): void {
    const config = paths.configOf(hls.target.stream);
    if (isPathError(config)) refusePath(hls, config);
    else if (mayRead(hls)) {
      withPath(hls, (path) => {
        if (isPathError(path)) refusePath(hls, path);
        else sendFile(hls, paths.muxerOf(path));
      });
    }
  }

  function beginSession(hls: HlsRequest, path: SimPath, query: string): { muxer: Muxer; session: Session } {
    const clientIp = context.clientIp(hls.request);
    const muxer = paths.muxerOf(path);
    const opener = {
      clientIp,
      remoteAddress: `${clientIp.includes(':') ? `[${clientIp}]` : clientIp}:${hls.request.socket.remotePort ?? 0}`,
      query,
      userAgent: hls.request.headers['user-agent'] ?? '',
      isCdn: hls.isCdn,
    };
    path.revision++;
    return { muxer, session: openSession(muxer, opener, clock()) };
  }

  /** A CDN with the right secret shares one session for each stream, without redirect or read authentication. */
  function serveCdnMaster(hls: HlsRequest): void {
    const running = paths.get(hls.target.stream)?.muxer;
    const shared = running?.cdnSession;
    if (running && shared) {
      touchSession(running, shared, clock());
      sendFile({ ...hls, session: shared }, running);
      return;
    }
    withPath(hls, (path) => {
      if (isPathError(path)) {
        refusePath(hls, path);
        return;
      }
      const { muxer, session } = beginSession(hls, path, hls.rawQuery);
      sendFile({ ...hls, session }, muxer);
    });
  }

  /** The first request of a player is sent round once, to see whether it keeps cookies; the second opens a session. */
  function serveMaster(hls: HlsRequest): void {
    const { query } = parseQuery(hls.rawQuery);
    if (queryValue(query, CHECK) !== '1') {
      query.set(CHECK, ['1']);
      const path = clean(`/${hls.target.path}`).replace(/^[/\\]+/, '/');
      replyRedirect(hls, 302, `${path}?${encodeQuery(query)}`, cookie(CHECK, '1'));
      return;
    }
    query.delete(CHECK);
    const config = paths.configOf(hls.target.stream);
    if (isPathError(config)) refusePath(hls, config);
    else if (mayRead(hls)) {
      withPath(hls, (path) => {
        if (isPathError(path)) refusePath(hls, path);
        else {
          const childQuery = encodeQuery(query);
          const { muxer, session } = beginSession(hls, path, childQuery);
          if (cookieValue(hls.request, CHECK) === '1') {
            sendFile({ ...hls, session, childQuery, cookies: cookie(SESSION_COOKIE, session.secret) }, muxer);
          } else {
            query.set(SESSION_PARAMETER, [session.secret]);
            sendFile({ ...hls, session, childQuery: encodeQuery(query) }, muxer);
          }
        }
      });
    }
  }

  /** The session that a child belongs to: right secret, right stream, right client. A cookie counts before the query. */
  function findSession(hls: HlsRequest, muxer: Muxer): Session | undefined {
    if (hls.isCdn) return muxer.cdnSession;
    const secret =
      cookieValue(hls.request, SESSION_COOKIE) ?? queryValue(parseQuery(hls.rawQuery).query, SESSION_PARAMETER) ?? '';
    const session = muxer.sessions.get(secret.toLowerCase());
    return session?.clientIp === context.clientIp(hls.request) ? session : undefined;
  }

  function serveChild(hls: HlsRequest): void {
    const muxer = paths.get(hls.target.stream)?.muxer;
    const session = muxer && findSession(hls, muxer);
    if (!session) {
      replyError(hls, 401, 'authentication error');
      return;
    }
    touchSession(muxer, session, clock());
    sendFile({ ...hls, session }, muxer);
  }

  function serveOther(hls: HlsRequest): void {
    const { target, request } = hls;
    if (target.endpoint === 'preflight' && request.headers['access-control-request-method'] !== undefined) {
      const allowed = [
        'Access-Control-Allow-Headers',
        'Authorization, Range',
        'Access-Control-Allow-Methods',
        'OPTIONS, GET',
      ];
      reply(hls, 204, allowed);
    } else if (request.method === 'GET' && target.path.endsWith('/hls.min.js')) {
      replyChunked(
        hls,
        200,
        ['Cache-Control', 'max-age=3600', 'Content-Type', 'application/javascript'],
        [playerScript()],
      );
    } else replyNotFound(hls);
  }

  function serve(hls: HlsRequest): void {
    const { endpoint, path } = hls.target;
    if (endpoint === 'preflight' || endpoint === 'hls/other') serveOther(hls);
    else if (endpoint === 'page' && path.endsWith('/')) servePage(hls);
    else if (endpoint === 'page') redirectToPage(hls);
    else if (!features.sessions) servePreSession(hls);
    else if (endpoint !== 'master') serveChild(hls);
    else if (hls.isCdn) serveCdnMaster(hls);
    else serveMaster(hls);
  }

  return (request, response) => {
    const { rawPath, rawQuery } = requestTarget(request.url);
    const path = rawPath.startsWith('/') ? decodePath(rawPath) : undefined;
    const target = path === undefined ? undefined : readTarget(request.method, path.slice(1));
    const endpoint = target?.endpoint ?? 'hls/other';
    traffic.count(endpoint);
    const forwardedFor = request.headers['x-forwarded-for'];
    const noteStatus = traffic.log({
      atMs: clock(),
      endpoint,
      method: request.method ?? '',
      path: rawPath,
      query: rawQuery,
      xForwardedFor: Array.isArray(forwardedFor) ? forwardedFor.join(', ') : forwardedFor,
      peer: request.socket.remoteAddress ?? '',
    });
    response.once('finish', () => noteStatus(response.statusCode));
    const exchange = { style, request, response };
    if (!target) {
      reply(exchange, 400, []);
      return;
    }
    const { cdnSecret } = context;
    const isCdn = features.cdn && cdnSecret !== '' && request.headers.authorization === `Bearer ${cdnSecret}`;
    serve({ ...exchange, target, file: target.file, isCdn, cookies: [], rawQuery, childQuery: rawQuery });
  };
}
