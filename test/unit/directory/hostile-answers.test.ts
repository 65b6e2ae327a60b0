import { type Child, startChild } from '../../support/child-process';
import { runProbe } from '../../support/run-probe';
import { until } from '../../support/until';

let api: Child;
let port: number;
let shapes: readonly string[];

beforeAll(async () => {
  api = startChild(process.execPath, ['test/support/hostile-api.mjs']);
  const line = await until('the hostile API', () => api.lines[0]);
  ({ port, shapes } = JSON.parse(line) as { port: number; shapes: string[] });
});
afterAll(() => api.stop());

it('no answer holds the event loop for 20 ms, whatever its length and shape', async () => {
  const measured = await runProbe('hostile-answers-probe.ts', [port, shapes], shapes);
  expect(measured.filter(({ ms }) => !(ms < 20))).toEqual([]);
});
