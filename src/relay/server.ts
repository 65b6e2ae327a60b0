import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Settings } from '../config';
import {
  countAnswer,
  createHeavyWork,
  createHosts,
  createHttpShell,
  createHttpStats,
  type Hosts,
  type HttpShell,
} from '../http';
import { boundedLog, type Logger } from '../log';
import type { MetricsPage } from '../measure';
import { createApp } from './app';
import type { RelayClients } from './client';
import type { Endpoint } from './endpoint';
import { respondRelayProblem } from './problems';
import type { RelayStream } from './stream';
import type { RelayStreams } from './streams';
import type { Templates } from './templates';
import { createTokenCheck } from './token-check';

/**
 * Answers a player that asks for a stream, by GET or HEAD.
 * @param query of the request, as it came, without its question mark.
 */
export type ServeStream = (req: IncomingMessage, res: ServerResponse, stream: RelayStream, query: string) => void;

/** Answers a player that asks for something below `/hls/{id}/`, by GET or HEAD. */
export type ServeHls = (req: IncomingMessage, res: ServerResponse, stream: RelayStream, asked: HlsQuestion) => void;

export interface HlsQuestion {
  /** What stands behind `/hls/{id}/`, as it came: `index.m3u8`. */
  readonly path: string;
  /** As it came, without its question mark. */
  readonly query: string;
}

export interface RelayServerOptions {
  readonly settings: Pick<Settings['relay'], 'hosts' | 'listen' | 'maxClients' | 'rootPath' | 'token'>;
  readonly endpoints: readonly Endpoint[];
  readonly streams: Pick<RelayStreams, 'get'>;
  readonly clients: Pick<RelayClients, 'all'>;
  readonly metrics: MetricsPage;
  readonly serveStream: ServeStream;
  readonly serveHls: ServeHls;
  readonly templates: Templates;
  readonly version: string;
  readonly log: Logger;
  /** At `stop`, before clients are disconnected. */
  readonly onStopping: () => void;
}

/** Beside those of clients: of callers of the API, health checks and players that are about to be refused. */
const otherConnections = 1024;
const streamPath = /^\/stream\/([^/?]+)\/?(?:\?|$)/;
const hlsPath = /^\/hls\/([^/?]+)\/(?!clients\/)([^?]*)/;
const streamMethods = 'GET, HEAD, OPTIONS';

/**
 * Makes the HTTP server of the relay: streams for players, under whatever name they know it, and the API for everybody else.
 * @throws Error when a template has a path of the API.
 */
