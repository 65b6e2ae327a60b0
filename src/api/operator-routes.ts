import type { Request, RequestHandler, Response } from 'express';
import type { ControlProblem, IntentKind, Operations } from '../control';
import { type ProblemName, readBody, respondJson, respondProblem } from '../http';
import { isStreamName } from '../mediamtx';
import { respondBadStreamName } from './bad-stream-name';
import { drainBody, moveBody, plainBody } from './bodies';
import type { ChangeGate } from './change-gate';
import type { ChangeOrder } from './change-log';
import { controlView, moveView } from './control-view';
import type { Answer } from './schemas';

export interface OperatorRoutesOptions {
  /** Undefined where no HAProxy is controlled. */
  readonly operations: Operations | undefined;
  readonly gate: ChangeGate;
}

/** The handlers of what operators can change in the fleet. */
export interface OperatorRoutes {
  intent(kind: IntentKind): RequestHandler[];
  readonly move: RequestHandler[];
  readonly clearMove: RequestHandler[];
}

const problemOf: Readonly<Record<ControlProblem['kind'], ProblemName>> = {
  'no-such-server': 'NoSuchServer',
  'no-such-stream': 'NoSuchStream',
  'not-a-holder': 'NotAHolder',
  'no-haproxy': 'NoHaproxy',
  'bad-request': 'BadBody',
  'store-failed': 'NotKept',
};

/** Makes the handlers of one HTTP server. */
export function createOperatorRoutes(options: OperatorRoutesOptions): OperatorRoutes {
  const { operations, gate: changes } = options;
  const { audit } = changes;

  const gate = (
    change: ChangeOrder['change'],
    carryOut: (operations: Operations, req: Request, res: Response) => Promise<void>,
  ): RequestHandler[] =>
    changes.guard(change, async (req, res) => {
      if (operations === undefined) {
        const detail = 'It controls no HAProxy: its servers come from the list "servers" of the configuration.';
        respondProblem(res, 'NotAvailable', { detail, allowed: 'haproxy.socket instead of servers' });
        return;
      }
      await carryOut(operations, req, res);
    });

  function refuse(res: Response, done: ChangeOrder, { kind, message }: ControlProblem): void {
    const name = done.change === 'clear-move' && kind === 'no-such-stream' ? 'NotMoved' : problemOf[kind];
    audit.note(done, { name, detail: message });
    respondProblem(res, name, { detail: `${message}.`, given: done.target });
  }

  async function setIntent(operations: Operations, req: Request, res: Response, kind: IntentKind): Promise<void> {
    const server = String(req.params['name']);
    const body = readBody(res, req.body, kind === 'drain' ? drainBody : plainBody);
    if (body === undefined) return;
    const deadlineMs = 'deadline' in body && typeof body.deadline === 'number' ? body.deadline : undefined;
    const wish = changes.order(req, kind, server, { reason: body.reason, operator: body.operator, deadlineMs });
    const result = await operations.setIntent(server, {
      kind,
      reason: body.reason,
      operator: wish.operator,
      deadlineMs,
    });
    if (!result.ok) {
      refuse(res, wish, result.problem);
      return;
    }
    audit.note(wish, undefined);
    respondJson(res, 200, controlView(result.value));
  }

  async function clearMove(operations: Operations, res: Response, stream: string, done: ChangeOrder): Promise<void> {
    const result = await operations.clearMove(stream, done.operator);
    if (!result.ok) {
      refuse(res, done, result.problem);
      return;
    }
    audit.note(done, undefined);
    respondJson(res, 200, { stream, move: undefined } satisfies Answer<'StreamMove'>);
  }

  return {
    intent: (kind) => gate(kind, (control, req, res) => setIntent(control, req, res, kind)),
    move: gate('move', async (control, req, res) => {
      const stream = streamOf(req, res);
      const body = stream === undefined ? undefined : readBody(res, req.body, moveBody);
      if (stream === undefined || body === undefined) return;
      const { server, force, moveViewers, reason, operator } = body;
      if (server === null) {
        await clearMove(control, res, stream, changes.order(req, 'clear-move', stream, { reason, operator }));
        return;
      }
      const wish = changes.order(req, 'move', stream, { reason, operator, server, force, moveViewers });
      const result = await control.move(stream, server, { reason, operator: wish.operator, force, moveViewers });
      if (!result.ok) {
        refuse(res, wish, result.problem);
        return;
      }
      audit.note(wish, undefined);
      respondJson(res, 200, { stream, move: moveView(result.value) } satisfies Answer<'StreamMove'>);
    }),
    clearMove: gate('clear-move', async (control, req, res) => {
      const stream = streamOf(req, res);
      const body = stream === undefined ? undefined : readBody(res, req.body, plainBody);
      if (stream === undefined || body === undefined) return;
      await clearMove(control, res, stream, changes.order(req, 'clear-move', stream, body));
    }),
  };
}

/** The stream in the path; undefined when it cannot be one, which is then answered. */
function streamOf(req: Request, res: Response): string | undefined {
  const name = nameOf(req);
  if (isStreamName(name)) return name;
  respondBadStreamName(res, name);
  return undefined;
}

/** A wildcard arrives as its components, split at raw slashes and then decoded. */
export function nameOf(req: Request): string {
  const name: unknown = req.params['name'];
  return Array.isArray(name) ? name.join('/') : '';
}
