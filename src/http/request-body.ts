import type { RequestHandler, Response } from 'express';
import { z } from 'zod';
import { formatDuration, parseDuration } from '../config/duration';
import { longestDeadlineMs, longestOperator, longestReason, shortestDeadlineMs } from '../control/intent';
import { isStreamName, maxStreamNameLength } from '../directory';
import { isEventId } from '../events';
import { parseTime, timeRule } from './parameters';
import { type ProblemDetails, type ProblemName, respondProblem, streamNameRule } from './problem';

/** Largest body of a request. */
export const bodyLimitBytes = 16 * 1024;

/**
 * Reads a body of at most 16 KB as JSON; a missing one is an empty object. Too long ones are refused without waiting for the rest of them,
 * which is why this is not express.json().
 */
export const readJson: RequestHandler = (req, res, next) => {
  const refuse = (name: ProblemName, details: ProblemDetails): void => {
    // What is still on its way of this body is not waited for.
    respondProblem(res, name, details, ['connection', 'close']);
  };
  const tooLarge = (): void =>
    refuse('BodyTooLarge', { detail: 'The body is too large.', allowed: `at most ${bodyLimitBytes} bytes` });
  const chunks: Buffer[] = [];
  let length = 0;
  const onEnd = (): void => {
    try {
      req.body = length === 0 ? {} : (JSON.parse(decoder.decode(Buffer.concat(chunks))) as unknown);
    } catch {
      refuse('BadBody', { detail: 'The body is not JSON in UTF-8.' });
      return;
    }
    next();
  };
  const onData = (chunk: Buffer): void => {
    length += chunk.length;
    if (length <= bodyLimitBytes) {
      chunks.push(chunk);
      return;
    }
    req.off('data', onData).off('end', onEnd).pause();
    tooLarge();
  };
  if (Number(req.headers['content-length'] ?? 0) > bodyLimitBytes) tooLarge();
  else req.on('data', onData).once('end', onEnd);
};

const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * Refuses bodies that do not say that they are JSON. A web page of another site cannot send that content type without asking first,
 * and nobody answers it that it may.
 */
export const onlyJson: RequestHandler = (req, res, next) => {
  const given = req.headers['content-type'];
  const isEmpty = req.headers['transfer-encoding'] === undefined && (req.headers['content-length'] ?? '0') === '0';
  const mayBeLeftOut = req.method === 'DELETE' && isEmpty;
  const isPlain = req.headers['content-encoding'] === undefined;
  if (mayBeLeftOut || (isPlain && /^application\/json *(; *charset="?utf-8"? *)?$/i.test(given ?? ''))) {
    next();
    return;
  }
  const detail = 'The header "content-type" must say that the body is JSON, and it must not be compressed.';
  respondProblem(res, 'NotJson', {
    detail,
    given: given ?? 'no content-type',
    allowed: 'content-type: application/json',
  });
};

const oneLine = /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$/;
const words = (most: number) => z.string().max(most).regex(oneLine);

/** `allowed` of each field, for messages and for the OpenAPI document. */
export const fieldRules: Readonly<Record<string, string>> = {
  reason: `one line of at most ${longestReason} characters`,
  operator: `one line of 1 to ${longestOperator} characters`,
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
  reason: words(longestReason)
    .default(noReason)
    .transform((given) => (given.trim() === '' ? noReason : given)),
  operator: words(longestOperator).min(1).optional(),
};
const serverName = z.string().regex(/^[A-Za-z0-9_.:-]{1,255}$/);

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

const webhook = z.string().max(255).nullish();
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
  const read = shape.safeParse(given);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  if (issue?.code === 'unrecognized_keys') {
    const detail = `The body has a field "${issue.keys[0] ?? ''}" that is not known here.`;
    respondProblem(res, 'BadBody', { detail, given: issue.keys.join(', '), allowed: fieldsOf(shape) });
    return undefined;
  }
  const field = String(issue?.path[0] ?? '');
  if (field === '') {
    respondProblem(res, 'BadBody', { detail: 'The body must be a JSON object.', allowed: fieldsOf(shape) });
    return undefined;
  }
  const value = (given as Readonly<Record<string, unknown>> | undefined)?.[field];
  const detail = value === undefined ? `The body lacks "${field}".` : `The field "${field}" is wrong.`;
  const allowed = fieldRules[field] ?? '';
  respondProblem(res, 'BadBody', {
    detail,
    ...(value === undefined ? {} : { given: typeof value === 'string' ? value : JSON.stringify(value) }),
    allowed,
  });
  return undefined;
}

function fieldsOf(shape: z.ZodType): string {
  return shape instanceof z.ZodObject ? `the fields ${Object.keys(shape.shape).join(', ')}` : 'an object';
}
