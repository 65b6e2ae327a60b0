import type { Request, RequestHandler, Response } from 'express';
import {
  cursorOf,
  type DeadLetter,
  type DeliveryOperations,
  type DeliveryProblem,
  idBefore,
  type WebhookView,
} from '../events';
import { type ProblemName, readBody, respondJson, respondProblem } from '../http';
import { redeliverBody, replayBody } from './bodies';

import type { ChangeGate } from './change-gate';
import type { ChangeOrder } from './change-log';
import { eventView } from './event-view';

import { deadLetterPage, parseTime, readQuery } from './parameters';
import type { Answer } from './schemas';

export interface WebhookRoutesOptions {
  /** Undefined where no events are delivered. */
  readonly webhooks: DeliveryOperations | undefined;
  readonly gate: ChangeGate;
}

/** The handlers of what operators see of the delivery of events, and ask of it. */
export interface WebhookRoutes {
  readonly list: RequestHandler;
  readonly deadLetters: RequestHandler;
  readonly replay: RequestHandler[];
  readonly redeliver: RequestHandler[];
}

const problemOf: Readonly<Record<DeliveryProblem, ProblemName>> = {
  'no-such-webhook': 'NoSuchWebhook',
  'not-delivering': 'NotDelivering',
  'not-stored': 'NotKept',
};
const everybody = 'all webhooks';

/** Makes the handlers of one HTTP server. */
export function createWebhookRoutes({ webhooks, gate }: WebhookRoutesOptions): WebhookRoutes {
  const { audit } = gate;

  function refuse(res: Response, done: ChangeOrder, problem: DeliveryProblem, detail: string): void {
    const name = problemOf[problem];
    audit.note(done, { name, detail });
    respondProblem(res, name, { detail: sentence(detail), given: done.target });
  }

  async function replay(delivery: DeliveryOperations, req: Request, res: Response): Promise<void> {
    const body = readBody(res, req.body, replayBody);
    if (body === undefined) return;
    const { webhook, after, since, reason, operator } = body;
    const sinceMs = typeof since === 'string' ? parseTime(since) : undefined;
    if ((typeof after === 'string') === (sinceMs !== undefined)) {
      const detail = 'The body must say from where, once.';
      respondProblem(res, 'BadBody', { detail, allowed: 'either "after" or "since"' });
      return;
    }
    const from = sinceMs === undefined ? (after ?? '') : idBefore(sinceMs);
    const sinceText = sinceMs === undefined ? undefined : new Date(sinceMs).toISOString();
    const wish = gate.order(req, 'replay', webhook ?? everybody, { reason, operator, after, since: sinceText });
    const result = await delivery.replay(webhook ?? undefined, from);
    if (!result.ok) {
      refuse(res, wish, result.problem, result.detail);
      return;
    }
    audit.note(wish, undefined);
    respondJson(res, 200, { webhooks: result.value.map(webhookView) });
  }

  async function redeliver(delivery: DeliveryOperations, req: Request, res: Response): Promise<void> {
    const body = readBody(res, req.body, redeliverBody);
    if (body === undefined) return;
    const { webhook, reason, operator } = body;
    const wish = gate.order(req, 'redeliver', webhook ?? everybody, { reason, operator });
    const result = await delivery.redeliver(webhook ?? undefined);
    if (!result.ok) {
      refuse(res, wish, result.problem, result.detail);
      return;
    }
    const { delivered, failed, trouble } = result.value;
    audit.note({ ...wish, details: { ...wish.details, delivered, failed } }, undefined);
    respondJson(res, 200, { delivered, failed, trouble } satisfies Answer<'Redelivery'>);
  }

  const change = (
    name: ChangeOrder['change'],
    carryOut: (delivery: DeliveryOperations, req: Request, res: Response) => Promise<void>,
  ): RequestHandler[] =>
    gate.guard(name, async (req, res) => {
      if (webhooks === undefined) respondProblem(res, 'NotAvailable', { detail: noDelivery });
      else await carryOut(webhooks, req, res);
    });

  return {
    list: (_req, res) => respondJson(res, 200, { webhooks: (webhooks?.webhooks() ?? []).map(webhookView) }),
    async deadLetters(req, res) {
      const page = readQuery(req, res, deadLetterPage);
      if (page === undefined) return;
      if (webhooks === undefined) {
        respondProblem(res, 'NotAvailable', { detail: noDelivery });
        return;
      }
      // One more than is shown tells whether there are more.
      const { webhook, limit, cursor } = page;
      const before = cursor === '' ? undefined : cursor;
      const result = await webhooks.deadLetters({ webhook, before, limit: limit + 1 });
      if (!result.ok) {
        respondProblem(res, problemOf[result.problem], { detail: sentence(result.detail) });
        return;
      }
      const shown = result.value.slice(0, limit);
      const last = result.value.length > limit ? shown.at(-1) : undefined;
      respondJson(res, 200, {
        deadLetters: shown.map(deadLetterView),
        next: last === undefined ? undefined : cursorOf(last),
      } satisfies Answer<'DeadLetterList'>);
    },
    replay: change('replay', replay),
    redeliver: change('redeliver', redeliver),
  };
}

const noDelivery = 'It delivers no events.';

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function webhookView({ isSigned, ...view }: WebhookView): Answer<'Webhook'> {
  return { ...view, signed: isSigned };
}

function deadLetterView({ event, ...letter }: DeadLetter): Answer<'DeadLetter'> {
  return { ...letter, event: eventView(event) };
}
