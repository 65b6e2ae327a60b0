import type { Logger } from '../../src/log';
import { boundedLog } from '../../src/log';

function recorded() {
  const lines: unknown[][] = [];
  const write =
    (level: string) =>
    (...line: unknown[]) =>
      void lines.push([level, ...line]);
  const log = {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    isLevelEnabled: () => true,
  } as unknown as Logger;
  return { log, lines };
}

describe('a bounded log', () => {
  it('writes so many lines of a message in a period, and says how many it left out', () => {
    const { log, lines } = recorded();
    let now = 0;
    const bounded = boundedLog(log, { lines: 2, periodMs: 1_000, nowMs: () => now });
    for (let i = 0; i < 5; i++) bounded.warn({ i }, 'bad connection');
    now = 1_000;
    bounded.warn({ i: 5 }, 'bad connection');
    bounded.warn({ i: 6 }, 'bad connection');
    expect(lines).toEqual([
      ['warn', { i: 0 }, 'bad connection'],
      ['warn', { i: 1 }, 'bad connection'],
      ['warn', { i: 5, untold: 3 }, 'bad connection'],
      ['warn', { i: 6 }, 'bad connection'],
    ]);
  });

  it('bounds each message for itself, whatever its level and shape', () => {
    const { log, lines } = recorded();
    const bounded = boundedLog(log, { lines: 1 });
    for (let i = 0; i < 3; i++) {
      bounded.error({ err: 'x' }, 'a');
      bounded.info('b');
      bounded.warn({}, 'c');
    }
    expect(lines).toEqual([
      ['error', { err: 'x' }, 'a'],
      ['info', 'b'],
      ['warn', {}, 'c'],
    ]);
  });

  it('counts what was left out of plain texts too', () => {
    const { log, lines } = recorded();
    let now = 0;
    const bounded = boundedLog(log, { lines: 1, periodMs: 10, nowMs: () => now });
    bounded.info('b');
    bounded.info('b');
    now = 10;
    bounded.info('b');
    expect(lines).toEqual([
      ['info', 'b'],
      ['info', { untold: 1 }, 'b'],
    ]);
  });

  it('leaves debug lines as they are', () => {
    const { log, lines } = recorded();
    const bounded = boundedLog(log, { lines: 1 });
    for (let i = 0; i < 3; i++) bounded.debug('decision');
    expect(lines).toHaveLength(3);
  });

  it('keeps no more than some hundred messages, however many there are', () => {
    const { log, lines } = recorded();
    const bounded = boundedLog(log, { lines: 1 });
    for (let i = 0; i < 1_000; i++) bounded.warn({}, `made up ${i}`);
    bounded.warn({}, 'made up 999');
    bounded.warn({}, 'made up 0');
    expect(lines).toHaveLength(1_001);
  });
});
