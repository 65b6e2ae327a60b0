import { createOperationTimes, type OperationTimes, operationNames } from '../../../src/measure';
import { type HttpLab, startHttpLab } from './lab';

let lab: HttpLab;
let times: OperationTimes;
beforeEach(async () => {
  times = createOperationTimes();
  lab = await startHttpLab({ performance: times, recordDecision: times.record.route_decision });
});
afterEach(async () => {
  times.stop();
  await lab.server.stop();
});

const path = '/metrics/performance';

describe('GET /metrics/performance', () => {
  it('tells how long an operation took', async () => {
    times.record.runtime_command(0.5, 1, 0);
    times.record.runtime_command(1.5, 1, 1);
    const { status, json } = await lab.request(`${path}?operation=runtime_command&window=90s`);
    expect(status).toBe(200);
    expect(json).toMatchObject({ operation: 'runtime_command', unit: 'ms', windowSeconds: 90, count: 2, errors: 1 });
    expect(json).toMatchObject({ min: 0.5, mean: 1, max: 1.5 });
    const { p50, p95, p99 } = json as Record<'p50' | 'p95' | 'p99', number>;
    expect(Math.abs(p50 / 0.5 - 1)).toBeLessThan(0.016);
    expect([p95, p99].map((ms) => Math.abs(ms / 1.5 - 1) < 0.016)).toEqual([true, true]);
  });

  it('has null for the figures of what did not happen, and five minutes when no window is asked for', async () => {
    const { json } = await lab.request(`${path}?operation=event_delivery`);
    expect(json).toEqual({
      operation: 'event_delivery',
      unit: 'ms',
      windowSeconds: 300,
      coveredSeconds: expect.any(Number) as number,
      count: 0,
      errors: 0,
      min: null,
      mean: null,
      p50: null,
      p95: null,
      p99: null,
      max: null,
    });
  });

  it('lists all operations when none is named', async () => {
    const { json } = await lab.request(`${path}?window=1h`);
    const { operations } = json as { operations: { operation: string; windowSeconds: number }[] };
    expect(operations.map(({ operation }) => operation)).toEqual(operationNames);
    expect(operations.map(({ windowSeconds }) => windowSeconds)).toEqual(operationNames.map(() => 3600));
  });

  it.each(['guess', '', 'constructor'])('says which operations there are when asked for "%s"', async (operation) => {
    const reply = await lab.request(`${path}?operation=${operation}`);
    expect(reply.status).toBe(404);
    expect(reply.headers['content-type']).toBe('application/problem+json');
    expect(reply.json).toMatchObject({ title: 'No such operation', given: operation });
    expect((reply.json as { allowed: string }).allowed.split(', ')).toEqual(operationNames);
  });

  it.each(['14s', '2h', '5', '300', '', '-5m', '5m&window=5m', '1e3s', 'window', '5 m', '1d'])(
    'says which windows there are when asked for %s',
    async (window) => {
      const reply = await lab.request(`${path}?operation=route_decision&window=${window.replaceAll(' ', '%20')}`);
      expect(reply.status).toBe(400);
      expect(reply.json).toMatchObject({
        detail: 'The parameter "window" is wrong.',
        allowed: 'a duration from 15s to 1h, with its unit: 30s, 5m',
      });
    },
  );

  it.each(['15s', '60m', '1h', '20000ms'])('takes a window of %s', async (window) => {
    expect((await lab.request(`${path}?window=${window}`)).status).toBe(200);
  });

  it('is not there where nothing is measured', async () => {
    const bare = await startHttpLab();
    expect((await bare.request(path)).status).toBe(501);
    await bare.server.stop();
  });
});

it('decisions over HTTP are recorded, and as errors when the answer is unknown or none', async () => {
  const routes = async (...queries: string[]) => {
    for (const query of queries) await lab.request(`/v1/route?${query}`);
    const { count, errors } = times.read('route_decision', 60_000);
    return [count, errors];
  };
  expect(await routes('stream=a', 'stream=b')).toEqual([2, 0]);
  lab.router.decide = () => Promise.resolve({ state: 'unknown', server: undefined });
  expect(await routes('stream=c')).toEqual([3, 1]);
  expect(await routes('stream=..', 'nothing=asked')).toEqual([4, 2]);
  lab.router.decide = () => Promise.reject(new Error('a bug'));
  expect(await routes('stream=d')).toEqual([5, 3]);
});
