import { type ParsedUrlQuery, parse } from 'node:querystring';
import { maxStreamNameLength } from '../directory';
import { type EventType, eventTypes, idBefore, isEventId } from '../events';

/** The query of a URL; never throws, malformed escapes stay as they are. A parameter given twice is an array. */
export function queryOf(url: string): ParsedUrlQuery {
  const mark = url.indexOf('?');
  return mark === -1 ? {} : parse(url.slice(mark + 1));
}

/** A query parameter that is wrong: what it is called, what was given, what is allowed. */
export interface BadParameter {
  readonly parameter: string;
  readonly given: string;
  readonly allowed: string;
}

/** Which part of the list of streams is wanted. */
export interface StreamPage {
  readonly limit: number;
  /** The name after which the page begins; empty for the first page. */
  readonly cursor: string;
  /** Text that a name must contain; empty for all. */
  readonly match: string;
}

export const pageLimit = { default: 100, max: 1000 } as const;
const textLimit = maxStreamNameLength;

/** Reads `limit`, `cursor` and `match`. */
export function parseStreamPage(query: ParsedUrlQuery): StreamPage | BadParameter {
  const { limit = String(pageLimit.default), cursor = '', match = '' } = query;
  if (!isLimit(limit)) return badLimit(limit);
  for (const [parameter, given] of Object.entries({ cursor, match })) {
    if (typeof given !== 'string' || given.length > textLimit) {
      return { parameter, given: String(given), allowed: `given once, at most ${textLimit} characters` };
    }
  }
  return { limit: Number(limit), cursor: String(cursor), match: String(match) };
}

/** Which events are wanted. */
export interface EventFilter {
  /** Undefined: all. */
  readonly types: readonly EventType[] | undefined;
  readonly stream: string | undefined;
  readonly server: string | undefined;
}

/** Which part of the events is wanted. */
export interface EventPage extends EventFilter {
  readonly limit: number;
  /** The id after which the page begins (`idBefore` of a time, where one was given); undefined for the newest events. */
  readonly after: string | undefined;
}

/** What `parseTime` takes, for messages. */
export const timeRule = 'a time as in RFC 3339, such as 2026-11-21T10:00:00Z';

/** Milliseconds since 1970; undefined for what is no time. */
export function parseTime(text: string): number | undefined {
  const timeMs = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/.test(text)
    ? Date.parse(text.toUpperCase())
    : Number.NaN;
  return Number.isNaN(timeMs) || timeMs < 0 ? undefined : timeMs;
}

/** Reads `after` or `since`, `limit`, `type` (several: with commas, or the parameter again), `stream` and `server`. */
export function parseEventPage(query: ParsedUrlQuery): EventPage | BadParameter {
  const { limit = String(pageLimit.default), after = '', since = '', type, stream = '', server = '' } = query;
  if (!isLimit(limit)) return badLimit(limit);
  const sinceMs = typeof since === 'string' && since !== '' ? parseTime(since) : undefined;
  if (since !== '' && (sinceMs === undefined || after !== '')) {
    const allowed = after === '' ? `${timeRule}, given once` : 'either "after" or "since"';
    return { parameter: 'since', given: String(since), allowed };
  }
  if (typeof after !== 'string' || (after !== '' && !isEventId(after))) {
    return { parameter: 'after', given: String(after), allowed: 'the id of an event, given once' };
  }
  const names = type === undefined ? [] : [type].flat().flatMap((text) => text.split(','));
  const types = eventTypes.filter((known) => names.includes(known));
  const unknown = names.find((name) => !eventTypes.some((known) => known === name));
  if (unknown !== undefined) return { parameter: 'type', given: unknown, allowed: eventTypes.join(', ') };
  for (const [parameter, given] of Object.entries({ stream, server })) {
    if (typeof given !== 'string' || given.length > 255) {
      return { parameter, given: String(given), allowed: 'given once, at most 255 characters' };
    }
  }
  return {
    limit: Number(limit),
    after: sinceMs === undefined ? (after === '' ? undefined : after) : idBefore(sinceMs),
    types: types.length === 0 ? undefined : types,
    stream: stream === '' ? undefined : String(stream),
    server: server === '' ? undefined : String(server),
  };
}

/** Which part of the dead letters is wanted. */
export interface DeadLetterPage {
  readonly limit: number;
  /** The dead letter before which the page begins; undefined for the latest ones. */
  readonly before: string | undefined;
  readonly webhook: string | undefined;
}

/** Reads `limit`, `cursor` and `webhook`. */
export function parseDeadLetterPage(query: ParsedUrlQuery): DeadLetterPage | BadParameter {
  const { limit = String(pageLimit.default), cursor = '', webhook = '' } = query;
  if (!isLimit(limit)) return badLimit(limit);
  if (typeof cursor !== 'string' || (cursor !== '' && !/^[0-9A-Z]{26}\.[A-Za-z0-9-]{1,40}$/.test(cursor))) {
    return { parameter: 'cursor', given: String(cursor), allowed: 'the "next" of the page before, given once' };
  }
  if (typeof webhook !== 'string' || webhook.length > 255) {
    return { parameter: 'webhook', given: String(webhook), allowed: 'a name of events.webhooks, given once' };
  }
  return {
    limit: Number(limit),
    before: cursor === '' ? undefined : cursor,
    webhook: webhook === '' ? undefined : webhook,
  };
}

function isLimit(given: unknown): given is string {
  return (
    typeof given === 'string' && /^[0-9]{1,4}$/.test(given) && Number(given) >= 1 && Number(given) <= pageLimit.max
  );
}

function badLimit(given: unknown): BadParameter {
  return { parameter: 'limit', given: String(given), allowed: `a whole number from 1 to ${pageLimit.max}` };
}
