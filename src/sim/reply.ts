import type { IncomingMessage, ServerResponse } from 'node:http';
import type { VersionFeatures } from './version';

/** Header names and values in turn, in the order in which they are sent. */
export type HeaderList = readonly string[];

/** What every response of a server begins with, and how errors look. */
export interface ReplyStyle {
  readonly features: VersionFeatures;
  /** The server's name, if responses are to tell it in `X-Sim-Server`. */
  readonly identifyAs: string | undefined;
  /** The one site whose pages may read responses; undefined for all. */
  readonly allowOrigin: string | undefined;
}

/** One request that is to be answered. */
export interface Exchange {
  readonly style: ReplyStyle;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** The text of MediaMTX's HTTP router for everything that it does not know. */
export const NOT_FOUND_TEXT = '404 page not found';

const TEXT: HeaderList = ['Content-Type', 'text/plain'];
const JSON_TYPE: HeaderList = ['Content-Type', 'application/json; charset=utf-8'];

/** JSON as Go writes it: with HTML's special characters escaped. */
export function goJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** The JSON of an error. The `status` key came with v1.15.5. */
export function errorBody(features: VersionFeatures, message: string): string {
  return goJson(features.errorStatus ? { status: 'error', error: message } : { error: message });
}

/** A value that may stand in a header: UTF-8 as bytes, line breaks as spaces (as Go does), other control characters gone. */
function headerValue(text: string): string {
  const clean = text.replace(/[\r\n]/g, ' ').replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, '');
  return Buffer.from(clean, 'utf8').toString('latin1');
}

function commonHeaders({ style, request }: Exchange): string[] {
  const { features, identifyAs, allowOrigin } = style;
  const { origin } = request.headers;
  const headers: string[] = [];
  const isAllowed = allowOrigin === undefined || origin === allowOrigin;
  const isNamed = origin !== undefined && (features.echoOrigin || allowOrigin !== undefined);
  if (isAllowed && features.allowCredentials) headers.push('Access-Control-Allow-Credentials', 'true');
  if (isAllowed) headers.push('Access-Control-Allow-Origin', isNamed ? headerValue(origin) : '*');
  headers.push('Server', 'mediamtx');
  if (identifyAs !== undefined) headers.push('X-Sim-Server', identifyAs);
  return headers;
}

function writeHead(exchange: Exchange, status: number, headers: HeaderList): void {
  // Go's HTTP server keeps connections open without saying so.
  exchange.response.removeHeader('Connection');
  exchange.response.writeHead(status, [...commonHeaders(exchange), ...headers]);
}

/** Go's HTTP server tells the length of a body that fits into its buffer, and sends longer ones in chunks. */
const MAX_BODY_WITH_LENGTH = 2048;

/** Answers with a body, given whole or in pieces. */
export function reply(
  exchange: Exchange,
  status: number,
  headers: HeaderList,
  body: string | readonly Buffer[] = '',
): void {
  const pieces = typeof body === 'string' ? [Buffer.from(body)] : body;
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (length > MAX_BODY_WITH_LENGTH) {
    replyChunked(exchange, status, headers, pieces);
    return;
  }
  const { response } = exchange;
  if (response.destroyed || response.headersSent) return;
  writeHead(exchange, status, status === 204 ? headers : [...headers, 'Content-Length', String(length)]);
  response.end(Buffer.concat(pieces));
}

/** Answers with a body in chunks, however short it is. */
export function replyChunked(
  exchange: Exchange,
  status: number,
  headers: HeaderList,
  pieces: readonly (string | Buffer)[],
): void {
  const { response } = exchange;
  if (response.destroyed || response.headersSent) return;
  writeHead(exchange, status, headers);
  response.cork();
  for (const piece of pieces) response.write(piece);
  // Before the end: Node 22 and 24 put the chunk that ends a body before what is still held back.
  response.uncork();
  response.end();
}

/** 404 in plain text. */
export function replyNotFound(exchange: Exchange): void {
  reply(exchange, 404, TEXT, NOT_FOUND_TEXT);
}

/** An error in JSON, with further headers in front of its type. */
export function replyError(exchange: Exchange, status: number, message: string, headers: HeaderList = []): void {
  reply(exchange, status, [...JSON_TYPE, ...headers], errorBody(exchange.style.features, message));
}

/** 200 with a JSON text. */
export function replyJson(exchange: Exchange, json: string): void {
  reply(exchange, 200, JSON_TYPE, json);
}

/** A redirect without body. */
export function replyRedirect(exchange: Exchange, status: number, location: string, headers: HeaderList = []): void {
  reply(exchange, status, ['Location', headerValue(location), ...headers]);
}
