import { type IncomingHttpHeaders, STATUS_CODES } from 'node:http';
import { formatDuration } from '../wire';
import type { SourceFailure, SourceRequest, Trigger } from './provider';
import { redact } from './source-url';

/** The head of a provider's answer. */
export interface AnswerHead {
  readonly status: number;
  /** The text behind the status, as the provider has it. */
  readonly reasonPhrase: string;
  readonly headers: IncomingHttpHeaders;
}

/** A failure that the provider says nothing about itself. */
export function failureOf(trigger: Trigger, reason: string): SourceFailure {
  return { trigger, status: undefined, retryAfterMs: undefined, reason };
}

export const brokenSource = failureOf('reset', 'The provider broke the connection.');
export const endedSource = failureOf('end', 'The provider ended the live stream.');

export function stalledSource(afterMs: number): SourceFailure {
  return failureOf('stall', `The provider sent nothing for ${formatDuration(afterMs)}.`);
}

/**
 * Why an answer, not a redirect, cannot be the stream; undefined when it can.
 * @param urls that were asked: nothing of them is repeated.
 * @param nowMs Unix time.
 */
export function failureOfAnswer(
  head: AnswerHead,
  request: Pick<SourceRequest, 'method' | 'expects' | 'range'>,
  urls: readonly string[],
  nowMs: number,
): SourceFailure | undefined {
  const { status, headers } = head;
  const failure = (trigger: Trigger, reason: string): SourceFailure => ({
    trigger,
    status,
    retryAfterMs: retryAfterMsOf(headers['retry-after'], nowMs),
    reason,
  });
  if (status === 416 && request.range !== undefined) return undefined;
  if (status < 200 || status > 299) {
    const said = `${status} ${onePhrase(redact(head.reasonPhrase, ...urls)) || (STATUS_CODES[status] ?? '')}`.trim();
    if (!saysLimit(head)) return failure('status', `The provider answered ${said}.`);
    return failure('limit', `The provider's limit of connections is reached: it answered ${said}.`);
  }
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? '';
  if (encoding !== '' && encoding !== 'identity') {
    return failure('type', 'The provider answered with compressed data, which was not asked for.');
  }
  if (request.expects === 'any') return undefined;
  const text = textTypeOf(headers['content-type']);
  if (text !== undefined) return failure('type', `The provider answered with ${text} instead of a stream.`);
  const isEmpty = status === 204 || status === 205 || headers['content-length']?.trim() === '0';
  if (isEmpty && request.method === 'GET') return failure('type', 'The provider answered without a stream.');
  return undefined;
}

/** 429 and 509 (bandwidth limit) as they are meant; 407 and 458 as panels of providers use them. 403 has many meanings: only with words. */
const limitStatuses: ReadonlySet<number> = new Set([407, 429, 458, 509]);
const limitWords =
  /\b(?:max(?:imum)?|limit|too many)\b.*\b(?:connections?|users?|streams?)\b|\bconnections?\b.*\b(?:limit|exceeded|reached)\b/i;

function saysLimit({ status, reasonPhrase }: AnswerHead): boolean {
  return limitStatuses.has(status) || limitWords.test(reasonPhrase.slice(0, longestPhrase));
}

/** The media type, where it is one of text; servers that know no better take `text/vnd.trolltech.linguist` for .ts, which is none of these. */
export function textTypeOf(contentType: string | undefined): string | undefined {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const isText =
    /^(?:text\/(?:html|plain|xml)|application\/(?:xhtml\+xml|json|xml))$/.test(type) ||
    /^[a-z]+\/[a-z0-9.-]+\+(?:json|xml)$/.test(type);
  return isText ? type.slice(0, 100) : undefined;
}

const longestPhrase = 200;

/** A text of the provider as one line of printable ASCII. */
function onePhrase(text: string): string {
  const line = text.replace(/[^\x20-\x7e…]+/g, '?').replace(/ +/g, ' ');
  return line.trim().slice(0, longestPhrase);
}

/** More is not believed. */
const longestRetryAfterMs = 3_600_000;

/** RFC 9110, 10.2.3: seconds or a date. */
function retryAfterMsOf(value: string | undefined, nowMs: number): number | undefined {
  const text = value?.trim() ?? '';
  const askedMs = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isNaN(askedMs) ? undefined : Math.min(longestRetryAfterMs, Math.max(0, askedMs));
}
