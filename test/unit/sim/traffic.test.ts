import { createTraffic } from '../../../src/sim/traffic';

const request = (path: string) =>
  ({
    atMs: 0,
    endpoint: 'media',
    method: 'GET',
    path,
    query: '',
    xForwardedFor: undefined,
    peer: '127.0.0.1',
  }) as const;

it('counts by endpoint, and begins anew', () => {
  const traffic = createTraffic(10);
  traffic.count('master');
  traffic.count('master');
  const before = traffic.counters();
  traffic.reset();
  expect([before.master, before.media, traffic.counters().master]).toEqual([2, 0, 0]);
});

it('remembers the newest requests, and no more', () => {
  const traffic = createTraffic(3);
  for (let index = 0; index < 100; index++) traffic.log(request(`/${index}`))(200);
  expect(traffic.requests().map(({ path }) => path)).toEqual(['/97', '/98', '/99']);
});

it('has no status for a request that is not answered', () => {
  const traffic = createTraffic(3);
  const note = traffic.log(request('/a'));
  expect(traffic.requests()[0]?.status).toBeUndefined();
  note(404);
  expect(traffic.requests()[0]?.status).toBe(404);
});

it('remembers nothing when the log is off', () => {
  const traffic = createTraffic(0);
  traffic.log(request('/a'))(200);
  expect(traffic.requests()).toEqual([]);
});
