import type { RecordTime } from './record-time';
import { createTimeWindow, type TimeSummary, type TimeWindow } from './time-window';

/** Everything whose duration the agent keeps, and what counts as an error of it. To have one more: name it here, and give its recorder to who does it. */
export const operations = {
  route_decision:
    'From the arrival of a question over SPOE or HTTP to its answer, waiting for a lookup included. An error: the answer is `unknown`, or there is none.',
  stream_lookup:
    'Asking all servers for a stream that no list has. An error: no server has it, and not every server answered.',
  inventory_poll: "One list of a server's streams. An error: no complete list.",
  runtime_command:
    "One command on HAProxy's Runtime API, waiting behind others not included. An error: no complete reply.",
  event_delivery: 'One attempt to deliver an event to a webhook. An error: the receiver did not take it.',
} as const;

export type OperationName = keyof typeof operations;
export const operationNames = Object.keys(operations) as OperationName[];

/** The longest window that can be asked for, and the shortest that tells more than that of the next length. */
export const windowLimits = { leastMs: 15_000, mostMs: 3_600_000 } as const;

/** The durations of the last hour, by operation. */
export interface OperationTimes<Name extends string = OperationName> {
  readonly record: Readonly<Record<Name, RecordTime>>;
  /** Sums up the last `windowMs` of an operation. */
  read(operation: Name, windowMs: number): TimeSummary;
  stop(): void;
}

/** Some 0.9 MB an operation, of which only what is written to is ever used. */
const sliceMs = windowLimits.leastMs;
const sliceCount = windowLimits.mostMs / sliceMs + 1;

/** Begins to keep the agent's durations. It holds a timer, which keeps no process alive, until `stop`. */
export function createOperationTimes(nowMs: () => number = () => performance.now()): OperationTimes {
  return createTimesOf(operationNames, nowMs);
}

/** The same for the operations of another program. */
export function createTimesOf<Name extends string>(
  names: readonly Name[],
  nowMs: () => number = () => performance.now(),
): OperationTimes<Name> {
  const startMs = nowMs();
  const windows = recordOf(names, () => createTimeWindow(sliceCount, startMs));
  const timer = setInterval(() => {
    for (const name of names) windows[name].turn(nowMs());
  }, sliceMs);
  timer.unref();
  return {
    record: recordOf(names, (name) => windows[name].record),
    read: (name, windowMs) => windows[name].read(windowMs, nowMs()),
    stop: () => clearInterval(timer),
  };
}

function recordOf<Name extends string, T extends RecordTime | TimeWindow>(
  names: readonly Name[],
  make: (name: Name) => T,
): Record<Name, T> {
  return Object.fromEntries(names.map((name) => [name, make(name)])) as Record<Name, T>;
}

/** What is answered of an operation's durations: milliseconds, to a millionth of them; null where there were none. */
export function durationsOf<Name extends string>(
  source: Pick<OperationTimes<Name>, 'read'>,
  operation: Name,
  windowMs: number,
) {
  const { coveredMs, count, errors, times } = source.read(operation, windowMs);
  return {
    operation,
    unit: 'ms' as const,
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

function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value * 1e6) / 1e6;
}
