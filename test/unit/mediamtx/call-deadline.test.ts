import { setImmediate as turn } from 'node:timers/promises';
import { createCallDeadline } from '../../../src/mediamtx/call-deadline';
import { until } from '../../support/until';

/** Keeps this process busy, as lists of a hundred servers do. */
function work(ms: number): void {
  const began = performance.now();
  while (performance.now() - began < ms);
}

describe('the deadline of a call', () => {
  it('does not count the time in which this process was busy, and counts what it waits', async () => {
    const deadline = createCallDeadline(200);
    work(400);
    await turn();
    await turn();
    expect(deadline.signal.aborted).toBe(false);
    await until('it to be over', () => deadline.signal.aborted);
  });

  it('counts what was spent on the answer', async () => {
    const deadline = createCallDeadline(200);
    deadline.spent(200);
    work(210);
    await turn();
    await turn();
    expect(deadline.signal.aborted).toBe(true);
  });

  it('ends a call that has lasted ten times as long, whatever kept it', async () => {
    const deadline = createCallDeadline(10);
    work(110);
    await turn();
    await turn();
    expect(deadline.signal.aborted).toBe(true);
  });

  it('is over no more once it was cleared', async () => {
    const deadline = createCallDeadline(1);
    deadline.clear();
    work(20);
    await turn();
    await turn();
    expect(deadline.signal.aborted).toBe(false);
  });
});
