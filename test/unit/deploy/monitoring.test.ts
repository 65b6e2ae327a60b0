import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { createRelayMetrics } from '../../../src/relay/metrics';
import { populatedMetrics } from './populated-metrics';
import { referencesOf } from './promql';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
}
interface Scenario {
  readonly name: string;
  readonly input_series: readonly { readonly series: string }[];
  readonly promql_expr_test?: readonly { readonly exp_samples: readonly { readonly labels: string }[] }[];
}
interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly {
    readonly expr: string;
    readonly legendFormat: string;
    readonly datasource: { readonly uid: string };
  }[];
}
interface Dashboard {
  readonly panels: readonly Panel[];
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr?: string }[] };
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
}

const folder = 'deploy/prometheus';
const read = (name: string): string => readFileSync(name, 'utf8');
const { groups } = parse(read(`${folder}/mtxpilot.rules.yml`)) as { groups: { rules: Rule[] }[] };
const alerts = groups.flatMap(({ rules }) => rules);
const { tests: scenarios } = parse(read(`${folder}/mtxpilot.rules.test.yml`)) as { tests: Scenario[] };
const dashboard = JSON.parse(read('deploy/grafana/mtxpilot.json')) as Dashboard;
const queries = [
  ...dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({ where: `panel ${title}`, expr, legend: legendFormat })),
  ),
  ...dashboard.annotations.list.flatMap(({ name, expr }) =>
    expr === undefined ? [] : [{ where: `annotation ${name}`, expr, legend: '' }],
  ),
];

/** Labels that Prometheus itself gives, and the one of histograms. */
const everyLabel = ['job', 'instance', 'le'];
/** Labels whose values an operator chose. */
const names = new Set(['server', 'node', 'webhook', 'account']);
const metrics = populatedMetrics();
const relayMetrics = createRelayMetrics();
const known = new Map<string, readonly string[]>([
  ['up', []],
  ...[metrics, relayMetrics].flatMap((page) => page.list()).map(({ name, labels }) => [name, labels] as const),
  ...metrics
    .list()
    .filter(({ type }) => type === 'histogram')
    .flatMap(({ name, labels }) => ['bucket', 'sum', 'count'].map((part) => [`${name}_${part}`, labels] as const)),
]);
/** Metric and label to the values that samples have. */
const values = new Map<string, Set<string>>();
beforeAll(async () => {
  const { body } = await metrics.render();
  for (const [, name, inside = ''] of body.matchAll(/^([a-z_]+)\{(.*)\} /gm)) {
    for (const [, label, value = ''] of inside.matchAll(/([a-z_]+)="([^"]*)"/g)) {
      const key = `${name} ${label}`;
      values.set(key, (values.get(key) ?? new Set()).add(value));
    }
  }
});

/** What an expression refers to that does not exist. */
function strangers(expr: string, legend = ''): string[] {
  const { selectors, labels } = referencesOf(expr);
  const found: string[] = [];
  const allowed = new Set(everyLabel);
  for (const { metric, matchers } of selectors) {
    const own = known.get(metric);
    if (own === undefined) found.push(`metric ${metric}`);
    for (const label of own ?? []) allowed.add(label);
    for (const { label, value } of matchers) {
      if (label === 'job' || label === 'instance' || (label === 'le' && metric.endsWith('_bucket'))) continue;
      if (own?.includes(label) !== true) found.push(`label ${label} of ${metric}`);
      for (const part of names.has(label) ? [] : value.split('|')) {
        if (values.get(`${metric} ${label}`)?.has(part) !== true) found.push(`${metric}{${label}="${part}"}`);
      }
    }
  }
  const inLegend = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
  for (const label of [...labels, ...inLegend]) if (!allowed.has(label)) found.push(`label ${label}`);
  return found;
}

function promtool(...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { encoding: 'utf8' });
  return status === 0 ? '' : `${stdout}${stderr}${error?.message ?? ''}` || `status ${status}`;
}

describe('what expressions refer to', () => {
  it.each([
    ['mtxpilot_nothing_total', 'metric mtxpilot_nothing_total'],
    ['rate(mtxpilot_decisions_total{stat="unknown"}[5m])', 'label stat of mtxpilot_decisions_total'],
    ['mtxpilot_decisions_total{state=~"unknown|lost"}', 'mtxpilot_decisions_total{state="lost"}'],
    ['sum by (server) (mtxpilot_viewers)', 'label server'],
    ['mtxpilot_api_up unless on (node) mtxpilot_server_up == 0', 'label node'],
    ['rate(mtxpilot_viewers_bucket[5m])', 'metric mtxpilot_viewers_bucket'],
  ])('%s has a stranger', (expr, stranger) => {
    expect(strangers(expr)).toContain(stranger);
  });

  it('a legend may name labels only that its metrics have', () => {
    expect(strangers('mtxpilot_api_up', '{{server}} {{instance}}')).toEqual([]);
    expect(strangers('mtxpilot_api_up', '{{node}}')).toEqual(['label node']);
  });
});

