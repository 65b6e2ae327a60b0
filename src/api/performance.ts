import type { IncomingMessage, ServerResponse } from 'node:http';
import * as z from 'zod/mini';
import { respondJson, respondProblem } from '../http';
import { durationsOf, type OperationTimes, operationNames, windowLimits } from '../measure';
import { durationPattern, formatDuration, parseDuration } from '../wire';
import { parameter, readQuery } from './parameters';
import type { Answer } from './schemas';

const [least, most] = [formatDuration(windowLimits.leastMs), formatDuration(windowLimits.mostMs)];
const windowRule = `a duration from ${least} to ${most}, with its unit: 30s, 5m`;
const standardWindow = '5m';

/** Of which operations, and how far back: `window` becomes milliseconds. */
export const performanceQuery = z.object({
  operation: parameter(
    z.optional(z.string()),
    operationNames.join(', '),
    'One of them; without it all are answered, as a list.',
    { enum: operationNames },
  ),
  window: parameter(
    z.pipe(
      z.optional(
        z.string().check(
          z.refine((given) => windowMs(given) !== undefined),
          z.meta({
            pattern: durationPattern(windowLimits.leastMs, windowLimits.mostMs, 'needed'),
            default: standardWindow,
          }),
        ),
      ),
      z.transform((given) => windowMs(given ?? standardWindow) ?? 0),
    ),
    windowRule,
    `How far to look back: ${windowRule}.`,
  ),
});

/** A number without a unit would be milliseconds, which nobody means here. */
function windowMs(given: string): number | undefined {
  const durationMs = /\d$/.test(given) ? undefined : parseDuration(given);
  const isInRange = durationMs !== undefined && durationMs >= windowLimits.leastMs && durationMs <= windowLimits.mostMs;
  return isInRange ? durationMs : undefined;
}

/** Makes the handler of `GET /metrics/performance?operation=&window=`: one operation, or without a name all of them. */
export function createPerformanceAnswer(
  times: Pick<OperationTimes, 'read'> | undefined,
): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    const given = readQuery(req, res, performanceQuery);
    if (given === undefined) return;
    const { operation, window } = given;
    const known = operationNames.find((name) => name === operation);
    if (operation !== undefined && known === undefined) {
      const detail = 'The durations of that are not kept.';
      respondProblem(res, 'NoSuchOperation', { detail, given: operation, allowed: operationNames.join(', ') });
    } else if (times === undefined) respondProblem(res, 'NotAvailable', { detail: 'It keeps no durations.' });
    else if (known !== undefined) respondJson(res, 200, durationsOf(times, known, window));
    else {
      const operations = operationNames.map((name) => durationsOf(times, name, window));
      respondJson(res, 200, { operations } satisfies Answer<'OperationTimesList'>);
    }
  };
}
