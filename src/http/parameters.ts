import { type ParsedUrlQuery, parse } from 'node:querystring';
import { maxStreamNameLength } from '../directory';
import { type EventType, eventTypes, isEventId } from '../events';

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
  if (typeof limit !== 'string' || !/^[0-9]{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > pageLimit.max) {
    return { parameter: 'limit', given: String(limit), allowed: `a whole number from 1 to ${pageLimit.max}` };
  }
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
  /** The id after which the page begins; undefined for the newest events. */
  readonly after: string | undefined;
}

/** Reads `after`, `limit`, `type` (several: with commas, or the parameter again), `stream` and `server`. */
export function parseEventPage(query: ParsedUrlQuery): EventPage | BadParameter {
  const { limit = String(pageLimit.default), after = '', type, stream = '', server = '' } = query;
  if (typeof limit !== 'string' || !/^[0-9]{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > pageLimit.max) {
    return { parameter: 'limit', given: String(limit), allowed: `a whole number from 1 to ${pageLimit.max}` };
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
    after: after === '' ? undefined : after,
    types: types.length === 0 ? undefined : types,
    stream: stream === '' ? undefined : String(stream),
    server: server === '' ? undefined : String(server),
  };
}
