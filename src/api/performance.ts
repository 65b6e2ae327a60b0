import type { IncomingMessage, ServerResponse } from 'node:http';
import { respondBadParameter, respondJson, respondProblem } from '../http';
import { type OperationName, type OperationTimes, operationNames, windowLimits } from '../measure';
import { formatDuration, parseDuration } from '../wire';
import { queryOf } from './parameters';
import type * as said from './schemas';
import type { Making } from './schemas';

export const defaultWindow = '5m';
const [least, most] = [formatDuration(windowLimits.leastMs), formatDuration(windowLimits.mostMs)];
export const windowRule = `a duration from ${least} to ${most}, with its unit: 30s, 5m`;

/** Makes the handler of `GET /metrics/performance?operation=&window=`: one operation, or without a name all of them. */
export function createPerformanceAnswer(
  times: Pick<OperationTimes, 'read'> | undefined,
): (req: IncomingMessage, res: ServerResponse) => void {
  return ({ url = '' }, res) => {
    const { operation, window = defaultWindow } = queryOf(url);
    const known = operationNames.find((name) => name === operation);
    if (operation !== undefined && known === undefined) {
      const detail = 'The durations of that are not kept.';
      respondProblem(res, 'NoSuchOperation', { detail, given: String(operation), allowed: operationNames.join(', ') });
      return;
    }
    const windowMs = parseWindow(window);
    if (windowMs === undefined) {
      respondBadParameter(res, { parameter: 'window', given: String(window), allowed: windowRule });
      return;
    }
    if (times === undefined) respondProblem(res, 'NotAvailable', { detail: 'It keeps no durations.' });
    else if (known !== undefined) respondJson(res, 200, timesOf(times, known, windowMs));
    else respondJson(res, 200, { operations: operationNames.map((name) => timesOf(times, name, windowMs)) });
  };
}

/** A number without a unit would be milliseconds, which nobody means here. */
function parseWindow(given: string | string[]): number | undefined {
  if (typeof given !== 'string' || /\d$/.test(given)) return undefined;
  const windowMs = parseDuration(given);
  if (windowMs === undefined || windowMs < windowLimits.leastMs || windowMs > windowLimits.mostMs) return undefined;
  return windowMs;
}

function timesOf(
  source: Pick<OperationTimes, 'read'>,
  operation: OperationName,
  windowMs: number,
): Making<said.OperationTimes> {
  const { coveredMs, count, errors, times } = source.read(operation, windowMs);
  return {
    operation,
    unit: 'ms',
    windowSeconds: windowMs / 1000,
    coveredSeconds: Math.round(coveredMs * 1000) / 1e6,
    count,
    errors,
    min: rounded(times?.min),
    mean: rounded(times?.mean),
    p50: rounded(times?.p50),
    p95: rounded(times?.p95),
    p99: rounded(times?.p99),
    max: rounded(times?.max),
  };
}

/** To a millionth: of milliseconds, nanoseconds. */
function rounded(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.round(value * 1e6) / 1e6;
}
