import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ParsedUrlQuery, parse } from 'node:querystring';
import * as z from 'zod/mini';
import { eventIdPattern, eventTypes, idBefore } from '../events';
import { respondBadParameter } from '../http';
import { maxStreamNameLength } from '../mediamtx';
import { hasAtMost, ownValue } from '../wire';
import { mostOnPage } from './schemas';

/** The query of a URL; never throws, malformed escapes stay as they are. A parameter given twice is an array. */
export function queryOf(url: string): ParsedUrlQuery {
  const mark = url.indexOf('?');
  return mark === -1 ? {} : parse(url.slice(mark + 1));
}

/** Reads the query parameters of a request; what is wrong is answered, and undefined is returned. */
export function readQuery<T extends z.ZodMiniObject>(
  { url = '' }: IncomingMessage,
  res: ServerResponse,
  parameters: T,
): z.output<T> | undefined {
  const query = queryOf(url);
  const read = z.safeParse(parameters, query);
  if (read.success) return read.data;
  const parameter = String(read.error.issues[0]?.path[0] ?? '');
  const { allowed } = z.globalRegistry.get(ownValue(parameters.shape, parameter) ?? parameters) ?? {};
  respondBadParameter(res, { parameter, given: String(ownValue(query, parameter)), allowed: String(allowed) });
  return undefined;
}

/**
 * A parameter with what is allowed in it, for messages, and what it means, for the OpenAPI document; `looks` is its JSON Schema where zod
 * cannot say that of a text.
 */
export function parameter<T extends z.ZodMiniType>(
  schema: T,
  allowed: string,
  description: string,
  looks: object = {},
): T {
  return schema.check(z.meta({ allowed, description, ...looks }));
}

/** Of other texts than names of streams in a query. */
export const wordLimit = 255;
const standardLimit = 100;

const limit = (description: string) =>
  parameter(
    z.pipe(
      z.optional(
        z.string().check(
          z.refine((given) => /^[0-9]{1,4}$/.test(given) && Number(given) >= 1 && Number(given) <= mostOnPage),
          z.meta({ type: 'integer', minimum: 1, maximum: mostOnPage, default: standardLimit }),
        ),
      ),
      z.transform((given) => Number(given ?? standardLimit)),
    ),
    `a whole number from 1 to ${mostOnPage}`,
    description,
  );

/** A text, empty when it is not given. */
const text = (most: number, description: string) =>
  parameter(
    z.pipe(
      z.optional(z.string().check(z.refine((given) => hasAtMost(given, most)))),
      z.transform((given) => given ?? ''),
    ),
    `given once, at most ${most} characters`,
    description,
    { maxLength: most },
  );

/** A word by which items are chosen; undefined for all. */
const choice = (description: string, allowed = `given once, at most ${wordLimit} characters`) =>
  parameter(
    z.pipe(
      z.optional(z.string().check(z.refine((given) => hasAtMost(given, wordLimit)))),
      z.transform((given) => (given === '' ? undefined : given)),
    ),
    allowed,
    description,
    { maxLength: wordLimit },
  );

/** Where a page begins; empty for the first one. */
const cursor = (shape: RegExp) =>
  parameter(
    z.pipe(
      z.optional(z.string().check(z.regex(shape))),
      z.transform((given) => given ?? ''),
    ),
    'the "next" of the page before, given once',
    'The `next` of the page before.',
  );

/** Which part of the list of streams is wanted: after the name `cursor`, and only names that contain `match`. */
export const streamPage = z.object({
  limit: limit('Streams a page.'),
  cursor: text(maxStreamNameLength, 'The `next` of the page before.'),
  match: text(maxStreamNameLength, 'Text that the name must contain.'),
});
export type StreamPage = z.output<typeof streamPage>;

/** Which of the relays' streams are wanted. */
export const relayPage = z.object({
  match: text(wordLimit, 'Text that the id or the title must contain.'),
  limit: limit('Streams in the answer.'),
});

/** Which part of the list of viewers is wanted. */
export const viewerPage = z.object({
  stream: choice('Only viewers of this stream.'),
  server: choice('Only viewers that are bound to this server.'),
  limit: limit('Viewers a page.'),
  cursor: cursor(/^[0-9]{0,9}$/),
});
export type ViewerPage = z.output<typeof viewerPage>;

/** Which part of the dead letters is wanted. */
export const deadLetterPage = z.object({
  webhook: choice('Only those of this one.', 'a name of events.webhooks, given once'),
  limit: limit('Dead letters a page.'),
  cursor: cursor(/^([0-9A-Z]{26}\.[A-Za-z0-9-]{1,40})?$/),
});

/** What `parseTime` takes, for messages. */
export const timeRule = 'a time as in RFC 3339, such as 2026-11-21T10:00:00Z';

/** The times that `parseTime` takes, as a regular expression in the syntax that ECMAScript, Python and Rust share; without days that no month has. */
export const timePattern =
  '[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])';

/** Milliseconds since 1970, 0 for times before; undefined for what is no time. */
export function parseTime(given: string): number | undefined {
  const timeMs = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/.test(given)
    ? Date.parse(given.toUpperCase())
    : Number.NaN;
  return Number.isNaN(timeMs) ? undefined : Math.max(0, timeMs);
}

const aType = eventTypes.map((type) => type.replace('.', '\\.')).join('|');

/** Which events are wanted. `since` becomes an id: that before all events from then on. */
export const eventPage = z.object({
  after: parameter(
    z.optional(z.string().check(z.regex(new RegExp(`^(${eventIdPattern})?$`)))),
    'the id of an event, given once',
    'The id after which to go on; `next` of the page before.',
  ),
  since: parameter(
    z.pipe(
      z.optional(z.string().check(z.refine((given) => given === '' || parseTime(given) !== undefined))),
      z.transform((given) => {
        const sinceMs = parseTime(given ?? '');
        return sinceMs === undefined ? '' : idBefore(sinceMs);
      }),
    ),
    `${timeRule}, given once`,
    'Instead of an id: the time from which on events are wanted, RFC 3339. With both, the later one counts.',
    { pattern: `^(${timePattern})?$` },
  ),
  limit: limit('Events a page.'),
  // Several: with commas, or the parameter again.
  type: parameter(
    z.pipe(
      z.optional(z.any()),
      z.transform((given: string | string[] | undefined, context) => {
        const names = given === undefined ? [] : [given].flat().flatMap((several) => several.split(','));
        if (names.some((name) => !eventTypes.some((known) => known === name))) {
          context.issues.push({ code: 'custom', input: given });
        }
        return eventTypes.filter((known) => names.includes(known));
      }),
    ),
    eventTypes.join(', '),
    `One or several of ${eventTypes.join(', ')}, with commas.`,
    { type: 'string', pattern: `^(${aType})(,(${aType}))*$` },
  ),
  stream: choice('Only events of this stream.'),
  server: choice('Only events of this server.'),
});

/** Which events are wanted; undefined: all. */
export interface EventFilter {
  readonly types: z.output<typeof eventPage>['type'] | undefined;
  readonly stream: string | undefined;
  readonly server: string | undefined;
}
