import { type ParsedUrlQuery, parse } from 'node:querystring';
import { type EventType, eventTypes, idBefore, isEventId } from '../events';
import type { BadParameter } from '../http';
import { maxStreamNameLength } from '../mediamtx';
import { hasAtMost } from '../wire';
import { mostOnPage } from './schemas';

/** The query of a URL; never throws, malformed escapes stay as they are. A parameter given twice is an array. */
export function queryOf(url: string): ParsedUrlQuery {
  const mark = url.indexOf('?');
  return mark === -1 ? {} : parse(url.slice(mark + 1));
}

/** Which part of the list of streams is wanted. */
export interface StreamPage {
  readonly limit: number;
  /** The name after which the page begins; empty for the first page. */
  readonly cursor: string;
  /** Text that a name must contain; empty for all. */
  readonly match: string;
}

export const pageLimit = { default: 100, max: mostOnPage } as const;
const textLimit = maxStreamNameLength;
/** Of other texts in a query. */
export const wordLimit = 255;
/** `next` of a page of viewers, or nothing. */
export const viewerCursor = /^[0-9]{0,9}$/;
/** `next` of a page of dead letters, or nothing. */
export const deadLetterCursor = /^([0-9A-Z]{26}\.[A-Za-z0-9-]{1,40})?$/;

/** Reads `limit`, `cursor` and `match`. */
export function parseStreamPage(query: ParsedUrlQuery): StreamPage | BadParameter {
  const { limit = String(pageLimit.default), cursor = '', match = '' } = query;
  if (!isLimit(limit)) return badLimit(limit);
  for (const [parameter, given] of Object.entries({ cursor, match })) {
    if (typeof given !== 'string' || !hasAtMost(given, textLimit)) {
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

/** The times that `parseTime` takes, as a regular expression in the syntax that ECMAScript, Python and Rust share; without days that no month has. */
export const timePattern =
  '[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])';

/** Milliseconds since 1970, 0 for times before; undefined for what is no time. */
export function parseTime(text: string): number | undefined {
  const timeMs = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/.test(text)
    ? Date.parse(text.toUpperCase())
    : Number.NaN;
  return Number.isNaN(timeMs) ? undefined : Math.max(0, timeMs);
}

/** Reads `after` and `since` (with both, the page begins at the later one), `limit`, `type` (several: with commas, or the parameter again), `stream` and `server`. */
export function parseEventPage(query: ParsedUrlQuery): EventPage | BadParameter {
  const { limit = String(pageLimit.default), after = '', since = '', type, stream = '', server = '' } = query;
  if (!isLimit(limit)) return badLimit(limit);
  const sinceMs = typeof since === 'string' && since !== '' ? parseTime(since) : undefined;
  if (since !== '' && sinceMs === undefined) {
    return { parameter: 'since', given: String(since), allowed: `${timeRule}, given once` };
  }
  if (typeof after !== 'string' || (after !== '' && !isEventId(after))) {
    return { parameter: 'after', given: String(after), allowed: 'the id of an event, given once' };
  }
  const names = type === undefined ? [] : [type].flat().flatMap((text) => text.split(','));
  const types = eventTypes.filter((known) => names.includes(known));
  const unknown = names.find((name) => !eventTypes.some((known) => known === name));
  if (unknown !== undefined) return { parameter: 'type', given: unknown, allowed: eventTypes.join(', ') };
  for (const [parameter, given] of Object.entries({ stream, server })) {
    if (typeof given !== 'string' || !hasAtMost(given, wordLimit)) {
      return { parameter, given: String(given), allowed: `given once, at most ${wordLimit} characters` };
    }
  }
  const begins = [after, sinceMs === undefined ? '' : idBefore(sinceMs)].filter((id) => id !== '').sort();
  return {
    limit: Number(limit),
    after: begins.at(-1),
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
  if (typeof cursor !== 'string' || !deadLetterCursor.test(cursor)) {
    return { parameter: 'cursor', given: String(cursor), allowed: 'the "next" of the page before, given once' };
  }
  if (typeof webhook !== 'string' || !hasAtMost(webhook, wordLimit)) {
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
