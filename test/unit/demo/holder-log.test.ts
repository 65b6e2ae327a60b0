import { createHolderLog } from '../../../src/demo/holder-log';

function logAt() {
  let nowMs = 0;
  const log = createHolderLog(() => nowMs);
  return { log, at: (ms: number) => void (nowMs = ms) };
}

describe('holder log', () => {
  it('tells apart what may have been from what certainly was', () => {
    const { log, at } = logAt();
    at(1000);
    log.connecting('live/a', 'mtx1');
    expect(log.holders('live/a')).toEqual([]);
    at(2000);
    log.live('live/a', 'mtx1');
    at(5000);
    log.leaving('live/a', 'mtx1');
    at(6000);
    log.gone('live/a', 'mtx1');
    const mayHave = (from: number, to: number) => log.mayHaveHeld('live/a', 'mtx1', from, to);
    expect([mayHave(0, 999), mayHave(0, 1000), mayHave(6000, 9000), mayHave(6001, 9000)]).toEqual([
      false,
      true,
      true,
      false,
    ]);
    const always = (from: number, to: number) => log.alwaysHadHolder('live/a', from, to);
    expect([always(1999, 3000), always(2000, 4999), always(2000, 5000)]).toEqual([false, true, false]);
    expect(log.mayHaveHeld('live/a', 'mtx2', 0, 9000)).toBe(false);
    expect(log.alwaysHadHolder('live/b', 0, 0)).toBe(false);
  });

  it('knows a holder at every moment when one publisher comes before the other leaves', () => {
    const { log, at } = logAt();
    log.live('live/a', 'mtx1');
    at(1000);
    log.live('live/a', 'mtx2');
    expect(log.holders('live/a')).toEqual(['mtx2', 'mtx1']);
    log.gone('live/a', 'mtx1');
    expect(log.alwaysHadHolder('live/a', 500, 2000)).toBe(true);
    expect(log.holders('live/a')).toEqual(['mtx2']);
  });

  it('counts a move when the newest publisher is on another server, also after a pause', () => {
    const { log } = logAt();
    log.live('live/a', 'mtx1');
    expect(log.moves).toBe(0);
    log.gone('live/a', 'mtx1');
    log.live('live/a', 'mtx1');
    expect(log.moves).toBe(0);
    log.gone('live/a', 'mtx1');
    log.live('live/a', 'mtx2');
    expect(log.moves).toBe(1);
    // The second publisher of two leaves, and comes back.
    log.live('live/a', 'mtx3');
    log.gone('live/a', 'mtx3');
    log.live('live/a', 'mtx3');
    expect(log.moves).toBe(3);
  });

  it('forgets what ended more than five minutes ago', () => {
    const { log, at } = logAt();
    log.live('live/a', 'mtx1');
    log.gone('live/a', 'mtx1');
    at(5 * 60_000 + 1);
    log.live('live/a', 'mtx2');
    expect(log.holdings('live/a', 0).map(({ server }) => server)).toEqual(['mtx2']);
  });
});
