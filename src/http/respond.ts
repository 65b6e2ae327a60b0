import type { ServerResponse } from 'node:http';

/** Header names and values in turn, the form that node:http writes without building an object. */
export type RawHeaders = readonly string[];

/**
 * Writes a whole answer at once; node:http leaves the body out when the question was HEAD.
 * Everything here is about this instant, hence `no-store`; `nosniff` because names are other people's text.
 */
export function respond(
  res: ServerResponse,
  status: number,
  contentType: string,
  body: string,
  headers: RawHeaders = [],
): void {
  const length = String(Buffer.byteLength(body));
  res.writeHead(status, [
    'content-type',
    contentType,
    'content-length',
    length,
    'cache-control',
    'no-store',
    'x-content-type-options',
    'nosniff',
    ...headers,
  ]);
  res.end(body);
}

/** Answers with JSON in which what is not known is `null`: every field of the schema is always there. */
export function respondJson(res: ServerResponse, status: number, value: unknown, headers: RawHeaders = []): void {
  respond(res, status, 'application/json', toJson(value), headers);
}

/** JSON with `null` where a value is undefined. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) => (field === undefined ? null : field));
}

/** Begins an answer of Server-Sent Events. `retryMs` is how soon a client that loses it is to come again. */
export function beginFeed(res: ServerResponse, retryMs: number): void {
  res.writeHead(200, [
    'content-type',
    'text/event-stream',
    'cache-control',
    'no-store',
    'x-content-type-options',
    'nosniff',
    // Proxies in between must not collect what they should pass on.
    'x-accel-buffering',
    'no',
  ]);
  res.write(`retry: ${retryMs}\n\n`);
}
