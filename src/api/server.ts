import { createServer, type IncomingMessage, type RequestListener, type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Operations } from '../control';
import type { Directory } from '../directory';
import type { DeliveryOperations } from '../events';
import {
  countAnswer,
  createAccess,
  createConnections,
  createDrain,
  createHeavyWork,
  createHosts,
  createHttpStats,
  type HttpStats,
  listenOnAdminSocket,
  type ProblemName,
  problemBody,
  problemTitles,
  respondProblem,
} from '../http';
import { boundedLog, type Logger } from '../log';

import type { OperationTimes, RecordTime } from '../measure';

import type { Router } from '../router';
import { ownValue } from '../wire';
import { createApp, type MetricsPage } from './app';
import { createDashboard, type DashboardSource } from './dashboard';
import { createEventStreams, type EventSource } from './event-streams';
import { createHookReports } from './hook-reports';
import { createRouteAnswer, routePath } from './route-answer';
import type { StoreState } from './store-view';
import type { StreamSource } from './stream-page';
import type { ViewerSource } from './viewer-page';

export interface HttpServerOptions {
  readonly router: Pick<Router, 'decide' | 'explain'>;
  readonly directory: StreamSource & Pick<Directory, 'servers' | 'hasEvidence' | 'confirm'>;
  readonly metrics: MetricsPage;
  /** How long things took; left out where nothing is measured. */
  readonly performance?: Pick<OperationTimes, 'read'> | undefined;
  /** Told of every decision; failed are those answered `unknown`, and those that could not be made. */
  readonly recordDecision?: RecordTime | undefined;
  readonly log: Logger;
  /** What the page at `/` shows; left out: there is no page. */
  readonly dashboard?: DashboardSource | undefined;
  /** What operators can ask for; left out where no HAProxy is controlled. */
  readonly operations?: Operations | undefined;
  /** What happened; left out where no events are kept. */
  readonly events?: EventSource | undefined;
  /** To whom that is delivered; left out where it is delivered to nobody. */
  readonly webhooks?: DeliveryOperations | undefined;
  /** Who watches what; left out where nobody counts them. */
  readonly viewers?: ViewerSource | undefined;
  /** Shown by `/readyz` and the page; left out where nothing is kept. */
  readonly kept?: StoreState | undefined;
  /** What changes over TCP need as a bearer token; left out: they are refused there. */
  readonly token?: string | undefined;
  /** Names under which it answers over TCP, beside IP addresses and `localhost`; `*.` may stand in front. */
  readonly hosts?: readonly string[] | undefined;
  /** Pause between two signs of life in a stream of events; 15 s when left out. */
  readonly heartbeatMs?: number | undefined;
  /** The program's version, shown by `/healthz` and `/openapi.json`. */
  readonly version: string;
  /** When so many are open, one that has no answer to come makes room for a new one; 1024 when left out. */
  readonly maxConnections?: number;
}

