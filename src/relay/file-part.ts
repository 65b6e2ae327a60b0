import type { IncomingHttpHeaders } from 'node:http';

/** Which bytes of a file an answer holds. */
export interface FilePart {
  /** Position of the first byte. */
  readonly start: number;
  /** Position behind the last byte; undefined where the answer does not say how long it is. */
  readonly end: number | undefined;
  /** Length of the whole file; undefined where the answer does not say. */
  readonly total: number | undefined;
  /** Several ranges, each with a head of its own: these bytes are not those of the file. */
  readonly isMultipart: boolean;
}

const contentRangePattern = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15}|\*)$/i;
const lengthPattern = /^\d{1,15}$/;

/**
 * Reads which part of a file an answer holds.
 *
 * @param status 200 or 206.
 * @returns undefined where the answer contradicts itself (RFC 9110, 14.4), or says too little to be one of this status.
 */
export function readFilePart(status: number, headers: IncomingHttpHeaders): FilePart | undefined {
  const length = readLength(headers['content-length']);
  if (status === 200) return { start: 0, end: length, total: length, isMultipart: false };
  if (/^multipart\/byteranges\b/i.test(headers['content-type'] ?? ''))
    return { start: 0, end: length, total: undefined, isMultipart: true };
  const [, first = '', last = '', whole = ''] = contentRangePattern.exec(headers['content-range'] ?? '') ?? [];
  if (first === '') return undefined;
  const start = Number(first);
  const end = Number(last) + 1;
  const total = whole === '*' ? undefined : Number(whole);
  const isPossible = start < end && (total === undefined || end <= total);
  return isPossible && (length === undefined || length === end - start)
    ? { start, end, total, isMultipart: false }
    : undefined;
}

/** The bytes from a position on, as a `Range` asks for them; without an end where the rest of the file is meant. */
export function rangeFrom(position: number, { end, total }: FilePart): string {
  return `bytes=${position}-${end === undefined || end === total ? '' : end - 1}`;
}

function readLength(text: string | undefined): number | undefined {
  return text !== undefined && lengthPattern.test(text) ? Number(text) : undefined;
}
