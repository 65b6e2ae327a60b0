import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import { type Directory, isStreamName } from '../directory';
import type { Logger } from '../log';
import type { Router } from '../router';
import { countAnswer, type HttpStats } from './http-stats';
import { createOpenApi } from './openapi';
import { parseStreamPage, queryOf } from './parameters';
import { respondBadStreamName, respondProblem } from './problem';
import { respond, respondJson, toJson } from './respond';
import { type createRouteAnswer, routePath } from './route-answer';
import { pageOfStreams, type StreamSource } from './stream-page';

/** The page that a metrics scraper reads. */
export interface MetricsPage {
  render(): Promise<{ contentType: string; body: string }>;
}

interface AppOptions {
  readonly router: Pick<Router, 'explain'>;
  readonly directory: StreamSource & Pick<Directory, 'servers' | 'hasEvidence'>;
  readonly metrics: MetricsPage;
  readonly log: Logger;
  readonly version: string;
  readonly stats: HttpStats;
  readonly routeAnswer: ReturnType<typeof createRouteAnswer>;
}

const allowHeader = ['allow', 'GET, HEAD, OPTIONS'];

/**
 * Makes the express app with every path of the API.
 *
 * A stream's name in a path may hold raw slashes or encoded ones. Where they differ is the last word `why`: after a raw
 * slash it is the question, as part of an encoded name it is the name. So `/v1/streams/x/why` explains `x`, while
 * `/v1/streams/x%2Fwhy` shows the stream `x/why` and `/v1/streams/x/why/why` explains it.
 */
export function createApp(options: AppOptions): Express {
  const { router, directory, metrics, log, version, stats, routeAnswer } = options;
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
  const endpoint = (path: string, get: RequestHandler): void => {
    app.route(path).all(counted(path)).get(get).options(allowMethods).all(refuseMethod);
  };

  // This answer counts itself, because the server gives most of them without this app.
  app
    .route(routePath)
    .get((req, res) => routeAnswer(req.url, res))
    .all(counted(routePath))
    .options(allowMethods)
    .all(refuseMethod);

  endpoint('/v1/streams', (req, res) => {
    const page = parseStreamPage(queryOf(req.url));
    if ('parameter' in page) {
      const { parameter, given, allowed } = page;
      respondProblem(res, 'BadParameter', { detail: `The parameter "${parameter}" is wrong.`, given, allowed });
      return;
    }
    respondJson(res, 200, pageOfStreams(directory, page));
  });

  endpoint('/v1/streams/*name/why', async (req, res) => {
    const name = nameOf(req);
    if (!isStreamName(name)) {
      respondBadStreamName(res, name);
      return;
    }
    const { session } = queryOf(req.url);
    respondJson(res, 200, await router.explain(name, typeof session === 'string' ? session : undefined));
  });

  endpoint('/v1/streams/*name', (req, res) => {
    const name = nameOf(req);
    if (!isStreamName(name)) {
      respondBadStreamName(res, name);
      return;
    }
    const stream = directory.stream(name);
    if (stream === undefined) {
      const detail = `No server reports the stream "${name}" live; /v1/streams/${name}/why tells what each of them says.`;
      respondProblem(res, 'NoSuchStream', { detail, given: name });
      return;
    }
    respondJson(res, 200, stream);
  });

  endpoint('/v1/servers', (_req, res) => respondJson(res, 200, { servers: directory.servers() }));

  endpoint('/healthz', (_req, res) =>
    respondJson(res, 200, { status: 'ok', version, uptimeSeconds: (performance.now() - startedMs) / 1000 }),
  );

  endpoint('/readyz', (_req, res) => {
    if (directory.hasEvidence()) {
      respondJson(res, 200, { status: 'ready' });
      return;
    }
    const detail = 'No Control API has answered yet; /v1/servers shows each server with its last error.';
    respondProblem(res, 'NotReady', { detail });
  });

  endpoint('/metrics', async (_req, res) => {
    const { contentType, body } = await metrics.render();
    respond(res, 200, contentType, body);
  });

  endpoint('/openapi.json', (_req, res) => respond(res, 200, 'application/json', openApi));

  app.use((req, res) => {
    countAnswer(stats, 'other', 404);
    const detail = 'There is nothing at this path; /openapi.json lists all that there is.';
    respondProblem(res, 'NoSuchPath', { detail, given: req.path });
  });

  const onError: ErrorRequestHandler = (error: unknown, req, res, next) => {
    if (error instanceof URIError) {
      countAnswer(stats, 'other', 400);
      const detail = 'The path holds a "%" that is not followed by the two hexadecimal digits of valid UTF-8.';
      respondProblem(res, 'BadRequest', { detail, given: req.path });
      return;
    }
    log.error({ err: error, path: req.path }, 'answering an HTTP request failed');
    // Half an answer cannot become a problem: express cuts the connection then.
    if (res.headersSent) next(error);
    else respondProblem(res, 'InternalError', { detail: 'The answer could not be made; the log says why.' });
  };
  app.use(onError);
  return app;
}

/** express's `/v1/streams/*name` as OpenAPI and the metrics write it: `/v1/streams/{name}`. */
export function templateOf(path: string): string {
  return path.replace(/\*(\w+)/g, '{$1}');
}

function allowMethods(_req: Request, res: Response): void {
  res.writeHead(204, allowHeader);
  res.end();
}

function refuseMethod(req: Request, res: Response): void {
  const detail = 'This path can only be read.';
  respondProblem(res, 'MethodNotAllowed', { detail, given: req.method, allowed: 'GET, HEAD, OPTIONS' }, allowHeader);
}

/** A wildcard arrives as its components, split at raw slashes and then decoded. */
function nameOf(req: Request): string {
  const name: unknown = req.params['name'];
  return Array.isArray(name) ? name.join('/') : '';
}
