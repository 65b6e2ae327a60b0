import { createStreamOrder, type StreamOrderOptions } from '../../../src/api/stream-order';

function makeOrder(names: () => string[], more: Partial<StreamOrderOptions> = {}) {
  return createStreamOrder({ names, viewers: () => undefined, since: () => undefined, ...more });
}

it.each([0, 1, 999, 1000, 1001, 5500])('sorts %d names', async (count) => {
  const names = Array.from({ length: count }, (_, i) => `s/${(i * 7919) % 10_007}`);
  expect(await makeOrder(() => names).sorted('name')).toEqual([...names].sort());
});

it('sorts by viewers and by publisher, greatest first, then by name', async () => {
  const viewers = new Map([
    ['b', 3],
    ['c', 3],
    ['d', 9],
  ]);
  const order = makeOrder(() => ['c', 'a', 'd', 'b'], {
    viewers: (name) => viewers.get(name),
    since: (name) => name.charCodeAt(0),
  });
  expect(await order.sorted('viewers')).toEqual(['d', 'b', 'c', 'a']);
  expect(await order.sorted('newest')).toEqual(['d', 'c', 'b', 'a']);
});

it('is made anew when it is old, once for all who ask meanwhile', async () => {
  let nowMs = 0;
  let made = 0;
  const names = () => {
    made++;
    return [`made ${made}`];
  };
  const order = makeOrder(names, { freshForMs: 2000, now: () => nowMs });
  expect(await Promise.all([order.sorted('name'), order.sorted('name')])).toEqual([['made 1'], ['made 1']]);
  nowMs = 1999;
  expect(await order.sorted('name')).toEqual(['made 1']);
  nowMs = 2000;
  expect(await order.sorted('name')).toEqual(['made 2']);
});

it('lets others have their turn while it sorts', async () => {
  const names = Array.from({ length: 20_000 }, (_, i) => `s/${(i * 7919) % 100_003}`);
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  await makeOrder(() => names).sorted('name');
  clearInterval(timer);
  expect(turns).toBeGreaterThan(3);
});
