import type { Operations } from '../control';
import type { Directory } from '../directory';
import type { DeliveryOperations } from '../events';
import { createAccess, createDrain, createHeavyWork, createHosts, createHttpShell, type HttpShell } from '../http';
import { boundedLog, type Logger } from '../log';
import type { OperationTimes, RecordTime } from '../measure';
import type { RelayViews } from '../relays';
import type { Router } from '../router';
import { type ApiStats, createApiStats } from './api-stats';
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
  /** What relays are doing; left out where none can be asked. */
  readonly relays?: RelayViews | undefined;
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

/**
 * At `stop` it fails health checks and sends the Lua bridge to another agent, but goes on answering until nobody asks (2 s at most; not at all when
 * nobody asked lately); only then it takes no new connections.
 */
export type HttpServer = HttpShell<ApiStats>;

/**
 * Makes the HTTP server: the questions and orders that programs, people and the Lua bridge have.
 * `/v1/route` is answered before express sees the request; any other way to write that URL goes through express
 * to the same handler.
 */
export function createHttpServer(options: HttpServerOptions): HttpServer {
  const { maxConnections, events, directory, heartbeatMs } = options;
  // Each request can cause a line. The audit of changes is whole, and bounds itself.
  const log = boundedLog(options.log);
  const stats = createApiStats();
  const work = createHeavyWork({ stats: stats.heavyAnswers });
  const drain = createDrain();
  const hosts = createHosts(options.hosts ?? []);
  const routeAnswer = createRouteAnswer({ ...options, log, stats, drain });
  const hookReports = createHookReports({ directory, stats });
  const eventStreams =
    events === undefined
      ? undefined
      : createEventStreams({ events, stats, log, ...(heartbeatMs === undefined ? {} : { heartbeatMs }) });
  const access = createAccess({
    token: options.token,
    isLocal: (req) => shell.isOverSocket(req),
    socketPath: () => shell.adminSocket,
  });
  const { operations, viewers, kept, webhooks, performance, relays } = options;
  const app = createApp({
    ...options,
    failureLog: log,
    work,
    performance,
    operations,
    viewers,
    relays,
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
          relayCount: () => relays?.count ?? 0,
          kept,
          operations,
          events,
          stats,
          hasToken: options.token !== undefined,
        });
  const routePrefix = `${routePath}?`;
  const shell: HttpServer = createHttpShell({
    handle(req, res) {
      const { url = '', method } = req;
      if (url.startsWith(routePrefix) && (method === 'GET' || method === 'HEAD')) {
        return routeAnswer(url, res) === undefined;
      }
      if (dashboard?.serve(req, res) !== true) app(req, res);
      return false;
    },
    async beforeClose() {
      await drain.finish();
      hookReports.stop();
      eventStreams?.stop();
      dashboard?.stop();
    },
    hosts,
    stats,
    log,
    unreadableHeaders: ['x-mtx-state', 'unknown'],
    maxConnections,
  });
  return shell;
}
