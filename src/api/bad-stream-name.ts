import type { ServerResponse } from 'node:http';
import { type RawHeaders, respondProblem } from '../http';
import { maxStreamNameLength } from '../mediamtx';

/** The rule that a stream name breaks when it is refused, in one sentence. */
export const streamNameRule = `letters, digits and _ - . / ~, no "/" at either end, no "." or ".." component, at most ${maxStreamNameLength} characters`;

/** Answers that `given` cannot be a stream's name. */
export function respondBadStreamName(res: ServerResponse, given: string, headers: RawHeaders = []): void {
  const detail = 'MediaMTX would refuse this name, so no server can have the stream.';
  respondProblem(res, 'BadStreamName', { detail, given, allowed: streamNameRule }, headers);
}
