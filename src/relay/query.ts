import { type ParsedUrlQuery, parse } from 'node:querystring';

/** The query of a URL; never throws, malformed escapes stay as they are. A parameter given twice is an array. */
export function queryOf(url: string): ParsedUrlQuery {
  const mark = url.indexOf('?');
  return mark === -1 ? {} : parse(url.slice(mark + 1));
}
