import { goTime, systemClock } from '../../../src/sim/clock';

it.each([
  [Date.UTC(2026, 10, 21, 9, 13, 5), '2026-11-21T09:13:05Z'],
  [Date.UTC(2026, 10, 21, 9, 13, 5, 659), '2026-11-21T09:13:05.659Z'],
  [Date.UTC(2026, 10, 21, 9, 13, 5, 600), '2026-11-21T09:13:05.6Z'],
  [Date.UTC(2026, 10, 21, 9, 13, 5, 7) + 0.25, '2026-11-21T09:13:05.00725Z'],
])('%d is written as %s', (epochMs, text) => {
  expect(goTime(epochMs)).toBe(text);
});

it('never gives the same time twice', () => {
  const clock = systemClock();
  const times = Array.from({ length: 1000 }, clock);
  expect(times.every((time, index) => index === 0 || time > (times[index - 1] ?? 0))).toBe(true);
  expect(new Set(times.map(goTime)).size).toBe(1000);
});
