import { type Collector, counter, histogram, type TimeHistogram } from '../measure';
import type { ApiOutcome } from './api-result';
import type { ApiCall } from './client';

/** What calls to one server's Control API came to. */
interface ServerCalls {
  readonly outcomes: Readonly<Record<ApiCall, Readonly<Partial<Record<ApiOutcome, number>>>>>;
  readonly time: TimeHistogram;
}

/** By the names of the servers. */
export const controlApiMetrics: Collector<ReadonlyMap<string, ServerCalls>> = {
  component: 'Control APIs of the servers',
  metrics: {
    mtxpilot_api_calls_total: counter(
      'Calls to the Control APIs by result. ok and not_found are answers; everything else is a failure. Results other than ok appear once they have occurred.',
      ['server', 'call', 'result'],
      (servers) =>
        Array.from(servers).flatMap(([server, { outcomes }]) =>
          Object.entries(outcomes).flatMap(([call, results]) =>
            // Always `ok`, so that a rate can be drawn from the start; all results of all servers would fill the page.
            Object.entries({ ok: 0, ...results }).map(([result, count]) => [server, call, result, count] as const),
          ),
        ),
    ),
    mtxpilot_api_call_duration_seconds: histogram(
      'Duration of calls to the Control APIs, including failed ones.',
      ['server'],
      (servers) => Array.from(servers, ([server, { time }]) => [server, time]),
    ),
  },
};
