import * as z from 'zod/mini';
import { isLine, isOneLine, longestDeadlineMs, longestOperator, longestReason, shortestDeadlineMs } from '../control';
import { eventIdPattern, isEventId } from '../events';
import { isStreamName, maxStreamNameLength, streamNamePattern } from '../mediamtx';
import { durationPattern, formatDuration, hasAtMost, parseDuration } from '../wire';
import { streamNameRule } from './bad-stream-name';
import { parseTime, timePattern, timeRule, wordLimit } from './parameters';

/*
 * The bodies that the API takes. What zod cannot say of a text in JSON Schema stands beside it; patterns are of whole texts, in the syntax that
 * ECMAScript, Python and Rust share.
 */

/** A field with what is allowed in it, for messages; the OpenAPI document says that too, unless there is more to say. */
function field<T extends z.ZodMiniType>(schema: T, allowed: string, description = allowed): T {
  return schema.check(z.meta({ allowed, description }));
}

const breaks = '\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029';
const noReason = 'no reason given';
const by = {
  reason: field(
    z.pipe(
      z.optional(
        z.string().check(
          z.refine((given) => isOneLine(given, longestReason)),
          z.meta({ pattern: `^[^${breaks}]*$`, maxLength: longestReason }),
        ),
      ),
      z.transform((given) => (given === undefined || given.trim() === '' ? noReason : given)),
    ),
    `one line of at most ${longestReason} characters`,
  ),
  operator: field(
    z.optional(
      z.string().check(
        z.refine((given) => isLine(given, longestOperator)),
        z.meta({
          pattern: `^[^${breaks}]*[^\\s\\ufeff${breaks}][^${breaks}]*$`,
          minLength: 1,
          maxLength: longestOperator,
        }),
      ),
    ),
    `one line of 1 to ${longestOperator} characters, not blank`,
  ),
};

const serverRule = "a server's name in haproxy.cfg, at most 255 characters";
/** The names of servers that haproxy.cfg can have. */
const serverName = z.string().check(z.regex(/^[A-Za-z0-9_.:-]{1,255}$/));

/** The name of a stream. */
export const streamName = z
  .string()
  .check(z.refine(isStreamName), z.meta({ pattern: streamNamePattern, minLength: 1, maxLength: maxStreamNameLength }));

const deadlineMs = z.pipe(
  z.optional(
    z.union([
      z.string().check(z.meta({ pattern: durationPattern(shortestDeadlineMs, longestDeadlineMs, 'may be left out') })),
      z.int().check(z.gte(shortestDeadlineMs), z.lte(longestDeadlineMs)),
      z.null(),
    ]),
  ),
  z.transform((given, context): number | undefined => {
    if (given === undefined || given === null) return undefined;
    const durationMs = parseDuration(given);
    if (durationMs !== undefined && durationMs >= shortestDeadlineMs && durationMs <= longestDeadlineMs)
      return durationMs;
    context.issues.push({ code: 'custom', input: given });
    return z.NEVER;
  }),
);

/** The body of drain, its deadline in milliseconds afterwards. */
export const drainBody = z.strictObject({
  ...by,
  deadline: field(
    deadlineMs,
    `a duration from ${formatDuration(shortestDeadlineMs)} to ${formatDuration(longestDeadlineMs)}, such as 30m`,
  ),
});
/** The body of maint, of ready, and of clearing a move. */
export const plainBody = z.strictObject(by);
/** The body of a move; `server: null` clears it. */
export const moveBody = z.strictObject({
  ...by,
  server: field(z.nullable(serverName), serverRule, 'null clears the move.'),
  force: field(
    z._default(z.boolean(), false),
    'true or false',
    'Even to a server that does not have the stream, or cannot be used now.',
  ),
  moveViewers: field(
    z._default(z.boolean(), false),
    'true or false',
    'Also move those who are watching now: their players start again. Without it they stay where they are.',
  ),
});

const mostSettings = 64;
/** Settings of a relay, which knows them and says what is wrong; `tag` of those that the change is made for. */
export const configBody = z.strictObject({
  ...by,
  tag: field(
    z.nullish(z.string().check(z.regex(/^[A-Za-z0-9._-]{1,64}$/))),
    'the tag of /v1/relay/config',
    'The `tag` of the settings that the change is made for: others are left as they are. Without it, the change is made whatever they are.',
  ),
  settings: field(
    z
      .record(
        z.string().check(z.regex(/^[a-z_]{1,64}$/)),
        z.nullable(z.union([z.number(), z.string().check(z.maxLength(64))])),
      )
      .check(
        z.refine((given) => Object.keys(given).length > 0 && Object.keys(given).length <= mostSettings),
        z.meta({ minProperties: 1, maxProperties: mostSettings }),
      ),
    `an object of 1 to ${mostSettings} settings and their values`,
    'Settings by name, as `/v1/relay/config` lists them; null makes one what is configured.',
  ),
});

const to = {
  ...by,
  webhook: field(
    z.nullish(
      z.string().check(
        z.refine((given) => hasAtMost(given, wordLimit)),
        z.meta({ maxLength: wordLimit }),
      ),
    ),
    'a name of events.webhooks',
    'A name of events.webhooks; without it, all of them.',
  ),
};
const after = z.string().check(z.refine(isEventId), z.meta({ pattern: `^${eventIdPattern}$` }));
const since = z.string().check(
  z.refine((given) => parseTime(given) !== undefined),
  z.meta({ pattern: `^${timePattern}$` }),
);
const [afterRule, afterMeaning] = ['the id of an event', 'The id of an event: those after it.'];
const sinceMeaning = 'A time (RFC 3339): events from then on.';

/** From where events are to be delivered again; and to whom, which is all without a name. */
export const replayBody = z.strictObject({
  ...to,
  after: field(z.nullish(after), afterRule, afterMeaning),
  since: field(z.nullish(since), timeRule, sinceMeaning),
});
/** The two forms that it has for the document, which can say that it is one of them. */
export const replayForms = [
  z.strictObject({ ...to, after: field(after, afterRule, afterMeaning), since: field(z.optional(z.null()), timeRule) }),
  z.strictObject({ ...to, after: field(z.optional(z.null()), afterRule), since: field(since, timeRule, sinceMeaning) }),
];
export const redeliverBody = z.strictObject(to);

/** What a hook of MediaMTX sends. */
export const hookBody = z.strictObject({
  stream: field(streamName, streamNameRule),
  server: field(z.nullish(serverName), serverRule),
  event: field(z.enum(['ready', 'notReady']), 'ready or notReady'),
});
/** What MediaMTX sends with `authMethod: http`; of the rest, passwords and tokens among it, nothing is looked at. */
export const authBody = z.looseObject({ action: z.string(), path: z.string() });
