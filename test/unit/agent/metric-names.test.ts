import { readFileSync } from 'node:fs';
import { populatedMetrics } from '../deploy/populated-metrics';

/** What rules, dashboards and queries rest on: the type of every metric, and the name and labels of every sample of the agent's own. */
async function surface(): Promise<Set<string>> {
  const { body } = await populatedMetrics().render();
  return new Set(
    body
      .split('\n')
      .filter((line) => line.startsWith('# TYPE ') || line.startsWith('mtxpilot_'))
      .map((line) => (line.startsWith('# ') ? line : line.replace(/ \S+$/, '')))
      // Its labels differ from machine to machine.
      .map((line) => line.replace(/^(mtxpilot_build_info).*/, '$1')),
  );
}

it('has every metric and sample that release 0.1 had', async () => {
  const before = readFileSync('test/fixtures/metrics/metrics-0.1.txt', 'utf8').trim().split('\n');
  expect(before.length).toBeGreaterThan(300);
  const now = await surface();
  expect(before.filter((line) => !now.has(line))).toEqual([]);
});
