import type { IncomingMessage, ServerResponse } from 'node:http';
import { CLIP_TRACK_NAMES, CLIP_TRACKS } from './clip';
import { type Clock, GO_ZERO_TIME, goTime } from './clock';
import { CHALLENGE, checkCredentials, type SimCredentials } from './credentials';
import { type GlobalConfigOptions, globalConfig } from './global-config';
import { mediaLibrary } from './media-library';
import { allSessions, attachedMs, closeSession, type Muxer, type Session } from './muxer';
import { pathConfigItem } from './path-config-item';
import type { PathTable, SimPath, SimReader } from './path-table';
import { decodePath, parseQuery, queryValue, requestTarget } from './query';
import { type Exchange, goJson, type ReplyStyle, reply, replyError, replyJson, replyNotFound } from './reply';
import type { SimEndpoint, Traffic } from './traffic';

/** What the Control API of one server works on. */
export interface ApiContext {
  readonly style: ReplyStyle;
  readonly clock: Clock;
  readonly startedMs: number;
  readonly paths: PathTable;
  readonly config: GlobalConfigOptions;
  readonly credentials: SimCredentials | undefined;
  readonly refused: readonly SimEndpoint[];
  readonly traffic: Traffic;
  /** Calls back after the wait that wrong credentials earn, unless the server goes away before. */
  afterWrongCredentials(callback: () => void): void;
}

const DEFAULT_ITEMS_A_PAGE = 100;
const MAX_GO_INT31 = 2 ** 31 - 1;

/** Parts of a path's item that change only with its revision. */
interface CachedItem {
  readonly revision: number;
  readonly head: string;
  readonly readers: string;
}

function readersJson(context: ApiContext, path: SimPath): string {
  const readers: SimReader[] = [...path.readers];
  if (path.muxer && !context.style.features.sessions) readers.push({ type: 'hlsMuxer', id: '' });
  else if (path.muxer) {
    const ids = allSessions(path.muxer).map(({ id }) => id);
    readers.push(...ids.sort().map((id) => ({ type: 'hlsSession', id })));
  }
  return `[${readers.map(({ type, id }) => `{"type":"${type}","id":"${id}"}`).join(',')}]`;
}

function itemHead(context: ApiContext, path: SimPath): string {
  const { features } = context.style;
  const isAvailable = path.availableSinceMs !== undefined;
  const availableTime = path.availableSinceMs === undefined ? null : goTime(path.availableSinceMs);
  // A path with a source of its own counts as online as soon as it exists, with a time that was never set (v1.16.0 and newer).
  const hasSource = path.config.onDemand !== undefined || path.config.pulls !== undefined;
  const isIdleSource = hasSource && path.onlineSinceMs === undefined;
  const onlineTime = path.onlineSinceMs === undefined ? null : goTime(path.onlineSinceMs);
  return goJson({
    name: path.name,
    confName: path.config.name,
    ready: isAvailable,
    readyTime: availableTime,
    ...(features.online && {
      available: isAvailable,
      availableTime,
      online: isIdleSource || path.onlineSinceMs !== undefined,
      onlineTime: isIdleSource ? GO_ZERO_TIME : onlineTime,
    }),
    source: path.source ?? null,
    tracks: isAvailable ? CLIP_TRACK_NAMES : [],
    ...(features.tracks2 && { tracks2: isAvailable ? CLIP_TRACKS : [] }),
  }).slice(0, -1);
}

