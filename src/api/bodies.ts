import type { Response } from 'express';
import * as z from 'zod';
import { isLine, isOneLine, longestDeadlineMs, longestOperator, longestReason, shortestDeadlineMs } from '../control';
import { isEventId } from '../events';
import { readBody as readShape } from '../http';
import { isStreamName, maxStreamNameLength } from '../mediamtx';
import { formatDuration, hasAtMost, parseDuration } from '../wire';
import { streamNameRule } from './bad-stream-name';
import { parseTime, timeRule, wordLimit } from './parameters';

/** `allowed` of each field, for messages and for the OpenAPI document. */
export const fieldRules: Readonly<Record<string, string>> = {
  reason: `one line of at most ${longestReason} characters`,
  operator: `one line of 1 to ${longestOperator} characters, not blank`,
  deadline: `a duration from ${formatDuration(shortestDeadlineMs)} to ${formatDuration(longestDeadlineMs)}, such as 30m`,
  server: "a server's name in haproxy.cfg, at most 255 characters",
  force: 'true or false',
  moveViewers: 'true or false',
  stream: streamNameRule,
  event: 'ready or notReady',
  webhook: 'a name of events.webhooks',
  after: 'the id of an event',
  since: timeRule,
};

const noReason = 'no reason given';
const by = {
  reason: z
    .string()
    .refine((given) => isOneLine(given, longestReason))
    .default(noReason)
    .transform((given) => (given.trim() === '' ? noReason : given)),
  operator: z
    .string()
    .refine((given) => isLine(given, longestOperator))
    .optional(),
};
/** The names of servers that haproxy.cfg can have. */
export const serverNames = /^[A-Za-z0-9_.:-]{1,255}$/;
const serverName = z.string().regex(serverNames);

const deadline = z.union([z.string(), z.number()]).transform((given, context) => {
  const durationMs = parseDuration(given);
  if (durationMs !== undefined && durationMs >= shortestDeadlineMs && durationMs <= longestDeadlineMs)
    return durationMs;
  context.issues.push({ code: 'custom', input: given });
  return z.NEVER;
});

/** The body of drain (with a deadline, in milliseconds afterwards), maint and ready. */
export const drainBody = z.strictObject({ ...by, deadline: deadline.nullish() });
export const intentBody = z.strictObject(by);
/** The body of a move; `server: null` clears it. */
export const moveBody = z.strictObject({
  ...by,
  server: serverName.nullable(),
  force: z.boolean().default(false),
  moveViewers: z.boolean().default(false),
});
export const clearMoveBody = z.strictObject(by);

const webhook = z
  .string()
  .refine((given) => hasAtMost(given, wordLimit))
  .nullish();
const since = z.string().transform((given, context) => {
  const timeMs = parseTime(given);
  if (timeMs !== undefined) return timeMs;
  context.issues.push({ code: 'custom', input: given });
  return z.NEVER;
});

/** From where events are to be delivered again, `since` in milliseconds afterwards; and to whom, which is all without a name. */
export const replayBody = z.strictObject({
  ...by,
  webhook,
  after: z.string().refine(isEventId).nullish(),
  since: since.nullish(),
});
export const redeliverBody = z.strictObject({ ...by, webhook });

/** What a hook of MediaMTX sends. */
export const hookBody = z.strictObject({
  stream: z.string().max(maxStreamNameLength).refine(isStreamName),
  server: serverName.nullish(),
  event: z.enum(['ready', 'notReady']),
});
/** What MediaMTX sends with `authMethod: http`; of the rest, passwords and tokens among it, nothing is looked at. */
export const authBody = z.looseObject({ action: z.string(), path: z.string() });

/** The body in its shape; undefined when it has another one, which is then answered. */
export function readBody<T>(res: Response, given: unknown, shape: z.ZodType<T>): T | undefined {
  return readShape(res, given, shape, fieldRules);
}
