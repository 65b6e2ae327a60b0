import { createTicker } from '../../../src/relay/ticker';
import { until } from '../../support/until';

test('calls everybody again and again, until they are taken out', async () => {
  const ticker = createTicker(1);
  const counts = [0, 0];
  const ends = counts.map((_, index) =>
    ticker.add(() => {
      counts[index] = (counts[index] ?? 0) + 1;
    }),
  );
  expect(ticker.count).toBe(2);
  await until('some calls', () => counts.every((count) => count > 3), 1);
  ends[0]?.();
  const [before = 0, other = 0] = counts;
  await until('calls of the other', () => (counts[1] ?? 0) > other + 3, 1);
  expect(counts[0]).toBe(before);
  ends[1]?.();
  ends[1]?.();
  expect(ticker.count).toBe(0);
});
