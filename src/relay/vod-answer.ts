import type { IncomingHttpHeaders } from 'node:http';
import type { RawHeaders } from '../http';
import { type FilePart, rangeFrom, readFilePart } from './file-part';
import type { OpenSource, SourceFailure, SourceRequest } from './provider';
import { failureOf } from './provider-answer';
import { ifRangeOf, isSameFile, readValidators, type Validators } from './validators';

/** What a source says of the file that it is about to send. */
export interface VodAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly part: FilePart;
  readonly validators: Validators;
  /** Index of the source. */
  readonly source: number;
}

/** What a client has been told and sent, and where it goes on. */
export interface Continuation {
  /** The answer whose head the client has. */
  readonly told: VodAnswer;
  /** The answer that was read last. */
  readonly last: VodAnswer;
  /** Position in the file of the next byte. */
  readonly position: number;
}

export type ReadAnswer =
  | { readonly answer: VodAnswer; readonly failure?: undefined }
  | { readonly failure: SourceFailure; readonly answer?: undefined };

/** Whether a client whose body has broken can be sent the rest of it by another answer, if there is one that agrees. */
export function canContinue({ part }: VodAnswer): boolean {
  return !part.isMultipart && part.total !== undefined && part.end !== undefined;
}

/**
 * The `Range` by which a source is asked for the rest. A validator goes to the source that gave it only: to another one it is of another file, and what that
 * answers is compared anyway.
 */
export function rangeOf({ told, last, position }: Continuation, source: number): SourceRequest['range'] {
  return {
    range: rangeFrom(position, told.part),
    ifRange: source === last.source ? ifRangeOf(last.validators) : undefined,
  };
}

/** Reads the head of an answer of a source that is asked first: 200, or what a `Range` may be answered with, 206 and 416. */
export function readFirst(open: OpenSource, source: number, isRangeAsked: boolean): ReadAnswer {
  const { status, headers } = open;
  if (isRangeAsked && status === 416) return { answer: answerOf(open, source, noBytes) };
  const part = status === 200 || (isRangeAsked && status === 206) ? readFilePart(status, headers) : undefined;
  return part === undefined
    ? { failure: wrongAnswer(status, `The provider answered ${status} in a way that makes no sense.`) }
    : { answer: answerOf(open, source, part) };
}

/** Reads the head of an answer that is to go on with a body: it must begin at the very byte, and be of the same file for certain. */
export function readContinuation(open: OpenSource, source: number, { told, position }: Continuation): ReadAnswer {
  const { status, headers } = open;
  const part = status === 206 ? readFilePart(status, headers) : undefined;
  const isRest =
    part !== undefined &&
    part.start === position &&
    part.end !== undefined &&
    part.end <= (told.part.end ?? 0) &&
    part.total === told.part.total &&
    // With its length known, not one byte more can come.
    headers['content-length'] !== undefined;
  return isRest && isSameFile(told.validators, readValidators(headers))
    ? { answer: answerOf(open, source, part) }
    : { failure: wrongAnswer(status, 'The provider does not have the rest of the same file.') };
}

function answerOf({ status, headers }: OpenSource, source: number, part: FilePart): VodAnswer {
  return { status, headers, part, validators: readValidators(headers), source };
}

const noBytes: FilePart = { start: 0, end: 0, total: undefined, isMultipart: false };

const passedOn = ['content-type', 'content-range', 'accept-ranges', 'etag', 'last-modified'] as const;
/** What the node:http parser lets through and its writer refuses. */
const writable = /^[\t\x20-\x7e\x80-\xff]*$/;

/** What a provider says of a body that is for its reader. @param type takes the place of the provider's. */
export function passedOnHeaders(headers: IncomingHttpHeaders, type?: string): RawHeaders {
  return passedOn.flatMap((name) => {
    const value = name === 'content-type' ? (type ?? headers[name]) : headers[name];
    return value !== undefined && writable.test(value) ? [name, value] : [];
  });
}

/** The head that the client is told. */
export function headOf({ headers, part }: VodAnswer): RawHeaders {
  return [
    ...passedOnHeaders(headers),
    ...(part.end === undefined ? [] : ['content-length', String(part.end - part.start)]),
  ];
}

function wrongAnswer(status: number, reason: string): SourceFailure {
  return { ...failureOf('type', reason), status };
}
