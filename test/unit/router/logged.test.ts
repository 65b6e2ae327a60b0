import type { Logger } from '../../../src/log';
import { type Decision, type Router, withDecisionLog } from '../../../src/router';

const explain: Router['explain'] = () => Promise.reject(new Error('not asked'));

function logOf(isDebug: boolean): { log: Logger; lines: unknown[][] } {
  const lines: unknown[][] = [];
  const write = (...parts: unknown[]): void => void lines.push(parts);
  return { log: { debug: write, info: write, warn: write, error: write, isLevelEnabled: () => isDebug }, lines };
}

describe('withDecisionLog', () => {
  it('is the router itself where nobody reads debug lines', () => {
    const router: Router = { decide: () => ({ state: 'unknown', server: undefined }), explain };
    const { log, lines } = logOf(false);
    expect(withDecisionLog(router, log)).toBe(router);
    expect(lines).toEqual([]);
  });

  it('writes one line for a decision that is made at once', () => {
    const decision: Decision = { state: 'located', server: 'mtx1' };
    const { log, lines } = logOf(true);
    expect(withDecisionLog({ decide: () => decision, explain }, log).decide('live/a', 's1')).toBe(decision);
    expect(lines).toEqual([
      [{ stream: 'live/a', session: 's1', state: 'located', server: 'mtx1', waited: false }, 'decision'],
    ]);
  });

  it('writes one line for a decision that waits for a lookup, when it is made', async () => {
    let make: (decision: Decision) => void = () => undefined;
    const { log, lines } = logOf(true);
    const router: Router = { decide: () => new Promise((resolve) => (make = resolve)), explain };
    const decided = withDecisionLog(router, log).decide('live/a', '');
    expect(lines).toEqual([]);
    make({ state: 'placed', server: 'mtx3' });
    expect(await decided).toEqual({ state: 'placed', server: 'mtx3' });
    expect(lines).toEqual([
      [{ stream: 'live/a', session: '', state: 'placed', server: 'mtx3', waited: true }, 'decision'],
    ]);
  });

  it('passes a failure on, and cuts what anybody may send', async () => {
    const { log, lines } = logOf(true);
    const failing: Router = { decide: () => Promise.reject(new Error('broken')), explain };
    await expect(withDecisionLog(failing, log).decide('a', 'b')).rejects.toThrow('broken');
    expect(lines).toEqual([]);
    const unknown: Router = { decide: () => ({ state: 'unknown', server: undefined }), explain };
    await withDecisionLog(unknown, log).decide('x'.repeat(5000), 'y'.repeat(5000));
    expect(lines).toEqual([
      [expect.objectContaining({ stream: 'x'.repeat(256), session: 'y'.repeat(256), state: 'unknown' }), 'decision'],
    ]);
  });
});
