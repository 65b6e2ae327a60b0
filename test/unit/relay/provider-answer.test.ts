import type { IncomingHttpHeaders } from 'node:http';
import { type AnswerHead, failureOfAnswer } from '../../../src/relay/provider-answer';

const nowMs = Date.parse('Thu, 01 Jan 2026 00:00:00 GMT');
const url = 'http://alice:s3cret@host/live/alice/s3cret/1.ts';
const head = (status: number, headers: IncomingHttpHeaders = {}, reasonPhrase = ''): AnswerHead => ({
  status,
  reasonPhrase,
  headers,
});
type Asked = Parameters<typeof failureOfAnswer>[1];
const get: Asked = { method: 'GET' };
const judge = (answer: AnswerHead, asked: Asked = get) => failureOfAnswer(answer, asked, [url], nowMs);
const type = (contentType: string) => head(200, { 'content-type': contentType });

it.each<[string, AnswerHead, Asked]>([
  ['no type', head(200), get],
  ['TS', type('video/mp2t'), get],
  ['bytes', type('application/octet-stream'), get],
  ['what servers take .ts for', type('text/vnd.trolltech.linguist'), get],
  ['a playlist', type('application/vnd.apple.mpegurl'), get],
  ['a part', head(206, { 'content-range': 'bytes 0-1/2' }), get],
  ['a range behind the end', head(416), { method: 'GET', range: { range: 'bytes=9-' } }],
  ['text, where anything will do', type('text/plain'), { method: 'GET', expects: 'any' }],
  ['nothing, where anything will do', head(204), { method: 'GET', expects: 'any' }],
  ['a head without a body', head(200, { 'content-length': '0' }), { method: 'HEAD' }],
  ['not encoded', head(200, { 'content-encoding': 'identity' }), get],
])('can be a stream: %s', (_name, answer, asked) => {
  expect(judge(answer, asked)).toBeUndefined();
});

it.each<[AnswerHead, string, string]>([
  [head(404, {}, 'Not Found'), 'status', 'The provider answered 404 Not Found.'],
  [head(404), 'status', 'The provider answered 404 Not Found.'],
  [head(499), 'status', 'The provider answered 499.'],
  [head(403, {}, 'Forbidden'), 'status', 'The provider answered 403 Forbidden.'],
  [head(304), 'status', 'The provider answered 304 Not Modified.'],
  [head(416), 'status', 'The provider answered 416 Range Not Satisfiable.'],
  [head(401, {}, 'User alice unknown'), 'status', 'The provider answered 401 User … unknown.'],
  [head(500, {}, `see ${url}\tor\u0080`), 'status', 'The provider answered 500 see http://host/…?or?.'],
  [head(429), 'limit', "The provider's limit of connections is reached: it answered 429 Too Many Requests."],
  [head(509), 'limit', "The provider's limit of connections is reached: it answered 509 Bandwidth Limit Exceeded."],
  [head(407), 'limit', expect.any(String) as string],
  [head(458), 'limit', expect.any(String) as string],
  [head(403, {}, 'Max connections reached'), 'limit', expect.any(String) as string],
  [head(403, {}, 'MAX_CONNECTIONS'), 'status', expect.any(String) as string],
  [head(403, {}, 'Connection limit exceeded'), 'limit', expect.any(String) as string],
  [head(403, {}, 'Too many users'), 'limit', expect.any(String) as string],
  [type('text/html; charset=utf-8'), 'type', 'The provider answered with text/html instead of a stream.'],
  [type('TEXT/PLAIN'), 'type', 'The provider answered with text/plain instead of a stream.'],
  [type('application/json'), 'type', expect.any(String) as string],
  [type('application/problem+json'), 'type', expect.any(String) as string],
  [type('application/xml'), 'type', expect.any(String) as string],
  [type('application/dash+xml'), 'type', expect.any(String) as string],
  [head(204), 'type', 'The provider answered without a stream.'],
  [head(200, { 'content-length': '0' }), 'type', 'The provider answered without a stream.'],
  [head(200, { 'content-encoding': 'gzip' }), 'type', expect.stringContaining('compressed') as string],
])('cannot be a stream: %j', (answer, trigger, reason) => {
  expect(judge(answer)).toEqual({ trigger, status: answer.status, retryAfterMs: undefined, reason });
});

it.each<[string | undefined, number | undefined]>([
  [undefined, undefined],
  ['5', 5000],
  [' 0 ', 0],
  ['99999999', 3_600_000],
  ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
  ['Wed, 31 Dec 2025 00:00:30 GMT', 0],
  ['soon', undefined],
])('Retry-After %j: %s ms', (value, expected) => {
  const headers = value === undefined ? {} : { 'retry-after': value };
  expect(judge(head(503, headers))?.retryAfterMs).toBe(expected);
});

it('keeps what the provider says to a line', () => {
  const reason = judge(head(500, {}, 'a'.repeat(10_000)))?.reason ?? '';
  expect(reason.length).toBeLessThanOrEqual(250);
});
