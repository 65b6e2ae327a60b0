import { createRequire } from 'node:module';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type * as PromClient from 'prom-client';
import { type Collector, gauge } from './collector';
import type { ForeignMetrics } from './metrics-page';

/** What the process is, and how late its event loop runs. */
export interface ProcessSource {
  readonly version: string;
  /** How late the event loop ran since the last scrape, in seconds; asking for the maximum begins anew. */
  readonly lagP99Seconds: () => number;
  readonly lagMaxSeconds: () => number;
}

export const processMetrics: Collector<ProcessSource> = {
  component: 'Process',
  metrics: {
    mtxpilot_build_info: gauge(
      'Always 1; the labels say what is running.',
      ['version', 'node_version'],
      ({ version }) => [[version, process.version, 1]],
    ),
    mtxpilot_event_loop_lag_p99_seconds: gauge(
      "99th percentile of the event loop's lag since the last scrape. Close to lookup.deadline, the process needs more CPU.",
      ({ lagP99Seconds }) => lagP99Seconds(),
    ),
    mtxpilot_event_loop_lag_max_seconds: gauge(
      'Longest lag of the event loop since the last scrape.',
      ({ lagMaxSeconds }) => lagMaxSeconds(),
    ),
  },
};

const eventLoopResolutionMs = 20;

/** Begins to watch the event loop of this process. */
export function watchProcess(version: string): ProcessSource {
  const delay = monitorEventLoopDelay({ resolution: eventLoopResolutionMs });
  delay.enable();
  // The recorded time between two firings of a timer holds its period.
  const lagSeconds = (ns: number): number =>
    delay.count === 0 ? 0 : Math.max(0, ns / 1e6 - eventLoopResolutionMs) / 1000;
  return {
    version,
    lagP99Seconds: () => lagSeconds(delay.percentile(99)),
    lagMaxSeconds: () => {
      const lag = lagSeconds(delay.max);
      delay.reset();
      return lag;
    },
  };
}

/** What prom-client tells of any Node.js process. */
export function nodeMetrics(): ForeignMetrics {
  // Loaded here: it takes 60 ms, for which every command would wait that enters this room.
  const { collectDefaultMetrics, Registry } = createRequire(__filename)('prom-client') as typeof PromClient;
  const register = new Registry();
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: 1000 });
  // Of these, the lags contain the period of their own timer, and the others are gauges that are named like counters.
  for (const { name } of register.getMetricsAsArray()) {
    if (/^nodejs_(eventloop_lag|active_.*_total$)/.test(name)) register.removeSingleMetric(name);
  }
  return {
    list: () =>
      // prom-client's types leave out the names of the labels.
      register.getMetricsAsArray().map(({ name, help, type, labelNames }: RegisteredMetric) => ({
        component: processMetrics.component,
        name,
        type: String(type),
        help,
        labels: Array.isArray(labelNames) ? labelNames.map(String) : [],
      })),
    text: (name) => register.getSingleMetricAsString(name),
  };
}

interface RegisteredMetric {
  readonly name: string;
  readonly help: string;
  readonly type: unknown;
  readonly labelNames?: unknown;
}
