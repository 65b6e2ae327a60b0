import { createTimingWheel } from '../../../src/viewers/timing-wheel';

function create(nowMs = 0) {
  const wheel = createTimingWheel(1000, 10, nowMs);
  wheel.grow(100);
  const due: number[] = [];
  return { wheel, due: (atMs: number) => (wheel.advance(atMs, (slot) => due.push(slot)), due.splice(0).sort()) };
}

describe('the timing wheel', () => {
  it.each([0, 12_345, 1_700_000_000_000])(
    'hands over each slot with the tick after its time, from %d on',
    (startMs) => {
      const { wheel, due } = create(startMs);
      const base = Math.floor(startMs / 10) * 10;
      wheel.add(1, base + 20);
      wheel.add(2, base + 21);
      wheel.add(3, base + 1000);
      expect(due(base + 19)).toEqual([]);
      expect(due(base + 20)).toEqual([1]);
      expect(due(base + 29)).toEqual([]);
      expect(due(base + 30)).toEqual([2]);
      expect(due(base + 999)).toEqual([]);
      expect(due(base + 1005)).toEqual([3]);
      expect(due(base + 5000)).toEqual([]);
    },
  );

  it('what is due already comes with the next tick, what lies beyond the span at its end', () => {
    const { wheel, due } = create();
    wheel.add(1, -500);
    wheel.add(2, 99_999);
    expect(due(10)).toEqual([1]);
    expect(due(1000)).toEqual([]);
    expect(due(1020)).toEqual([2]);
  });

  it('a slot may be added again while it is handed over', () => {
    const { wheel } = create();
    wheel.add(1, 10);
    const times: number[] = [];
    for (let nowMs = 10; nowMs <= 100; nowMs += 10) {
      wheel.advance(nowMs, (slot) => {
        times.push(nowMs);
        wheel.add(slot, nowMs + 30);
      });
    }
    expect(times).toEqual([10, 40, 70, 100]);
  });

  it('after a long pause hands over everything once', () => {
    const { wheel, due } = create();
    for (let slot = 0; slot < 100; slot++) wheel.add(slot, slot * 10);
    expect(due(1_000_000)).toHaveLength(100);
    expect(due(2_000_000)).toEqual([]);
  });

  it('is empty after clear', () => {
    const { wheel, due } = create();
    wheel.add(1, 10);
    wheel.clear();
    expect(due(5000)).toEqual([]);
  });
});
