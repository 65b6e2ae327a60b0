import type { IncomingMessage } from 'node:http';
import express, { type ErrorRequestHandler, type Express, type RequestHandler, type Response } from 'express';
import {
  countAnswer,
  type HeavyWork,
  type HttpStats,
  jsonReader,
  jsonSteps,
  onlyJson,
  respond,
  respondJson,
  toJson,
} from '../http';
import type { Logger } from '../log';
import type { MetricsPage } from '../measure';
import { addressKey } from '../wire';
import type { Call, Endpoint, Refused } from './endpoint';
import { createRelayOpenApi } from './openapi';
import { respondRelayProblem } from './problems';
import { queryOf } from './query';
import { noParameters, readFields, readParameters } from './read-request';
import type { createTokenCheck } from './token-check';

export interface AppOptions {
  /** Of two that fit a path, the first counts. */
  readonly endpoints: readonly Endpoint[];
  readonly check: ReturnType<typeof createTokenCheck>;
  readonly metrics: MetricsPage;
  readonly work: HeavyWork;
  readonly stats: HttpStats;
  readonly version: string;
  /** Each request can cause a line: bounded. */
  readonly log: Logger;
}

/** A stream with a hundred backups fits in. */
const bodyLimitBytes = 512 * 1024;
const readJson = jsonReader(bodyLimitBytes, (res, detail) => respondRelayProblem(res, 'Unprocessable', { detail }));

/** Makes the express app with every path of the API, as its endpoints describe them. */
export function createApp({ endpoints, check, metrics, work, stats, version, log }: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.enable('strict routing');
  app.enable('case sensitive routing');
  app.set('query parser', false);

  const counted =
    (template: string): RequestHandler =>
    (_req, res, next) => {
      res.once('finish', () => countAnswer(stats, template, res.statusCode));
      next();
    };
  const admitted: RequestHandler = (req, res, next) => {
    if (work.admit(res, addressKey(req.socket.remoteAddress))) next();
  };

  const mayAsk: RequestHandler = (req, res, next) => {
    const refusal = check(req);
    if (refusal === undefined) {
      next();
      return;
    }
    const { problem, detail } = refusal;
    respondRelayProblem(res, problem, { detail }, problem === 'OtherSite' ? [] : ['www-authenticate', 'Bearer']);
  };

  const answer =
    ({ query: shape, body: fields, handle, isLong = false }: Endpoint): RequestHandler =>
    async (req, res) => {
      const query = readParameters(shape ?? noParameters, queryOf(req.url));
      if (query.refused !== undefined) {
        refuse(res, query.refused);
        return;
      }
      const body = fields === undefined ? { value: undefined } : readFields(fields, req.body);
      if (body.refused !== undefined) {
        refuse(res, body.refused);
        return;
      }
      const names = new Map(Object.entries(req.params).map(([name, value]) => [name, String(value)]));
      const call: Call<unknown, unknown> = { names, query: query.value, body: body.value, req };
      const reply = await handle(call);
      if (reply.problem !== undefined) refuse(res, reply);
      else if (isLong) {
        const steps = jsonSteps(reply.body as object);
        const made = await work.run(steps, addressKey(req.socket.remoteAddress), () => !res.destroyed);
        if (made !== undefined) respond(res, 200, 'application/json', made);
      } else respondJson(res, 200, reply.body, reply.headers);
    };

  for (const [path, ofPath] of byPath(endpoints)) {
    const route = app.route(path.replace(/\{(\w+)\}/g, ':$1')).all(counted(path));
    const methods: string[] = [];
    for (const one of ofPath) {
      const before = [
        ...(one.isOpen === true ? [] : [mayAsk]),
        ...(one.body === undefined ? [] : bodyReaders(one.mayLackBody === true)),
        ...(one.isLong === true ? [admitted] : []),
      ];
      route[one.method](...before, answer(one));
      methods.push(...(one.method === 'get' ? ['GET', 'HEAD'] : [one.method.toUpperCase()]));
    }
    const allowed = [...methods, 'OPTIONS'].join(', ');
    route
      .options((_req, res) => void res.writeHead(204, ['allow', allowed]).end())
      .all((req, res) =>
        respondRelayProblem(
          res,
          'MethodNotAllowed',
          { detail: 'This path cannot be used that way.', given: req.method, allowed },
          ['allow', allowed],
        ),
      );
  }

  const openApi = toJson(createRelayOpenApi(endpoints, version));
  app.get('/openapi.json', counted('/openapi.json'), (_req, res) => respond(res, 200, 'application/json', openApi));
  app.get('/metrics', counted('/metrics'), admitted, async (_req, res) => {
    const { contentType, body } = await metrics.render();
    respond(res, 200, contentType, body);
  });

  app.use((req, res) => {
    countAnswer(stats, 'other', 404);
    const detail = 'There is nothing at this path; /openapi.json lists every path.';
    respondRelayProblem(res, 'NoSuchPath', { detail, given: req.path });
  });
  const onError: ErrorRequestHandler = (error: unknown, req, res, next) => {
    if (error instanceof URIError) {
      countAnswer(stats, 'other', 404);
      respondRelayProblem(res, 'NoSuchPath', { detail: 'The path holds a "%" that is not followed by valid UTF-8.' });
      return;
    }
    log.error({ err: error, path: req.path }, 'answering an HTTP request failed');
    // Half an answer cannot become a problem: express cuts the connection then.
    if (res.headersSent) next(error);
    else respondRelayProblem(res, 'InternalError', { detail: 'The answer could not be produced; the log says why.' });
  };
  app.use(onError);
  return app;
}

/** Read as JSON; where there may be none, one that is missing is an empty object. */
function bodyReaders(mayLack: boolean): readonly RequestHandler[] {
  if (!mayLack) return [onlyJson, readJson];
  const unlessMissing =
    (read: RequestHandler): RequestHandler =>
    (req, res, next) => {
      if (hasBody(req)) read(req, res, next);
      else {
        req.body = {};
        next();
      }
    };
  return [unlessMissing(onlyJson), unlessMissing(readJson)];
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

function refuse(res: Response, { problem, details }: Refused): void {
  respondRelayProblem(res, problem, details);
}

/** In the order in which each path comes first. */
function byPath(endpoints: readonly Endpoint[]): ReadonlyMap<string, readonly Endpoint[]> {
  const paths = new Map<string, Endpoint[]>();
  for (const one of endpoints) paths.set(one.path, [...(paths.get(one.path) ?? []), one]);
  return paths;
}
