import type { TimeHistogram } from './time-histogram';

/** The values of the labels, in the order of the metric's `labels`, and then the sample's own value. */
export type Sample<Value = number | TimeHistogram> = readonly [...labelValues: (string | number)[], value: Value];

/** One metric, and how it is read from what its component counts. */
export interface Metric<Source> {
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** For people: what the number says, and what the values of labels mean. */
  readonly help: string;
  /** Their values are words of fixed sets, or names that the fleet or the configuration bounds, of servers, HAProxys, webhooks and accounts; never names of streams or viewers. */
  readonly labels: readonly string[];
  /** The name that it had in the last release, under which it is served as well. */
  readonly formerName?: string;
  collect(source: Source): Iterable<Sample>;
}

/**
 * The metrics of one component, by name. It counts in plain numbers and knows nothing of this; they are read when somebody scrapes, so that a hot
 * path pays for an addition and nothing more.
 */
export interface Collector<Source> {
  /** The heading in the reference. */
  readonly component: string;
  readonly metrics: Readonly<Record<string, Metric<Source>>>;
}

/** Makes a metric: one number, or with labels any number of samples. */
interface MakeMetric {
  <Source>(help: string, read: (source: Source) => number): Metric<Source>;
  <Source>(
    help: string,
    labels: readonly string[],
    collect: (source: Source) => Iterable<Sample<number>>,
  ): Metric<Source>;
}

export const counter = makerOf('counter');
export const gauge = makerOf('gauge');

function makerOf(type: 'counter' | 'gauge'): MakeMetric {
  return <Source>(
    help: string,
    labels: readonly string[] | ((source: Source) => number),
    collect: (source: Source) => Iterable<Sample> = () => [],
  ): Metric<Source> =>
    typeof labels === 'function'
      ? { type, help, labels: [], collect: (source) => [[labels(source)]] }
      : { type, help, labels, collect };
}

/** A metric of histograms that the component fills itself. */
export function histogram<Source>(
  help: string,
  labels: readonly string[],
  collect: (source: Source) => Iterable<Sample<TimeHistogram>>,
): Metric<Source> {
  return { type: 'histogram', help, labels, collect };
}

/** A metric that had another name in the last release. */
export function renamed<Source>(formerName: string, metric: Metric<Source>): Metric<Source> {
  return { ...metric, formerName };
}

/** A sample for each counter of a record, whose key is the value of the last label; `labelValues` are those before it, as they are. */
export function samplesOf(counts: Readonly<Record<string, number>>, ...labelValues: string[]): Sample<number>[] {
  return Object.entries(counts).map(([key, count]) => [...labelValues, snakeCase(key), count]);
}

/** `agentHello` and `io-error` as label values are written: `agent_hello`, `io_error`. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replaceAll('-', '_');
}