export interface HttpServer {
  /**
   * Listens; port 0 takes a free one.
   * @throws (rejects) with the system's error, e.g. EADDRINUSE, whose message names the address.
   */
  listen(host: string, port: number): Promise<void>;
  /**
   * Listens on the admin socket as well, over which changes need no token.
   * @throws (rejects) Error that says why that cannot be, in words.
   */
  listenForAdmin(path: string): Promise<void>;
  /** Where the admin socket is; undefined when there is none. */
  readonly adminSocket: string | undefined;
  /** Where it listens, `http://host:port`; empty when it does not. */
  readonly url: string;
  /**
   * Fails health checks and sends the Lua bridge to another agent, but goes on answering until nobody asks (2 s at most; not at all when
   * nobody asked lately); then takes no new connections, closes idle ones, lets requests in hand finish (5 s at most), and closes the rest.
   */
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
const maxAdminConnections = 64;
/** A session and a name of the greatest length, every byte of them escaped, fit in. */
const urlLimit = 8_192;

/**
 * Makes the HTTP server: the questions and orders that programs, people and the Lua bridge have.
 * `/v1/route` is answered before express sees the request; any other way to write that URL goes through express
 * to the same handler.
 */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { maxConnections = 1024, events, directory, heartbeatMs } = options;
  // Each request can cause a line. The audit of changes is whole, and bounds itself.
  const log = boundedLog(options.log);
  const stats = createHttpStats();
  const work = createHeavyWork({ stats: stats.heavyAnswers });
  const drain = createDrain();
  const hosts = createHosts(options.hosts ?? []);
  const routeAnswer = createRouteAnswer({ ...options, log, stats, drain });
  const hookReports = createHookReports({ directory, stats });
  const eventStreams =
    events === undefined
      ? undefined
      : createEventStreams({ events, stats, log, ...(heartbeatMs === undefined ? {} : { heartbeatMs }) });
  let socketPath: string | undefined;
  const overSocket = new WeakSet<IncomingMessage>();
  const access = createAccess({
    token: options.token,
    isLocal: (req) => overSocket.has(req),
    socketPath: () => socketPath,
  });
  const { operations, viewers, kept, webhooks, performance } = options;
  const app = createApp({
    ...options,
    failureLog: log,
    work,
    performance,
    operations,
    viewers,
    kept,
    events,
    eventStreams,
    webhooks,
    hookReports,
    access,
    stats,
    routeAnswer,
    drain,
  });
  const dashboard =
    options.dashboard === undefined
      ? undefined
      : createDashboard({
          ...options,
          log,
          work,
          hosts,
          source: options.dashboard,
          kept,
          operations,
          events,
          stats,
          hasToken: options.token !== undefined,
        });
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
    } else if (dashboard?.serve(req, res) !== true) {
      app(req, res);
    }
    requestsInHand++;
    res.once('close', () => {
      requestsInHand--;
      if (requestsInHand === 0) stopping?.();
    });
  };

  const onTcpRequest: RequestListener = (req, res) => {
    const host = hosts.refused(req);
    if (host === undefined) {
      onRequest(req, res);
      return;
    }
    // No `x-mtx-state`: the Lua bridge then tells of an error, 421, and not of a server that is unknown.
    countAnswer(stats, 'other', 421);
    // In the log and on a terminal: of what is too long the answer shows less still.
    const given = host.slice(0, 300).replace(/[^\x20-\x7e]/g, '?');
    log.warn({ host: given }, 'refused a request under a host name that is not in http.hosts');
    const detail = 'The agent does not answer under this name. If it is its own, set http.hosts (MTXPILOT_HTTP_HOSTS).';
    const allowed = 'an IP address, localhost, or one of the names in http.hosts';
    respondProblem(res, 'UnknownHost', { detail, given, allowed });
  };

  const createListener = (handle: RequestListener, most: number): Server => {
    const connections = createConnections({ most, handle, stats, log });
    const server = createServer(
      {
        headersTimeout: headersTimeoutMs,
        requestTimeout: requestTimeoutMs,
        keepAliveTimeout: keepAliveTimeoutMs,
        connectionsCheckingInterval: 5_000,
        noDelay: true,
      },
      connections.take,
    );
    server.timeout = idleTimeoutMs;
    server.on('connection', (socket) => connections.accept(socket));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      refuseUnparsed(stats, error, socket);
    });
    return server;
  };
  const server = createListener(onTcpRequest, maxConnections);
  const adminServer = createListener((req, res) => {
    overSocket.add(req);
    onRequest(req, res);
  }, maxAdminConnections);

  const onLaterError = (error: Error): void => log.error({ err: error }, 'the HTTP server failed');

  return {
    stats,
    listen: (host, port) =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          server.on('error', onLaterError);
          resolve();
        });
      }),
    async listenForAdmin(path) {
      await listenOnAdminSocket(adminServer, path);
      adminServer.on('error', onLaterError);
      socketPath = path;
    },
    get adminSocket() {
      return socketPath;
    },
    get url() {
      const at = server.address();
      if (at === null || typeof at === 'string') return '';
      return `http://${at.family === 'IPv6' ? `[${at.address}]` : at.address}:${at.port}`;
    },
    async stop() {
      await drain.finish();
      hookReports.stop();
      eventStreams?.stop();
      dashboard?.stop();
      // The file of the socket goes with its server.
      socketPath = undefined;
      const open = [server, adminServer].filter(({ listening }) => listening);
      const closeAll = (): void => {
        for (const one of open) one.closeAllConnections();
      };
      const closed = open.map((one) => new Promise<void>((resolve) => one.close(() => resolve())));
      const grace = setTimeout(closeAll, stopGraceMs);
      stopping = closeAll;
      if (requestsInHand === 0) closeAll();
      await Promise.all(closed);
      clearTimeout(grace);
    },
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
  const name = ownValue(problemByErrorCode, error.code ?? '') ?? 'BadRequest';
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
