import { setImmediate as nextTurn } from 'node:timers/promises';
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import { intentKinds, type Operations } from '../control';
import { type Directory, isRelayStreamId } from '../directory';
import { type DeliveryOperations, isEventId } from '../events';
import {
  type Access,
  countAnswer,
  type Drain,
  type HeavyWork,
  jsonSteps,
  onlyJson,
  type ProblemDetails,
  readJson,
  respond,
  respondBadParameter,
  respondJson,
  respondProblem,
  type Steps,
  toJson,
} from '../http';
import type { Logger } from '../log';
import type { OperationTimes } from '../measure';
import { isStreamName } from '../mediamtx';
import type { RelayViews } from '../relays';
import type { Router } from '../router';
import { addressKey } from '../wire';
import type { ApiStats } from './api-stats';
import { respondBadStreamName } from './bad-stream-name';
import { createChangeGate } from './change-gate';
import { controlView, emptySlotView, moveView, tablesView } from './control-view';
import type { EventSource, EventStreams } from './event-streams';
import { eventView } from './event-view';
import { createReportHandler, type HookReports } from './hook-reports';
import { createOpenApi } from './openapi';
import { createOperatorRoutes, nameOf } from './operator-routes';
import { eventPage, queryOf, readQuery, streamPage, viewerPage } from './parameters';
import { createPerformanceAnswer } from './performance';
import { createRelayRoutes } from './relay-routes';
import { type createRouteAnswer, routePath } from './route-answer';
import type { Answer, Making, Said } from './schemas';
import { type StoreState, storeView } from './store-view';
import { pageOfStreams, type StreamSource } from './stream-page';
import { pageOfViewers, playingByServer, type ViewerSource, viewersOf } from './viewer-page';
import { createWebhookRoutes } from './webhook-routes';
import { whatNext } from './what-next';

/** The page that a metrics scraper reads. */
export interface MetricsPage {
  render(): Promise<{ contentType: string; body: string }>;
}

interface AppOptions {
  readonly router: Pick<Router, 'explain'>;
  readonly directory: StreamSource & Pick<Directory, 'servers' | 'hasEvidence' | 'confirm'>;
  readonly metrics: MetricsPage;
  /** Undefined where nothing is measured. */
  readonly performance: Pick<OperationTimes, 'read'> | undefined;
  readonly log: Logger;
  /** For what any request may cause, so that it is bounded. */
  readonly failureLog: Logger;
  readonly version: string;
  readonly stats: ApiStats;
  readonly routeAnswer: ReturnType<typeof createRouteAnswer>;
  readonly drain: Pick<Drain, 'isStopping' | 'checked'>;
  /** Undefined where no HAProxy is controlled. */
  readonly operations: Operations | undefined;
  readonly events: Pick<EventSource, 'list'> | undefined;
  readonly eventStreams: EventStreams | undefined;
  /** Undefined where no events are delivered. */
  readonly webhooks: DeliveryOperations | undefined;
  /** Undefined where nobody counts them. */
  readonly viewers: ViewerSource | undefined;
  readonly kept: StoreState | undefined;
  /** Undefined where no relay can be asked. */
  readonly relays: RelayViews | undefined;
  readonly hookReports: HookReports;
  readonly access: (req: Request) => Access;
  readonly work: HeavyWork;
}

const stopping: ProblemDetails = { detail: 'Questions are answered until HAProxy asks no more; ask another agent.' };

type Handlers = Partial<Record<'get' | 'post' | 'delete', RequestHandler | RequestHandler[]>>;

/**
 * Makes the express app with every path of the API.
 *
 * A stream's name in a path may hold raw slashes or encoded ones. Where they differ is the last word `why`: after a raw
 * slash it is the question, as part of an encoded name it is the name. So `/v1/streams/x/why` explains `x`, while
 * `/v1/streams/x%2Fwhy` shows the stream `x/why` and `/v1/streams/x/why/why` explains it. The same holds for `move`.
 */