export function createRelayServer(options: RelayServerOptions): HttpShell {
  const { settings, endpoints, streams, clients, metrics, serveStream, serveHls, templates, version, onStopping } =
    options;
  const { rootPath, token } = settings;
  const log = boundedLog(options.log);
  const stats = createHttpStats();
  const work = createHeavyWork({ stats: stats.heavyAnswers });
  const taken = endpoints.find(({ path }) => templates.has(path));
  if (taken !== undefined) throw new Error(`relay.templates: ${taken.path} is a path of the API, give it another one`);
  const app = createApp({ endpoints, check: createTokenCheck(token), metrics, work, stats, version, log });

  /** The URL without the root path; the same where it does not begin with it. */
  function inner(url: string): string {
    if (rootPath === '' || !url.startsWith(rootPath)) return url;
    const rest = url.slice(rootPath.length);
    return rest === '' || rest.startsWith('?') ? `/${rest}` : rest.startsWith('/') ? rest : url;
  }

  /** Answers who asks at a template's path. */
  function serveTemplate(req: IncomingMessage, res: ServerResponse, path: string, url: string): void {
    res.once('close', () => countAnswer(stats, 'template', res.statusCode));
    if (!mayRead(req, res)) return;
    templates.answer(res, path, queryTextOf(url)).catch((error: unknown) => failed(res, error));
  }

  /** False for what is no question of a player, which is answered then. */
  function mayRead({ method }: IncomingMessage, res: ServerResponse): boolean {
    if (method === 'GET' || method === 'HEAD') return true;
    if (method === 'OPTIONS') {
      const forPages = ['access-control-allow-origin', '*', 'access-control-allow-headers', 'Range'];
      res.writeHead(204, ['allow', streamMethods, ...forPages]).end();
    } else {
      const detail = 'Streams can only be read.';
      respondRelayProblem(res, 'MethodNotAllowed', { detail, allowed: streamMethods }, ['allow', streamMethods]);
    }
    return false;
  }

  function failed(res: ServerResponse, error: unknown): void {
    log.error({ err: error }, 'answering an HTTP request failed');
    if (res.headersSent) res.destroy();
    else respondRelayProblem(res, 'InternalError', { detail: 'The answer could not be produced; the log says why.' });
  }

  function servePlayer(
    req: IncomingMessage,
    res: ServerResponse,
    streamId: string,
    serve: (stream: RelayStream) => void,
  ): void {
    if (!mayRead(req, res)) return;
    const stream = streams.get(streamId);
    if (stream === undefined) {
      respondRelayProblem(res, 'NoSuchStream', { detail: 'Stream not found', given: streamId });
    } else serve(stream);
  }

  function handle(req: IncomingMessage, res: ServerResponse): void {
    const url = inner(req.url ?? '');
    const [, streamId] = streamPath.exec(url) ?? [];
    const [, hlsId, path = ''] = hlsPath.exec(url) ?? [];
    if (streamId !== undefined) {
      res.once('close', () => countAnswer(stats, '/stream/{stream_id}', res.statusCode));
      servePlayer(req, res, streamId, (stream) => {
        // It may be silent for as long as its player or its provider is: who serves it decides how long that is.
        req.socket.setTimeout(0);
        serveStream(req, res, stream, queryTextOf(url));
      });
    } else if (templates.has(pathOf(url))) serveTemplate(req, res, pathOf(url), url);
    else if (hlsId !== undefined) {
      res.once('close', () => countAnswer(stats, '/hls/{stream_id}/…', res.statusCode));
      servePlayer(req, res, hlsId, (stream) => serveHls(req, res, stream, { path, query: queryTextOf(url) }));
    } else {
      req.url = url;
      app(req, res);
    }
  }

  return createHttpShell({
    handle(req, res) {
      try {
        handle(req, res);
      } catch (error) {
        failed(res, error);
      }
      return false;
    },
    beforeClose() {
      onStopping();
      for (const client of clients.all()) client.disconnect();
      return Promise.resolve();
    },
    hosts: hostsOf(createHosts([...settings.hosts, settings.listen.host]), (url) => {
      const path = inner(url);
      return token !== undefined || streamPath.test(path) || hlsPath.test(path) || templates.has(pathOf(path));
    }),
    stats,
    log,
    maxConnections: settings.maxClients + otherConnections,
    // What a client has not read yet waits in memory: this much of it, not four times as much, as newer versions of Node have it.
    highWaterMark: 16 * 1024,
    program: { name: 'relay', hostsKey: 'relay.hosts', hostsVariable: 'MTXPILOT_RELAY_HOSTS' },
  });
}

function pathOf(url: string): string {
  return url.split('?', 1)[0] ?? '';
}

function queryTextOf(url: string): string {
  const mark = url.indexOf('?');
  return mark === -1 ? '' : url.slice(mark + 1);
}

/**
 * Players come under the name that they know HAProxy by. A page of another site that has its own name lead here (DNS rebinding) cannot know the token;
 * where there is none, names are checked.
 */
function hostsOf(hosts: Hosts, isOpen: (url: string) => boolean): Pick<Hosts, 'refused'> {
  return { refused: (req) => (isOpen(req.url ?? '') ? undefined : hosts.refused(req)) };
}
