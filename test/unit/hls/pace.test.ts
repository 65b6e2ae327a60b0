import { createPace } from '../../../src/hls/pace';

describe('the pace of long work', () => {
  it('lets others have their turn after some milliseconds of work, and not before', async () => {
    let nowMs = 0;
    const turn = createPace(() => nowMs);
    const waits: number[] = [];
    for (let step = 1; step <= 64; step++) {
      nowMs += 0.25;
      const wait = turn(64);
      if (wait === undefined) continue;
      waits.push(step);
      await wait;
    }
    expect(waits).toEqual([16, 32, 48, 64]);
  });

  it('looks at the clock after each long line', async () => {
    let nowMs = 0;
    const turn = createPace(() => nowMs);
    nowMs += 2;
    expect(turn(60_000)).toBeUndefined();
    nowMs += 2;
    await expect(turn(60_000)).resolves.toBeUndefined();
  });

  it('counts none of the time that others took', async () => {
    let nowMs = 0;
    const turn = createPace(() => nowMs);
    let waits = 0;
    for (let step = 0; step < 64; step++) {
      const wait = turn(0);
      if (wait !== undefined) waits++;
      await wait;
      if (step === 7) nowMs += 4;
    }
    expect(waits).toBe(1);
  });
});
