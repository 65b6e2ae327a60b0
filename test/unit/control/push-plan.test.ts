import fc from 'fast-check';
import { isPushable, isReplacementCheaper, planPush, type Route } from '../../../src/control/push-plan';
import { isStreamName } from '../../../src/mediamtx';

const have = new Map([
  ['live/a', 'mtx1'],
  ['live/b', 'mtx2'],
]);

describe('what turns a map into what is wanted', () => {
  it.each<[string, (readonly [string, string | undefined])[], object]>([
    ['nothing', [], {}],
    ['what is there', [['live/a', 'mtx1']], {}],
    ['another server', [['live/a', 'mtx3']], { change: [['live/a', 'mtx3']] }],
    ['a new stream', [['live/c', 'mtx3']], { add: [['live/c', 'mtx3']] }],
    ['a stream that ended', [['live/b', undefined]], { remove: ['live/b'] }],
    ['a stream that ended and was never there', [['live/c', undefined]], {}],
    ['a name that is none', [['live/x y', 'mtx1']], {}],
    ['a server that is none', [['live/c', 'mtx 1']], {}],
    ['a server that is none, of a stream that is there', [['live/a', 'a;b']], { remove: ['live/a'] }],
  ])('%s', (_what, wanted, plan) => {
    expect(planPush(have, wanted)).toEqual({ add: [], change: [], remove: [], ...plan });
  });

  it('carried out, gives exactly what is wanted', () => {
    const route = fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.constantFrom('mtx1', 'mtx2'));
    fc.assert(
      fc.property(fc.array(route), fc.array(route), (before, after) => {
        const map = new Map<string, string>(before);
        const wanted = new Map<string, string>(after);
        const gone = [...map.keys()].filter((stream) => !wanted.has(stream));
        const plan = planPush(map, [...wanted, ...gone.map((stream) => [stream, undefined] as const)]);
        for (const stream of plan.remove) expect(map.delete(stream)).toBe(true);
        for (const [stream, server] of plan.change) {
          expect(map.has(stream)).toBe(true);
          map.set(stream, server);
        }
        for (const [stream, server] of plan.add) {
          expect(map.has(stream)).toBe(false);
          map.set(stream, server);
        }
        expect(new Map([...map].sort())).toEqual(new Map([...wanted].sort()));
      }),
    );
  });

  it('never lets a hostile name through', () => {
    const part = fc.constantFrom('live', '/', '..', ';', '\n', ' ', '<<', '@1', '#0x1', '\\', '\u0000', '~', 'ä', '|');
    const name = fc.oneof(
      fc.string(),
      fc.array(part).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(name, name)), (routes) => {
        const { add, change, remove } = planPush(new Map(), routes);
        expect([change, remove]).toEqual([[], []]);
        for (const [stream, server] of add) {
          expect(isStreamName(stream)).toBe(true);
          expect(server).toMatch(/^[\w.:-]+$/);
        }
        expect(add).toEqual(routes.filter(([stream, server]) => isPushable(stream, server)));
      }),
    );
  });
});

describe('a whole map instead of many commands', () => {
  const plan = (changes: number, removals: number, additions = 0) => ({
    add: Array.from({ length: additions }, (_, i): Route => [`a/${i}`, 'mtx1']),
    change: Array.from({ length: changes }, (_, i): Route => [`c/${i}`, 'mtx1']),
    remove: Array.from({ length: removals }, (_, i) => `r/${i}`),
  });

  it.each([
    [0, 0, 50_000, 100_000, false],
    [30, 0, 0, 30, false],
    [31, 0, 0, 31, true],
    [20, 20, 0, 100, true],
    [1000, 0, 0, 100_000, false],
    [600, 600, 0, 100_000, true],
  ])('%i changes, %i removals, %i additions, %i entries: %s', (changes, removals, additions, entries, expected) => {
    expect(isReplacementCheaper(plan(changes, removals, additions), entries)).toBe(expected);
  });
});
