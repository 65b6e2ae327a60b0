import { createBackOffs } from '../../../src/control/back-offs';

const weight = (server: string) => ({ kind: 'set-weight', server }) as const;
const refused = { message: 'static' };

it('waits longer with each failure, at most 15 s, for that server and kind only', () => {
  let nowMs = 0;
  const backOffs = createBackOffs(() => nowMs);
  const pauses: number[] = [];
  for (let i = 0; i < 7; i++) {
    backOffs.note(weight('mtx1'), refused);
    const failedAt = nowMs;
    while (!backOffs.isDue(weight('mtx1'))) nowMs += 1000;
    pauses.push(nowMs - failedAt);
  }
  // One second of each is the pause between two looks.
  expect(pauses).toEqual([0, 1000, 3000, 7000, 14_000, 14_000, 14_000]);
  backOffs.note(weight('mtx1'), refused);
  expect(backOffs.isDue(weight('mtx2'))).toBe(true);
  expect(backOffs.isDue({ kind: 'set-state', server: 'mtx1' })).toBe(true);
});

it('is over with a success, an order, and another process', () => {
  const backOffs = createBackOffs(() => 0);
  const fail = () => {
    for (let i = 0; i < 3; i++) backOffs.note(weight('mtx1'), refused);
    expect(backOffs.isDue(weight('mtx1'))).toBe(false);
  };
  fail();
  backOffs.note(weight('mtx1'), undefined);
  expect(backOffs.isDue(weight('mtx1'))).toBe(true);
  fail();
  backOffs.hurry();
  expect(backOffs.isDue(weight('mtx1'))).toBe(true);
  fail();
  backOffs.forget();
  expect(backOffs.isDue(weight('mtx1'))).toBe(true);
});

it('tells what is new', () => {
  const backOffs = createBackOffs(() => 0);
  expect(backOffs.note(weight('mtx1'), refused)).toBe(true);
  expect(backOffs.note(weight('mtx1'), refused)).toBe(false);
  expect(backOffs.note(weight('mtx1'), { message: 'gone' })).toBe(true);
  expect(backOffs.note(weight('mtx2'), { message: 'gone' })).toBe(true);
});