export function createApp(options: AppOptions): Express {
  const {
    router,
    directory,
    metrics,
    failureLog,
    version,
    stats,
    routeAnswer,
    drain,
    operations,
    events,
    eventStreams,
    viewers,
    relays,
    work,
  } = options;
  const gate = createChangeGate(options);
  const operator = createOperatorRoutes({ operations, gate });
  const delivery = createWebhookRoutes({ webhooks: options.webhooks, gate });
  const relay = createRelayRoutes({ relays, gate });
  const openApi = toJson(createOpenApi(version));
  const startedMs = performance.now();
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('strict routing');
  app.enable('case sensitive routing');
  app.set('query parser', false);

  const counted = (path: string): RequestHandler => {
    const template = templateOf(path);
    return (_req, res, next) => {
      res.once('finish', () => countAnswer(stats, template, res.statusCode));
      next();
    };
  };
  const endpoint = (path: string, handlers: Handlers): void => {
    const route = app.route(path).all(counted(path));
    const methods = [];
    for (const [method, handler] of Object.entries(handlers)) {
      route[method as keyof Handlers](handler);
      methods.push(...(method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]));
    }
    const allowed = [...methods, 'OPTIONS'].join(', ');
    route.options(allowMethods(allowed)).all(refuseMethod(allowed));
  };

  /** A handler of something that takes more than a moment. */
  const heavy =
    (handler: RequestHandler): RequestHandler =>
    (req, res, next) =>
      work.admit(res, addressKey(req.socket.remoteAddress)) ? handler(req, res, next) : undefined;
  /** Answers with JSON that is made in steps. */
  const respondInSteps = async <T extends object>(
    req: Request,
    res: Response,
    make: () => Steps<Making<T>>,
  ): Promise<void> => {
    function* text(): Steps<string> {
      return yield* jsonSteps(yield* make());
    }
    const made = await work.run(text(), addressKey(req.socket.remoteAddress), () => !res.destroyed);
    if (made !== undefined) respond(res, 200, 'application/json', made);
  };
  /** What is kept is read for one caller at a time. */
  const readKept = inTurn();
  const renderMetrics = inTurn();

  // This answer counts itself, because the server gives most of them without this app.
  app
    .route(routePath)
    .get((req, res) => routeAnswer(req.url, res))
    .all(counted(routePath))
    .options(allowMethods(readMethods))
    .all(refuseMethod(readMethods));

  endpoint('/v1/streams', {
    get: heavy(async (req, res) => {
      const page = readQuery(req, res, streamPage);
      if (page === undefined) return;
      await respondInSteps<Said['StreamList']>(req, res, function* () {
        const { streams, ...rest } = yield* pageOfStreams(directory, page);
        const counts = viewersOf(viewers);
        return {
          streams: lazily(streams, (stream) => ({ ...stream, viewers: counts.stream(stream.name) })),
          ...rest,
        };
      });
    }),
  });

  endpoint('/v1/streams/*name/why', {
    get: heavy(async (req, res) => {
      const name = nameOf(req);
      if (!isStreamName(name)) {
        respondBadStreamName(res, name);
        return;
      }
      const { session } = queryOf(req.url);
      const [explanation, tables, ofRelays] = await Promise.all([
        router.explain(name, typeof session === 'string' ? session : undefined),
        operations?.tables(name),
        isRelayStreamId(name) ? relays?.stream(name) : undefined,
      ]);
      const move = operations?.moves().find(({ stream }) => stream === name);
      await respondInSteps<Said['Explanation']>(req, res, function* () {
        const playing = yield* playingByServer(viewers, name);
        return {
          ...explanation,
          move: move === undefined ? undefined : moveView(move),
          haproxy: tables?.map(tablesView),
          relay: ofRelays,
          next: whatNext(explanation, { tables, move, playing }),
        };
      });
    }),
  });

  endpoint('/v1/streams/*name/move', { post: operator.move, delete: operator.clearMove });

  endpoint('/v1/streams/*name', {
    get: (req, res) => {
      const name = nameOf(req);
      if (!isStreamName(name)) {
        respondBadStreamName(res, name);
        return;
      }
      const stream = directory.stream(name);
      if (stream === undefined) {
        const detail = `No server reports the stream "${name}" live; /v1/streams/${name}/why shows what each of them says.`;
        respondProblem(res, 'NoSuchStream', { detail, given: name });
        return;
      }
      respondJson(res, 200, { ...stream, viewers: viewersOf(viewers).stream(name) } satisfies Answer<'Stream'>);
    },
  });

  endpoint('/v1/moves', {
    get: heavy((req, res) =>
      respondInSteps<Said['MoveList']>(req, res, function* () {
        return { moves: lazily(operations?.moves() ?? [], moveView) };
      }),
    ),
  });

  endpoint('/v1/servers', {
    get: heavy((req, res) =>
      respondInSteps<Said['ServerList']>(req, res, function* () {
        const controlled = yield* controlViews(operations);
        const counts = viewersOf(viewers);
        return {
          servers: lazily(directory.servers(), (server) => ({
            ...server,
            viewers: counts.server(server.name),
            control: controlled.get(server.name),
          })),
          emptySlots: lazily(operations?.emptySlots() ?? [], emptySlotView),
        };
      }),
    ),
  });
  for (const kind of intentKinds) endpoint(`/v1/servers/:name/${kind}`, { post: operator.intent(kind) });

  endpoint('/v1/relay/streams', { get: heavy(relay.streams) });
  endpoint('/v1/relay/streams/:id', { get: heavy(relay.stream) });
  endpoint('/v1/relay/streams/:id/failover', { post: relay.failover });
  endpoint('/v1/relay/accounts', { get: heavy(relay.accounts) });
  endpoint('/v1/relay/config', { get: heavy(relay.configs) });
  endpoint('/v1/relay/config/:name', { post: relay.configure });

  endpoint('/v1/viewers', {
    get: heavy(async (req, res) => {
      const page = readQuery(req, res, viewerPage);
      if (page === undefined) return;
      if (viewers === undefined) respondProblem(res, 'NotAvailable', { detail: 'It watches no viewers.' });
      else await respondInSteps<Said['ViewerList']>(req, res, () => pageOfViewers(viewers, directory, page));
    }),
  });

  endpoint('/v1/events', {
    get: async (req, res) => {
      const given = readQuery(req, res, eventPage);
      if (given === undefined) return;
      const { limit, type, stream, server, since } = given;
      // The later one of both.
      const after = [given.after ?? '', since].sort().at(-1) || undefined;
      const page = { limit, after, types: type.length === 0 ? undefined : type, stream, server };
      if (events === undefined || eventStreams === undefined) {
        respondProblem(res, 'NotAvailable', { detail: 'It keeps no events.' });
        return;
      }
      const last = req.get('last-event-id') ?? '';
      if (last !== '' && !isEventId(last)) {
        respondBadParameter(res, { parameter: 'Last-Event-ID', given: last, allowed: 'the id of an event' });
        return;
      }
      if (req.method === 'GET' && wantsStream(req)) {
        eventStreams.serve(res, addressKey(req.socket.remoteAddress), page, last === '' ? page.after : last);
        return;
      }
      if (!work.admit(res, addressKey(req.socket.remoteAddress))) return;
      const found = await readKept(() => events.list(page)).catch((error: unknown) => {
        failureLog.error({ err: error, path: req.path }, 'the stored events could not be read');
        return undefined;
      });
      if (found === undefined) {
        respondProblem(res, 'NotRead', {
          detail: 'The stored events cannot be read now; /readyz says what is known of the store.',
        });
        return;
      }
      await respondInSteps<Said['EventList']>(req, res, function* () {
        return { events: lazily(found, eventView), next: found.at(-1)?.id ?? page.after };
      });
    },
  });

  endpoint('/v1/events/replay', { post: delivery.replay });
  endpoint('/v1/events/dead', { get: heavy(delivery.deadLetters) });
  endpoint('/v1/events/dead/redeliver', { post: delivery.redeliver });
  endpoint('/v1/webhooks', { get: delivery.list });

  endpoint('/v1/hooks/mediamtx', {
    post: [onlyJson, readJson, createReportHandler(options)],
  });

  endpoint('/healthz', {
    get: (_req, res) => {
      drain.checked();
      if (drain.isStopping) respondProblem(res, 'Stopping', stopping);
      else {
        const uptimeSeconds = (performance.now() - startedMs) / 1000;
        respondJson(res, 200, { status: 'ok', version, uptimeSeconds } satisfies Said['Health']);
      }
    },
  });

  endpoint('/readyz', {
    get: (_req, res) => {
      if (drain.isStopping) {
        respondProblem(res, 'Stopping', stopping);
        return;
      }
      if (directory.hasEvidence()) {
        // Routing needs no store.
        const { kept } = options;
        const store = kept === undefined ? undefined : storeView(kept);
        respondJson(res, 200, { status: 'ready', store } satisfies Answer<'Readiness'>);
        return;
      }
      const detail = 'No Control API has answered yet; /v1/servers shows each server with its last error.';
      respondProblem(res, 'NotReady', { detail });
    },
  });

  endpoint('/metrics', {
    get: heavy(async (_req, res) => {
      const { contentType, body } = await renderMetrics(() => metrics.render());
      respond(res, 200, contentType, body);
    }),
  });

  endpoint('/metrics/performance', { get: createPerformanceAnswer(options.performance) });

  endpoint('/openapi.json', { get: (_req, res) => respond(res, 200, 'application/json', openApi) });

  app.use((req, res) => {
    countAnswer(stats, 'other', 404);
    const detail = 'There is nothing at this path; /openapi.json lists every path.';
    respondProblem(res, 'NoSuchPath', { detail, given: req.path });
  });

  const onError: ErrorRequestHandler = (error: unknown, req, res, next) => {
    if (error instanceof URIError) {
      countAnswer(stats, 'other', 400);
      const detail = 'The path holds a "%" that is not followed by the two hexadecimal digits of valid UTF-8.';
      respondProblem(res, 'BadRequest', { detail, given: req.path });
      return;
    }
    failureLog.error({ err: error, path: req.path }, 'answering an HTTP request failed');
    // Half an answer cannot become a problem: express cuts the connection then.
    if (res.headersSent) next(error);
    else respondProblem(res, 'InternalError', { detail: 'The answer could not be produced; the log says why.' });
  };
  app.use(onError);
  return app;
}

