import type { Request, RequestHandler, Response } from 'express';
import { type Access, onlyJson, readJson, respondProblem } from '../http';

import type { Logger } from '../log';
import type { ApiStats } from './api-stats';
import { type ChangeLog, type ChangeOrder, createChangeLog } from './change-log';

/** The gate before everything that changes something: may he, is it JSON, is it small; and the audit of it. */
export interface ChangeGate {
  /** The handlers of one change; `carryOut` finds the body read. */
  guard(change: ChangeOrder['change'], carryOut: (req: Request, res: Response) => Promise<void>): RequestHandler[];
  /** What is asked for and by whom, for the audit. */
  order(
    req: Request,
    change: ChangeOrder['change'],
    target: string,
    said: { readonly reason: string; readonly operator?: string | undefined; readonly [detail: string]: unknown },
  ): ChangeOrder;
  readonly audit: ChangeLog;
}

/** Makes the gate of one HTTP server. */
export function createChangeGate({
  access,
  stats,
  log,
}: {
  readonly access: (req: Request) => Access;
  readonly stats: ApiStats;
  readonly log: Logger;
}): ChangeGate {
  const audit = createChangeLog(log, stats);
  /** Who may, by request; a handler behind the gate finds his caller there. */
  const callers = new WeakMap<Request, Extract<Access, { allowed: true }>['caller']>();

  const mayDo =
    (change: ChangeOrder['change']): RequestHandler =>
    (req, res, next) => {
      const verdict = access(req);
      if (verdict.allowed) {
        callers.set(req, verdict.caller);
        next();
        return;
      }
      const { problem, details } = verdict;
      audit.noteRefusal(req, change, problem);
      respondProblem(res, problem, details, problem === 'NotAuthorized' ? ['www-authenticate', 'Bearer'] : []);
    };

  return {
    audit,
    guard: (change, carryOut) => [mayDo(change), onlyJson, readJson, carryOut],
    order(req, change, target, { reason, operator, ...details }) {
      const caller = callers.get(req) ?? { via: 'token', from: '' };
      return { change, target, caller, operator: operator ?? caller.via, details: { reason, ...details } };
    },
  };
}
