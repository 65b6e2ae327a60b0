import type { IncomingMessage } from 'node:http';
import type { Caller, ProblemName } from '../http';

import type { Logger } from '../log';
import type { ApiStats } from './api-stats';

/** One change that somebody asked for. */
export interface ChangeOrder {
  readonly change:
    | 'drain'
    | 'maint'
    | 'ready'
    | 'move'
    | 'clear-move'
    | 'failover'
    | 'configure'
    | 'replay'
    | 'redeliver';
  /** The server, the stream, the relay or the webhook that it is about. */
  readonly target: string;
  readonly caller: Caller;
  /** As the caller named himself. */
  readonly operator: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** The audit: one line of the log for each change, never with a token. */
export interface ChangeLog {
  /** `problem` is undefined when it was carried out. */
  note(order: ChangeOrder, problem: { readonly name: ProblemName; readonly detail: string } | undefined): void;
  /** Somebody who may not. At most one line a second, with the number of those before it that got none. */
  noteRefusal(req: IncomingMessage, change: ChangeOrder['change'], problem: ProblemName): void;
}

const refusalPauseMs = 1000;

/** Makes the audit of one HTTP server. */
export function createChangeLog(log: Logger, stats: ApiStats, now: () => number = () => performance.now()): ChangeLog {
  let lastRefusalAt = Number.NEGATIVE_INFINITY;
  let untold = 0;
  return {
    note({ change, target, caller, operator, details }, problem) {
      const { via, from } = caller;
      const line = { audit: true, change, target, operator, via, from: from === '' ? undefined : from, ...details };
      if (problem === undefined) {
        stats.changes.done++;
        log.info({ ...line, result: 'done' }, 'an operator changed something');
      } else {
        stats.changes.failed++;
        log.warn({ ...line, result: problem.name, detail: problem.detail }, 'a change was not carried out');
      }
    },
    noteRefusal(req, change, problem) {
      stats.changes.refused++;
      if (now() - lastRefusalAt < refusalPauseMs) {
        untold++;
        return;
      }
      const { remoteAddress: from } = req.socket;
      log.warn({ audit: true, change, from, result: problem, untold }, 'a change was refused');
      lastRefusalAt = now();
      untold = 0;
    },
  };
}
