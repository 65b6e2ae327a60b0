import type { RequestHandler } from 'express';
import * as z from 'zod/mini';
import type { Directory } from '../directory';
import { readBody, respondJson, respondProblem } from '../http';
import { isStreamName } from '../mediamtx';
import type { ApiStats } from './api-stats';
import { authBody, hookBody } from './bodies';
import { queryOf } from './parameters';
import type { Answer } from './schemas';

export interface HookReportsOptions {
  readonly directory: Pick<Directory, 'confirm'>;
  readonly stats: ApiStats;
}

/** What MediaMTX's hooks and its HTTP authentication report. A report is evidence: it only makes the directory ask the server. */
export interface HookReports {
  /** A publisher came or went: one question, within the directory's budget. */
  happened(stream: string, server: string | undefined): void;
  /** A publisher is being let in: the same, a moment later, when MediaMTX has taken it in. */
  aboutToHappen(stream: string, server: string | undefined): void;
  /** Forgets what waits. */
  stop(): void;
}

/**
 * From the answer to MediaMTX's question until the path is ready, with an RTSP publisher close by. An RTMP path without audio is ready only
 * two seconds later (MediaMTX waits for tracks): it is found by the next list.
 */
const letInMs = 40;
const maxWaiting = 1000;

/** Makes the reports of one HTTP server. */
export function createHookReports({ directory, stats }: HookReportsOptions): HookReports {
  const waiting = new Map<string, NodeJS.Timeout>();

  function happened(stream: string, server: string | undefined): void {
    stats.reports.passedOn++;
    // It never rejects, and nobody waits for it: whoever reports must be let go at once.
    void directory.confirm(stream, server);
  }

  return {
    happened,
    aboutToHappen(stream, server) {
      const key = `${stream} ${server ?? ''}`;
      if (waiting.has(key)) return;
      if (waiting.size >= maxWaiting) {
        stats.reports.dropped++;
        return;
      }
      const timer = setTimeout(() => {
        waiting.delete(key);
        happened(stream, server);
      }, letInMs);
      waiting.set(key, timer);
    },
    stop() {
      for (const timer of waiting.values()) clearTimeout(timer);
      waiting.clear();
    },
  };
}

interface ReportHandlerOptions {
  readonly directory: Pick<Directory, 'servers'>;
  readonly hookReports: HookReports;
  readonly stats: ApiStats;
}

/**
 * Makes the handler of `POST /v1/hooks/mediamtx`: the body of a hook, or what MediaMTX asks an authentication server. Answered with 202 at
 * once. Which server reports, may stand in the body of a hook or in the query. An authentication question is never refused, whatever it
 * holds: a refusal would keep the publisher out.
 */
export function createReportHandler({ directory, hookReports, stats }: ReportHandlerOptions): RequestHandler {
  const isServer = (name: string): boolean => directory.servers().some((server) => server.name === name);

  return (req, res) => {
    const { server: inQuery } = queryOf(req.url);
    const asked = z.safeParse(authBody, req.body);
    if (asked.success) {
      const { action, path } = asked.data;
      const isOfInterest = action === 'publish' && isStreamName(path);
      if (isOfInterest) {
        hookReports.aboutToHappen(path, typeof inQuery === 'string' && isServer(inQuery) ? inQuery : undefined);
      } else stats.reports.ignored++;
      respondJson(res, 202, { stream: isOfInterest ? path : undefined } satisfies Answer<'Report'>);
      return;
    }
    const body = readBody(res, req.body, hookBody);
    if (body === undefined) return;
    const server = body.server ?? inQuery;
    if (server !== undefined && (typeof server !== 'string' || !isServer(server))) {
      const allowed = 'the name of a server in haproxy.cfg, or none';
      respondProblem(res, 'NoSuchServer', {
        detail: 'There is no server of that name.',
        given: String(server),
        allowed,
      });
      return;
    }
    respondJson(res, 202, { stream: body.stream } satisfies Answer<'Report'>);
    hookReports.happened(body.stream, server);
  };
}
