import fc from 'fast-check';
import { createHolderPolicy } from '../../../src/directory/holder-policy';
import { nextInventoryMs } from '../../../src/directory/inventory';
import { createLookupBudget } from '../../../src/directory/lookup-budget';
import { hashText, pickByRendezvous } from '../../../src/directory/rendezvous';

const servers = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ name: `mtx${i + 1}`, hash: hashText(`mtx${i + 1}`) }));

describe('pickByRendezvous', () => {
  it('has FNV-1a under it', () => {
    // Vectors of the algorithm's authors.
    expect([hashText(''), hashText('a'), hashText('foobar')]).toEqual([0x811c9dc5, 0xe40c292c, 0xbf9cf968]);
  });

  it('spreads keys evenly', () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 30_000; i++) {
      const name = pickByRendezvous(hashText(`live/${i}`), servers(3))?.name ?? '';
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    for (const count of counts.values()) expect(Math.abs(count - 10_000)).toBeLessThan(500);
    expect(counts.size).toBe(3);
  });

  it('moves only the keys of the server that goes', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 2, max: 20 }), fc.nat(), (key, count, gone) => {
        const all = servers(count);
        const before = pickByRendezvous(hashText(key), all);
        const rest = all.filter((_, i) => i !== gone % count);
        const after = pickByRendezvous(hashText(key), rest);
        return before === all[gone % count] || after === before;
      }),
    );
  });

  it('does not depend on the order of the candidates', () => {
    fc.assert(
      fc.property(fc.string(), fc.shuffledSubarray(servers(8), { minLength: 8 }), (key, shuffled) => {
        return pickByRendezvous(hashText(key), shuffled)?.name === pickByRendezvous(hashText(key), servers(8))?.name;
      }),
    );
  });

  it('gives a candidate of three times the weight three times the keys', () => {
    let heavy = 0;
    for (let i = 0; i < 20_000; i++) {
      const pick = pickByRendezvous(hashText(`s${i}`), servers(2), ({ name }) => (name === 'mtx1' ? 3 : 1));
      if (pick?.name === 'mtx1') heavy++;
    }
    expect(heavy / 20_000).toBeCloseTo(0.75, 1);
  });

  it('has no answer without candidates', () => {
    expect(pickByRendezvous(1, servers(0))).toBeUndefined();
  });
});

describe('createLookupBudget', () => {
  it('gives a second of burst, then its rate', () => {
    let at = 0;
    const budget = createLookupBudget(10, () => at);
    const takeAll = (tries: number) => Array.from({ length: tries }, () => budget.take()).filter(Boolean).length;
    expect(takeAll(1000)).toBe(10);
    at += 500;
    expect(takeAll(1000)).toBe(5);
    at += 3_600_000;
    expect(takeAll(1000)).toBe(10);
  });
});

describe('nextInventoryMs', () => {
  const base = { intervalMs: 1000, tookMs: 5, ownMs: 0.5, servers: 3, consecutiveFailures: 0 };
  it.each([
    ['a quick list comes every second', {}, 995],
    ['a list of 400 ms every 8 s', { tookMs: 400 }, 7600],
    ['a large fleet keeps to its share of our core', { ownMs: 6, servers: 100 }, 3995],
    ['after one failure at the usual pace', { consecutiveFailures: 1, tookMs: 1000 }, 1000],
    ['after two as well', { consecutiveFailures: 2, tookMs: 1000 }, 1000],
    ['within a second where lists are rare', { intervalMs: 600_000, consecutiveFailures: 1 }, 1000],
    ['then backing off', { consecutiveFailures: 4 }, 4000],
    ['but not for ever', { consecutiveFailures: 40 }, 8000],
  ])('%s', (_what, change, expected) => {
    expect(nextInventoryMs({ ...base, ...change })).toBeCloseTo(expected, 6);
  });
});

describe('createHolderPolicy', () => {
  const policy = createHolderPolicy([
    { match: 'live/keep/*', policy: 'newest' },
    { match: 'live/**', policy: 'spread' },
    { match: 'a.b', policy: 'spread' },
  ]);
  it.each([
    ['live/keep/x', 'newest'],
    ['live/keep/x/y', 'spread'],
    ['live/x', 'spread'],
    ['other', 'auto'],
    ['a.b', 'spread'],
    ['axb', 'auto'],
  ])('%s is %s', (stream, expected) => expect(policy(stream)).toBe(expected));
});
