import { createOperationTimes, operationNames } from '../../../src/measure';

jest.useFakeTimers();

it('keeps an hour of each operation, apart from the others', () => {
  const times = createOperationTimes();
  times.record.stream_lookup(5, 1, 1);
  jest.advanceTimersByTime(30 * 60_000);
  times.record.stream_lookup(7, 3, 0);
  expect(times.read('stream_lookup', 60_000)).toMatchObject({ count: 3, errors: 0, times: { min: 7, max: 7 } });
  expect(times.read('stream_lookup', 3_600_000)).toMatchObject({ count: 4, errors: 1, times: { min: 5, mean: 6.5 } });
  for (const other of operationNames.filter((name) => name !== 'stream_lookup')) {
    expect(times.read(other, 3_600_000).count).toBe(0);
  }
  jest.advanceTimersByTime(29 * 60_000);
  expect(times.read('stream_lookup', 3_600_000)).toMatchObject({ count: 4, coveredMs: 59 * 60_000 });
  jest.advanceTimersByTime(20 * 60_000);
  const late = times.read('stream_lookup', 3_600_000);
  expect(late.count).toBe(3);
  expect(late.coveredMs).toBeGreaterThanOrEqual(3_600_000);
  expect(late.coveredMs).toBeLessThanOrEqual(3_615_000);
  times.stop();
  expect(jest.getTimerCount()).toBe(0);
});
