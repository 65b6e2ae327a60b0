import { createServer, type RequestListener, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Directory } from '../directory';
import type { Logger } from '../log';
import type { Router } from '../router';
import { createApp, type MetricsPage } from './app';
import { countAnswer, createHttpStats, type HttpStats } from './http-stats';
import { type ProblemName, problemBody, problemTitles, respondProblem } from './problem';
import { createRouteAnswer, routePath } from './route-answer';
import type { StreamSource } from './stream-page';

export interface HttpServerOptions {
  readonly router: Pick<Router, 'decide' | 'explain'>;
  readonly directory: StreamSource & Pick<Directory, 'servers' | 'hasEvidence'>;
  readonly metrics: MetricsPage;
  readonly log: Logger;
  /** The program's version, shown by `/healthz` and `/openapi.json`. */
  readonly version: string;
  /** Connections above this many are refused; 1024 when left out. */
  readonly maxConnections?: number;
}

export interface HttpServer {
  /**
   * Listens; port 0 takes a free one.
   * @throws (rejects) with the system's error, e.g. EADDRINUSE, whose message names the address.
   */
  listen(host: string, port: number): Promise<void>;
  /** Where it listens, `http://host:port`; empty when it does not. */
  readonly url: string;
  /** Takes no new connections, closes idle ones, lets requests in hand finish (5 s at most), then closes the rest. */
  stop(): Promise<void>;
  readonly stats: HttpStats;
}

/** Time from a connection's or request's first byte to the end of its header, and of its (unread) body. */
const headersTimeoutMs = 10_000;
const requestTimeoutMs = 15_000;
/** A peer that reads nothing of its answer for so long is cut. */
const idleTimeoutMs = 30_000;
/** Longer than the time for which usual clients keep an idle connection, so that they are the ones to close it. */
const keepAliveTimeoutMs = 75_000;
const stopGraceMs = 5_000;
/** A session and a name of the greatest length, every byte of them escaped, fit in. */
const urlLimit = 8_192;

/**
 * Makes the HTTP server: the questions that programs, people and the Lua bridge ask. Bodies of requests are never looked at.
 * `/v1/route` is answered before express sees the request; any other way to write that URL goes through express
 * to the same handler.
 */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { log, maxConnections = 1024 } = options;
  const stats = createHttpStats();
  const routeAnswer = createRouteAnswer({ ...options, stats });
  const app = createApp({ ...options, stats, routeAnswer });
  const routePrefix = `${routePath}?`;
  let requestsInHand = 0;
  let stopping: (() => void) | undefined;

  const onRequest: RequestListener = (req, res) => {
    const { url = '', method } = req;
    if (url.length > urlLimit) {
      countAnswer(stats, 'other', 414);
      const detail = `The URL has ${url.length} characters.`;
      respondProblem(res, 'UrlTooLong', { detail, given: url, allowed: `at most ${urlLimit} characters` }, [
        'x-mtx-state',
        'unknown',
      ]);
      return;
    }
    if (url.startsWith(routePrefix) && (method === 'GET' || method === 'HEAD')) {
      const pending = routeAnswer(url, res);
      // An answer given at once is in the socket's hands already, and needs no bookkeeping.
      if (pending === undefined) return;
    } else {
      app(req, res);
    }
    requestsInHand++;
    res.once('close', () => {
      requestsInHand--;
      if (requestsInHand === 0) stopping?.();
    });
  };

  const server = createServer(
    {
      headersTimeout: headersTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveTimeoutMs,
      connectionsCheckingInterval: 5_000,
      noDelay: true,
    },
    onRequest,
  );
  server.timeout = idleTimeoutMs;
  server.maxConnections = maxConnections;
  server.on('connection', (socket) => {
    stats.connectionsTotal++;
    stats.connectionsOpen++;
    socket.once('close', () => stats.connectionsOpen--);
  });
  server.on('drop', () => {
    stats.connectionsRefused++;
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    refuseUnparsed(stats, error, socket);
  });

  return {
    stats,
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          server.on('error', (error) => log.error({ err: error }, 'the HTTP server failed'));
          resolve();
        });
      }),
    get url() {
      const at = server.address();
      if (at === null || typeof at === 'string') return '';
      return `http://${at.family === 'IPv6' ? `[${at.address}]` : at.address}:${at.port}`;
    },
    stop: () =>
      new Promise((resolve) => {
        if (!server.listening) {
          resolve();
          return;
        }
        const closeAll = (): void => server.closeAllConnections();
        const grace = setTimeout(closeAll, stopGraceMs);
        server.close(() => {
          clearTimeout(grace);
          resolve();
        });
        stopping = closeAll;
        if (requestsInHand === 0) closeAll();
      }),
  };
}

const problemByErrorCode: Readonly<Record<string, ProblemName>> = {
  HPE_HEADER_OVERFLOW: 'HeadersTooLarge',
  ERR_HTTP_REQUEST_TIMEOUT: 'RequestTimeout',
};

/** Answers bytes that never became a request. The socket may be gone already, which needs no answer. */
function refuseUnparsed(stats: HttpStats, error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const name = problemByErrorCode[error.code ?? ''] ?? 'BadRequest';
  const [status] = problemTitles[name];
  countAnswer(stats, 'other', status);
  const body = problemBody(name, {
    detail: 'The bytes that arrived are not a complete HTTP request within the limits.',
  });
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'x-content-type-options: nosniff',
    'x-mtx-state: unknown',
    'connection: close',
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
}