describe('Prometheus rules', () => {
  it('are rules, and do what their scenarios say', () => {
    expect(promtool('check', 'rules', `${folder}/mtxpilot.rules.yml`)).toBe('');
    expect(promtool('test', 'rules', `${folder}/mtxpilot.rules.test.yml`)).toBe('');
  });

  it('can be scraped for as the example says', () => {
    expect(promtool('check', 'config', '--syntax-only', `${folder}/scrape.example.yml`)).toBe('');
    expect(read(`${folder}/scrape.example.yml`)).toContain('job_name: mtxpilot\n');
  });

  it.each(alerts)('$alert refers to what is there', ({ expr }) => {
    expect(referencesOf(expr).selectors.length).toBeGreaterThan(0);
    expect(strangers(expr)).toEqual([]);
  });

  it.each(alerts)('$alert tells what it is, how bad it is and what to do', ({ alert, labels, annotations }) => {
    expect(Object.keys(annotations).sort()).toEqual(['description', 'runbook', 'summary']);
    expect(['critical', 'warning']).toContain(labels['severity']);
    expect(annotations['runbook']).toBe(`docs/alerts.md#${alert.toLowerCase()}`);
    expect(read('docs/alerts.md')).toContain(`\n### ${alert}\n\n`);
  });

  it('docs/alerts.md has no other alert', () => {
    const written = [...read('docs/alerts.md').matchAll(/^### (\S+)$/gm)].map(([, name]) => name);
    expect(written.sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  });

  it.each(alerts)('$alert has a scenario in which it fires, and in which something like it does not', ({ alert }) => {
    const scenario = scenarios.find(({ name }) => name === alert);
    const looks = scenario?.promql_expr_test ?? [];
    expect(looks.some(({ exp_samples }) => exp_samples.length === 0)).toBe(true);
    const fired = looks.flatMap(({ exp_samples }) => exp_samples).filter(({ labels }) => labels.includes(`"${alert}"`));
    expect(fired.length).toBeGreaterThan(0);
    const agents = new Set(scenario?.input_series.map(({ series }) => /instance="(\w+)"/.exec(series)?.[1]));
    const named = new Set(fired.map(({ labels }) => /instance="(\w+)"/.exec(labels)?.[1]));
    expect(agents.size).toBeGreaterThan(named.size);
  });

  it('scenarios have series that the agent could send', () => {
    for (const { input_series } of scenarios)
      for (const { series } of input_series) expect(strangers(series)).toEqual([]);
  });
});

describe('Grafana dashboard', () => {
  it.each(queries)('$where refers to what is there: $expr', ({ expr, legend }) => {
    expect(referencesOf(expr).selectors.length).toBeGreaterThan(0);
    expect(strangers(expr, legend)).toEqual([]);
  });

  it('asks only what Prometheus understands', () => {
    const temporary = mkdtempSync(join(tmpdir(), 'mtxpilot-deploy-'));
    const file = join(temporary, 'queries.yml');
    const rules = queries.map(({ expr }, index) => ({
      record: `query_${index}`,
      expr: expr.replaceAll('$__rate_interval', '1m').replaceAll('$job', 'mtxpilot').replaceAll('$instance', '.+'),
    }));
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'queries', rules }] }));
    expect(promtool('check', 'rules', file)).toBe('');
    rmSync(temporary, { recursive: true });
  });

  it('asks every query of the chosen data source, job and agents', () => {
    for (const { title, type, datasource, targets = [] } of dashboard.panels) {
      if (type === 'row') continue;
      expect([title, datasource?.uid]).toEqual([title, '${datasource}']);
      expect([title, targets.length > 0]).toEqual([title, true]);
      for (const { expr, datasource: own } of targets) {
        expect(own.uid).toBe('${datasource}');
        for (const { matchers } of referencesOf(expr).selectors) {
          const chosen = matchers.map(({ label, operator, value }) => `${label}${operator}${value}`);
          expect(chosen).toEqual(expect.arrayContaining(['job=$job', 'instance=~$instance']));
        }
      }
    }
    expect(dashboard.templating.list.map(({ name }) => name)).toEqual(['datasource', 'job', 'instance']);
    for (const { definition = '' } of dashboard.templating.list) {
      for (const { metric } of referencesOf(definition.replace(/^label_values\((.*), \w+\)$/, '$1')).selectors) {
        expect(known.has(metric)).toBe(true);
      }
    }
  });

  it('has every panel once, and none upon another', () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const places = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
    );
    expect(new Set(places).size).toBe(places.length);
    for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
  });
});
