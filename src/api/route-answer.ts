import type { ServerResponse } from 'node:http';
import { countAnswer, type Drain, respond, respondProblem } from '../http';
import type { Logger } from '../log';
import { type RecordTime, recordNothing } from '../measure';
import { isStreamName } from '../mediamtx';
import { countDecision, type Decision, type Router } from '../router';
import type { ApiStats } from './api-stats';
import { respondBadStreamName } from './bad-stream-name';
import { queryOf } from './parameters';
import type { Said } from './schemas';

/** The path of the question that HAProxy's Lua bridge asks for every master playlist. */
export const routePath = '/v1/route';

const unknownState = ['x-mtx-state', 'unknown'];

interface RouteAnswerOptions {
  readonly router: Pick<Router, 'decide'>;
  readonly stats: ApiStats;
  /** Told of every decision; failed are those answered `unknown`, and those that could not be made. */
  readonly recordDecision?: RecordTime | undefined;
  readonly log: Logger;
  readonly drain: Pick<Drain, 'isStopping' | 'asked'>;
}

/**
 * Makes the handler of `GET /v1/route?stream=&session=`. It needs nothing of express, whose own way to a handler costs
 * several times what the answer does. When the directory knows, the answer leaves in the same turn of the event loop.
 * Every answer has `x-mtx-state` (`unknown` on a problem), `x-mtx-server` when there is one, and `x-mtx-elsewhere: 1` when another server may be
 * tried after it; a decision of a server that stops has
 * `x-mtx-stopping: 1`, upon which the bridge asks another agent next time.
 * @returns a function of the request's URL and its response; its promise, if any, never rejects.
 */
export function createRouteAnswer(
  options: RouteAnswerOptions,
): (url: string, res: ServerResponse) => void | Promise<void> {
  const { router, stats, log, drain, recordDecision = recordNothing } = options;

  const fail = (res: ServerResponse, error: unknown, sinceMs: number): void => {
    log.error({ err: error }, 'deciding a route failed');
    countAnswer(stats, routePath, 500);
    recordDecision(performance.now() - sinceMs, 1, 1);
    respondProblem(res, 'InternalError', { detail: 'No decision could be made; the log says why.' }, unknownState);
  };

  const answer = (res: ServerResponse, stream: string, session: string, decision: Decision, sinceMs: number): void => {
    const { state, server } = decision;
    const tookMs = performance.now() - sinceMs;
    countDecision(stats.decisions, state, tookMs / 1000);
    recordDecision(tookMs, 1, state === 'unknown' ? 1 : 0);
    countAnswer(stats, routePath, 200);
    const headers = ['x-mtx-state', state];
    if (server !== undefined) headers.push('x-mtx-server', server);
    if (decision.isElsewhereAllowed === true) headers.push('x-mtx-elsewhere', '1');
    if (drain.isStopping) headers.push('x-mtx-stopping', '1');
    const body = JSON.stringify({ stream, session, state, server: server ?? null } satisfies Said['Route']);
    respond(res, 200, 'application/json', body, headers);
  };

  const answerLater = async (
    res: ServerResponse,
    stream: string,
    session: string,
    decision: Promise<Decision>,
    sinceMs: number,
  ): Promise<void> => {
    stats.waitingRequests++;
    try {
      answer(res, stream, session, await decision, sinceMs);
    } catch (error) {
      fail(res, error, sinceMs);
    } finally {
      stats.waitingRequests--;
    }
  };

  return (url, res) => {
    const sinceMs = performance.now();
    drain.asked();
    const { stream, session = '' } = queryOf(url);
    if (typeof stream !== 'string' || typeof session !== 'string') {
      const detail = '"stream" is needed, "session" may be left out, and neither may be given twice.';
      const given = url.slice(url.indexOf('?') + 1);
      countAnswer(stats, routePath, 400);
      respondProblem(res, 'BadParameter', { detail, given, allowed: `${routePath}?stream=…&session=…` }, unknownState);
      return;
    }
    if (!isStreamName(stream)) {
      // The other bridge answers "unknown" here: one question, one count.
      const tookMs = performance.now() - sinceMs;
      countDecision(stats.decisions, 'unknown', tookMs / 1000);
      recordDecision(tookMs, 1, 1);
      countAnswer(stats, routePath, 400);
      respondBadStreamName(res, stream, unknownState);
      return;
    }
    try {
      const decision = router.decide(stream, session);
      if (decision instanceof Promise) return answerLater(res, stream, session, decision, sinceMs);
      answer(res, stream, session, decision, sinceMs);
    } catch (error) {
      fail(res, error, sinceMs);
    }
    return;
  };
}
