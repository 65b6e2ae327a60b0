import { type LoadMemory, loadWeights, type ServerLoad } from '../../../src/control/load-weights';

const load = (name: string, readers: number, bytesSent = 0, configuredWeight = 1): ServerLoad => ({
  name,
  configuredWeight,
  readers,
  bytesSent,
});

/** Readers by server, a second apart, and the weights at the end; and how often a weight changed. */
function run(readersAt: (second: number) => readonly number[], seconds: number) {
  let memory: LoadMemory | undefined;
  let before = new Map<string, number>();
  let changes = -1;
  for (let second = 0; second < seconds; second += 5) {
    const loads = readersAt(second).map((readers, i) => load(`mtx${i + 1}`, readers));
    const made = loadWeights(memory, loads, second * 1000);
    memory = made.memory;
    if (JSON.stringify([...made.weights]) !== JSON.stringify([...before])) changes++;
    before = new Map(made.weights);
  }
  return { weights: [...before.values()], changes };
}

it.each<[string, ServerLoad[], number[]]>([
  ['nobody', [load('a', 0), load('b', 0)], [128, 128]],
  ['equal', [load('a', 500), load('b', 500), load('c', 500)], [128, 128, 128]],
  ['one is idle', [load('a', 1000), load('b', 1000), load('c', 0)], [96, 96, 191]],
  [
    'all on one: never 0',
    [load('a', 100_000), load('b', 0), load('c', 0), load('d', 0), load('e', 0)],
    [32, 192, 192, 192, 192],
  ],
  ['twice the configured weight takes twice as much', [load('a', 2000, 0, 20), load('b', 1000, 0, 10)], [128, 64]],
  ['a configured weight of 1 beside 256', [load('a', 0, 0, 256), load('b', 0, 0, 1)], [128, 1]],
  ['a configured weight of 0 has no share', [load('a', 5), load('b', 5, 0, 0)], [128]],
])('%s', (_, loads, expected) => {
  expect([...loadWeights(undefined, loads, 0).weights.values()]).toEqual(expected);
});

it('a handful of viewers moves nothing', () => {
  expect(run((second) => [second % 4, 3 - (second % 4), 2], 120).changes).toBe(0);
});

it('stays as it is while the load swings a little', () => {
  expect(run((second) => [1000 + (second % 3) * 60, 1000 - (second % 3) * 60], 120).changes).toBe(0);
});

it('follows a load that swings wildly at most every 15 s', () => {
  expect(run((second) => (second % 10 === 0 ? [1000, 0] : [0, 1000]), 60).changes).toBeLessThanOrEqual(4);
});

it('counts outbound bytes as much as readers', () => {
  let memory: LoadMemory | undefined;
  for (let second = 0; second <= 120; second += 5) {
    // 100 MB/s from one of two servers with the same number of readers.
    memory = loadWeights(memory, [load('a', 100, second * 1e8), load('b', 100, 0)], second * 1000).memory;
  }
  const { weights } = loadWeights(memory, [load('a', 100, 126e8), load('b', 100, 0)], 126_000);
  expect(weights.get('a')).toBeLessThan(80);
  expect(weights.get('b')).toBeGreaterThan(160);
});

it('a server of which nobody knows anything keeps its weight, and is no reason to move the others', () => {
  const unknown = { ...load('c', 0), readers: undefined };
  const known = [load('a', 500), load('b', 500)];
  const fresh = loadWeights(undefined, [...known, unknown], 0);
  expect(Object.fromEntries(fresh.weights)).toEqual({ a: 128, b: 128, c: 128 });
  const busy = loadWeights(undefined, [...known, load('c', 5000)], 0);
  const later = loadWeights(busy.memory, [...known, unknown], 20_000);
  expect(later.weights.get('c')).toBe(busy.weights.get('c'));
  // When it is heard again, its bytes are no rate yet.
  const again = loadWeights(later.memory, [...known, load('c', 500, 1e12)], 40_000);
  expect(Object.fromEntries(again.weights)).toEqual({ a: 128, b: 128, c: 128 });
});

it('begins with the weights that servers still have from before, and gives them time', () => {
  const servers = (nowMs: number) =>
    [load('a', 5000, nowMs), load('b', 0, nowMs)].map((each, i) => ({ ...each, presentWeight: [40, 180][i] }));
  const first = loadWeights(undefined, servers(0), 0);
  expect([...first.weights.values()]).toEqual([40, 180]);
  const later = loadWeights(first.memory, servers(20_000), 20_000);
  expect([...later.weights.values()]).not.toEqual([40, 180]);
});

it('is not shaken by counters that begin anew', () => {
  const first = loadWeights(undefined, [load('a', 10, 1e12), load('b', 10, 1e12)], 0);
  const second = loadWeights(first.memory, [load('a', 10, 0), load('b', 10, 1e12)], 20_000);
  expect([...second.weights.values()]).toEqual([128, 128]);
});
