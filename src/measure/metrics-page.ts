import type { Collector, Metric, Sample } from './collector';
import { createTurns } from './turns';

/** What a metric is, without its samples. */
export interface MetricDescription {
  readonly component: string;
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labels: readonly string[];
}

/** Metrics that a library keeps and writes. */
export interface ForeignMetrics {
  list(): MetricDescription[];
  /** The text of one metric. */
  text(name: string): Promise<string>;
}

/** The page for Prometheus. */
export interface MetricsPage {
  /** Gives a collector what it reads from now on. Until then its metrics are 0, or, with labels, have no samples. */
  read<Source>(collector: Collector<Source>, source: Source): void;
  /** In text format 0.0.4. */
  render(): Promise<{ contentType: string; body: string }>;
  /** Every metric, in the order of the page. */
  list(): MetricDescription[];
}

/** Makes the page of these collectors, followed by the metrics of a library. */
export function createMetricsPage(collectors: readonly Collector<never>[], foreign: ForeignMetrics): MetricsPage {
  const turns = createTurns();
  const sources = new Map<Collector<never>, unknown>();

  return {
    read: (collector, source) => {
      sources.set(collector, source);
    },
    async render() {
      // With a thousand servers the page takes 50 ms to write: decisions go between its lines.
      const parts: string[] = [];
      for (const collector of collectors) {
        for (const { name, help, metric } of metricsOf(collector)) {
          const { type, labels } = metric;
          const unread: readonly Sample[] = labels.length === 0 ? [[0]] : [];
          parts.push(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`);
          for (const sample of sources.has(collector) ? metric.collect(sources.get(collector) as never) : unread) {
            parts.push(sampleText(name, labels, sample));
            await turns.wait();
          }
          parts.push('\n');
        }
      }
      for (const { name } of foreign.list()) {
        parts.push(`${await foreign.text(name)}\n\n`);
        await turns.wait();
      }
      return { contentType: 'text/plain; version=0.0.4; charset=utf-8', body: `${parts.join('').trimEnd()}\n` };
    },
    list: () => [
      ...collectors.flatMap((collector) =>
        metricsOf(collector).map(({ name, help, metric: { type, labels } }) => ({
          component: collector.component,
          name,
          type,
          help,
          labels,
        })),
      ),
      ...foreign.list(),
    ],
  };
}

/** With those that have a former name a second time, under that. */
function metricsOf({ metrics }: Collector<never>): { name: string; help: string; metric: Metric<never> }[] {
  return Object.entries(metrics).flatMap(([name, metric]) => {
    const { help, formerName } = metric;
    const former = { name: formerName ?? '', help: `Former name of ${name}, gone in the next release.`, metric };
    return [{ name, help, metric }, ...(formerName === undefined ? [] : [former])];
  });
}

/** As the text format has it. A histogram's buckets are cumulative there. */
function sampleText(name: string, labels: readonly string[], sample: Sample): string {
  const value = sample[labels.length];
  const pairs = labels.map((label, at) => `${label}="${escaped(`${sample[at] as string | number}`)}"`);
  if (typeof value !== 'object') return `${name}${inBraces(pairs)} ${value}\n`;
  const { upperBoundsSeconds, counts, sumSeconds } = value;
  let below = 0;
  const buckets = counts.map((count, at) => {
    below += count;
    return `${name}_bucket${inBraces([...pairs, `le="${upperBoundsSeconds[at] ?? '+Inf'}"`])} ${below}\n`;
  });
  return `${buckets.join('')}${name}_sum${inBraces(pairs)} ${sumSeconds}\n${name}_count${inBraces(pairs)} ${below}\n`;
}

function inBraces(pairs: readonly string[]): string {
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(text: string): string {
  return text.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n');
}
