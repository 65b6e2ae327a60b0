import type { ServerResponse } from 'node:http';
import type { RawHeaders } from '../http';
import { type RelayProblem, respondRelayProblem } from './problems';
import type { SourceFailure } from './provider';
import { failureOf } from './provider-answer';

/** Of more sources than this only the number is told. */
const maxToldSources = 8;
const usualRetryMs = 5_000;
const longestRetryMs = 3_600_000;

/** What to answer a client of which no source could be opened. */
export interface Refusal {
  readonly problem: RelayProblem;
  readonly detail: string;
  /** Whole seconds, for `Retry-After`; undefined where it is of no use to come again soon. */
  readonly retryAfterSeconds: number | undefined;
}

/**
 * Chooses the answer, one failure for each source that was tried: 503 where one of them is only busy, 504 where one is only silent, 404 where none of
 * them has the stream, otherwise 502.
 */
export function refusalOf(failures: readonly SourceFailure[]): Refusal {
  const busy = failures.filter(isBusy);
  const retryMs = Math.min(...busy.map(({ retryAfterMs = usualRetryMs }) => retryAfterMs), longestRetryMs);
  return {
    problem: problemOf(failures, busy.length > 0),
    detail: detailOf(failures),
    retryAfterSeconds: busy.length > 0 ? Math.max(1, Math.ceil(retryMs / 1000)) : undefined,
  };
}

/** Answers a client that has got no byte yet. */
export function respondNoSource(res: ServerResponse, failures: readonly SourceFailure[], more: RawHeaders = []): void {
  const { problem, detail, retryAfterSeconds } = refusalOf(failures);
  const headers = retryAfterSeconds === undefined ? [] : ['retry-after', String(retryAfterSeconds)];
  respondRelayProblem(res, problem, { detail }, [...headers, ...more]);
}

/** Answers a client for whom there is no place. */
export function respondFull(res: ServerResponse, more: RawHeaders = []): void {
  const detail = 'The relay has as many clients as it may have.';
  respondRelayProblem(res, 'Busy', { detail }, ['retry-after', '5', ...more]);
}

/** Why a source that works cannot be had as one transport stream. @param reason goes on after `since`. */
export function notAsTransportStream(reason: string): SourceFailure {
  return {
    ...failureOf(
      'type',
      `The stream is HLS that cannot be one transport stream, since ${reason}: it is to be found at /hls/.`,
    ),
    status: 406,
  };
}

function problemOf(failures: readonly SourceFailure[], isAnyBusy: boolean): RelayProblem {
  if (failures.some(({ trigger, status }) => trigger === 'type' && status === 406)) return 'NotAcceptable';
  if (isAnyBusy) return 'SourceBusy';
  if (failures.some(isSilent)) return 'SourceSilent';
  return failures.length > 0 && failures.every(isMissing) ? 'SourceNotFound' : 'SourceFailed';
}

/** Whether a source would be there, had it not as many connections as it may have. */
export function isBusy({ trigger, status }: SourceFailure): boolean {
  return trigger === 'limit' || trigger === 'account' || (trigger === 'status' && status === 503);
}

function isSilent({ trigger, status }: SourceFailure): boolean {
  return trigger === 'headers' || trigger === 'stall' || (trigger === 'status' && status === 504);
}

function isMissing({ trigger, status }: SourceFailure): boolean {
  return trigger === 'status' && (status === 404 || status === 410);
}

function detailOf(failures: readonly SourceFailure[]): string {
  const told = failures.slice(0, maxToldSources).map(({ reason }, index) => `Source ${index + 1}: ${reason}`);
  const others = failures.length - told.length;
  return [...told, ...(others > 0 ? [`${others} more failed too.`] : [])].join(' ') || 'The stream has no source.';
}