/** The views of what control knows, by server. */
function* controlViews(operations: Operations | undefined): Steps<Map<string, Answer<'ControlledServer'>>> {
  const views = new Map<string, Answer<'ControlledServer'>>();
  for (const server of operations?.servers() ?? []) {
    views.set(server.name, controlView(server));
    yield;
  }
  return views;
}

/** The items of a list, each made when it is its turn. */
function* lazily<T, U>(items: Iterable<T>, make: (item: T) => U): Generator<U> {
  for (const item of items) yield make(item);
}

/** Carries out one order after another, each in a turn of the event loop of its own. */
function inTurn(): <T>(order: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (order) => {
    const done = last.then(() => nextTurn()).then(order);
    last = done.catch(() => undefined);
    return done;
  };
}

/** express's `/v1/streams/*name` as OpenAPI and the metrics write it: `/v1/streams/{name}`. */
export function templateOf(path: string): string {
  return path.replace(/[*:](\w+)/g, '{$1}');
}

const readMethods = 'GET, HEAD, OPTIONS';

function allowMethods(allowed: string): RequestHandler {
  return (_req, res) => {
    res.writeHead(204, ['allow', allowed]);
    res.end();
  };
}

function refuseMethod(allowed: string): RequestHandler {
  const detail = allowed === readMethods ? 'This path can only be read.' : 'This path cannot be used that way.';
  return (req, res) =>
    respondProblem(res, 'MethodNotAllowed', { detail, given: req.method, allowed }, ['allow', allowed]);
}

function wantsStream(req: Request): boolean {
  return (req.get('accept') ?? '').includes('text/event-stream');
}
