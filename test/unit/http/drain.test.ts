import { createDrain } from '../../../src/http/drain';
import { until } from '../../support/until';

describe('createDrain', () => {
  it('does not wait when nobody asked lately', async () => {
    let now = 10_000;
    const drain = createDrain({ nowMs: () => now });
    drain.asked();
    drain.checked();
    now += 2_001;
    expect(drain.isStopping).toBe(false);
    await drain.finish();
    expect(drain.isStopping).toBe(true);
  });

  it('waits for silence', async () => {
    const drain = createDrain({ nowMs: () => 0 });
    drain.asked();
    let isFinished = false;
    const finished = drain.finish().then(() => (isFinished = true));
    let asked = 0;
    await until('many questions', () => {
      drain.asked();
      return ++asked >= 20;
    });
    expect(isFinished).toBe(false);
    await finished;
  });

  it('waits until two checks have failed where somebody checks, however silent it is', async () => {
    const drain = createDrain({ nowMs: () => 0 });
    drain.checked();
    drain.asked();
    let isFinished = false;
    const finished = drain.finish().then(() => (isFinished = true));
    drain.checked();
    let looks = 0;
    await until('more than the silence it waits for', () => ++looks >= 20);
    expect(isFinished).toBe(false);
    drain.checked();
    await finished;
  });

  it('gives up when neither ceases', async () => {
    let now = 0;
    const drain = createDrain({ nowMs: () => now, timeoutMs: 500 });
    drain.checked();
    drain.asked();
    let isFinished = false;
    const finished = drain.finish().then(() => (isFinished = true));
    now = 499;
    let looks = 0;
    await until('some ticks', () => ++looks >= 20);
    expect(isFinished).toBe(false);
    now = 500;
    await finished;
  });
});