/** The parts of `GET /v3/info`, `config/global/get`, `paths`, `hlsmuxers` and `hlssessions` of one server. */
export function createApiHandler(context: ApiContext): (request: IncomingMessage, response: ServerResponse) => void {
  const { style, clock, paths, traffic } = context;
  const { features } = style;
  const cache = new WeakMap<SimPath, CachedItem>();

  function pathItem(path: SimPath, now: number): string {
    let cached = cache.get(path);
    if (cached?.revision !== path.revision) {
      cached = { revision: path.revision, head: itemHead(context, path), readers: readersJson(context, path) };
      cache.set(path, cached);
    }
    const { bytesASecond } = mediaLibrary();
    const isFed = path.onlineSinceMs !== undefined || path.config.alwaysAvailable === true;
    const sinceMs = isFed ? (path.availableSinceMs ?? now) : now;
    const inbound = Math.floor(((now - sinceMs) / 1000) * bytesASecond);
    // Before sessions existed, the muxer's reading was not counted.
    const readMs = features.sessions && path.muxer ? attachedMs(path.muxer, now) : 0;
    const outbound = Math.floor((readMs / 1000) * bytesASecond);
    const bytes = features.tracks2
      ? `,"inboundBytes":${inbound},"outboundBytes":${outbound},"inboundFramesInError":0`
      : '';
    return `${cached.head},"readers":${cached.readers}${bytes},"bytesReceived":${inbound},"bytesSent":${outbound}}`;
  }

  function muxerItem(muxer: Muxer): string {
    return goJson({
      path: muxer.stream,
      created: goTime(muxer.createdMs),
      lastRequest: goTime(muxer.lastRequestMs),
      ...(features.tracks2 && { outboundBytes: muxer.bytesSent, outboundFramesDiscarded: 0 }),
      bytesSent: muxer.bytesSent,
    });
  }

  function sessionItem(session: Session): string {
    return goJson({
      id: session.id,
      created: goTime(session.createdMs),
      remoteAddr: session.remoteAddress,
      path: session.stream,
      query: session.query,
      user: '',
      ...(features.cdn && { userAgent: session.userAgent, isCDN: session.isCdn }),
      outboundBytes: session.bytesSent,
    });
  }

  const muxers = () => paths.sorted().flatMap(({ muxer }) => (muxer ? [muxer] : []));
  const sessions = () => muxers().flatMap((muxer) => allSessions(muxer).map((session) => ({ muxer, session })));

  /** A number of a page, as Go's `strconv.ParseUint(text, 10, 31)` reads it, or its error. */
  function pageNumber(text: string | undefined, otherwise: number): number | string {
    if (text === undefined || text === '') return otherwise;
    if (!/^\d+$/.test(text)) return `strconv.ParseUint: parsing ${goJson(text)}: invalid syntax`;
    return Number(text) > MAX_GO_INT31
      ? `strconv.ParseUint: parsing ${goJson(text)}: value out of range`
      : Number(text);
  }

  function sendList<T>(exchange: Exchange, rawQuery: string, all: readonly T[], toJson: (item: T) => string): void {
    const { query } = parseQuery(rawQuery);
    const itemsAPage = pageNumber(queryValue(query, 'itemsPerPage'), DEFAULT_ITEMS_A_PAGE);
    const page = pageNumber(queryValue(query, 'page'), 0);
    if (typeof itemsAPage === 'string') {
      replyError(exchange, 400, itemsAPage);
      return;
    }
    if (itemsAPage === 0) {
      replyError(exchange, 400, 'invalid items per page');
      return;
    }
    if (typeof page === 'string') {
      replyError(exchange, 400, page);
      return;
    }
    const items = all.slice(page * itemsAPage, (page + 1) * itemsAPage).map(toJson);
    const pageCount = Math.ceil(all.length / itemsAPage);
    replyJson(exchange, `{"itemCount":${all.length},"pageCount":${pageCount},"items":[${items.join(',')}]}`);
  }

  function bySessionId(
    exchange: Exchange,
    id: string,
    act: (found: { muxer: Muxer; session: Session }) => string,
  ): void {
    if (id.length !== 36) {
      replyError(exchange, 400, `invalid UUID length: ${id.length}`);
      return;
    }
    const found = sessions().find(({ session }) => session.id === id);
    if (!found) {
      replyError(exchange, 404, 'session not found');
      return;
    }
    replyJson(exchange, act(found));
  }

  function kick({ muxer, session }: { muxer: Muxer; session: Session }): string {
    closeSession(muxer, session, clock());
    const path = paths.get(muxer.stream);
    if (path) path.revision++;
    return '{"status":"ok"}';
  }

  type Route = (exchange: Exchange, rest: string, rawQuery: string) => void;
  interface Entry {
    readonly endpoint: SimEndpoint;
    readonly method: 'GET' | 'POST';
    readonly path: string;
    /** Whether something follows the path. */
    readonly takesName: boolean;
    readonly isKnown: boolean;
    readonly route: Route;
  }

  const byName =
    (send: (exchange: Exchange, name: string) => void): Route =>
    (exchange, name) =>
      name === '' ? replyError(exchange, 400, 'invalid name') : send(exchange, name);

  const entries: readonly Entry[] = [
    {
      endpoint: 'info',
      method: 'GET',
      path: '/v3/info',
      takesName: false,
      isKnown: features.info,
      route: (exchange) =>
        replyJson(exchange, goJson({ version: features.version, started: goTime(context.startedMs) })),
    },
    {
      endpoint: 'config/global/get',
      method: 'GET',
      path: '/v3/config/global/get',
      takesName: false,
      isKnown: true,
      route: (exchange) => replyJson(exchange, goJson(globalConfig(context.config, features))),
    },
    {
      endpoint: 'config/paths/list',
      method: 'GET',
      path: '/v3/config/paths/list',
      takesName: false,
      isKnown: true,
      route: (exchange, _, rawQuery) =>
        sendList(exchange, rawQuery, paths.configs, (config) => goJson(pathConfigItem(config))),
    },
    {
      endpoint: 'paths/list',
      method: 'GET',
      path: '/v3/paths/list',
      takesName: false,
      isKnown: true,
      route: (exchange, _, rawQuery) => {
        const now = clock();
        sendList(exchange, rawQuery, paths.sorted(), (path) => pathItem(path, now));
      },
    },
    {
      endpoint: 'paths/get',
      method: 'GET',
      path: '/v3/paths/get/',
      takesName: true,
      isKnown: true,
      route: byName((exchange, name) => {
        const path = paths.get(name);
        if (!path) {
          replyError(exchange, 404, 'path not found');
          return;
        }
        replyJson(exchange, pathItem(path, clock()));
      }),
    },
    {
      endpoint: 'hlsmuxers/list',
      method: 'GET',
      path: '/v3/hlsmuxers/list',
      takesName: false,
      isKnown: true,
      route: (exchange, _, rawQuery) => {
        const all = muxers().sort((a, b) => a.createdMs - b.createdMs);
        sendList(exchange, rawQuery, all, muxerItem);
      },
    },
    {
      endpoint: 'hlsmuxers/get',
      method: 'GET',
      path: '/v3/hlsmuxers/get/',
      takesName: true,
      isKnown: true,
      route: byName((exchange, name) => {
        const muxer = paths.get(name)?.muxer;
        if (!muxer) {
          replyError(exchange, 404, 'muxer not found');
          return;
        }
        replyJson(exchange, muxerItem(muxer));
      }),
    },
    {
      endpoint: 'hlssessions/list',
      method: 'GET',
      path: '/v3/hlssessions/list',
      takesName: false,
      isKnown: features.sessions,
      route: (exchange, _, rawQuery) => {
        const all = sessions().map(({ session }) => session);
        sendList(
          exchange,
          rawQuery,
          all.sort((a, b) => a.createdMs - b.createdMs),
          sessionItem,
        );
      },
    },
    {
      endpoint: 'hlssessions/get',
      method: 'GET',
      path: '/v3/hlssessions/get/',
      takesName: true,
      isKnown: features.sessions,
      route: (exchange, id) => bySessionId(exchange, id, ({ session }) => sessionItem(session)),
    },
    {
      endpoint: 'hlssessions/kick',
      method: 'POST',
      path: '/v3/hlssessions/kick/',
      takesName: true,
      isKnown: features.sessions,
      route: (exchange, id) => bySessionId(exchange, id, kick),
    },
  ];

  function refuseLate(exchange: Exchange): void {
    context.afterWrongCredentials(() => replyError(exchange, 401, 'authentication error'));
  }

  return (request, response) => {
    const exchange: Exchange = { style, request, response };
    const { rawPath, rawQuery } = requestTarget(request.url);
    const path = decodePath(rawPath);
    const entry = entries.find(
      (candidate) =>
        candidate.isKnown &&
        candidate.method === request.method &&
        (candidate.takesName ? path?.startsWith(candidate.path) : path === candidate.path),
    );
    traffic.count(entry?.endpoint ?? 'api/other');
    if (entry && context.refused.includes(entry.endpoint)) {
      reply(exchange, 403, []);
      return;
    }
    if (path === undefined) {
      reply(exchange, 400, []);
      return;
    }
    if (request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined) {
      reply(exchange, 204, [
        'Access-Control-Allow-Methods',
        'OPTIONS, GET, POST, PATCH, DELETE',
        'Access-Control-Allow-Headers',
        'Authorization, Content-Type',
      ]);
      return;
    }
    const check = checkCredentials(request, context.credentials);
    if (check === 'none') {
      replyError(exchange, 401, 'authentication error', CHALLENGE);
      return;
    }
    if (check === 'wrong') {
      refuseLate(exchange);
      return;
    }
    if (!entry) {
      replyNotFound(exchange);
      return;
    }
    entry.route(exchange, path.slice(entry.path.length), rawQuery);
  };
}
