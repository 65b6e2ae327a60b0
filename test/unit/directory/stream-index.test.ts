import fc from 'fast-check';
import { chooseHolder, isSpread, rivalsOf } from '../../../src/directory/choose-holder';
import { type HolderPolicy, holderPolicies } from '../../../src/directory/holder-policy';
import type { ServerSlot } from '../../../src/directory/server-slot';
import { createStreamIndex, type IndexListeners, type StreamIndex } from '../../../src/directory/stream-index';
import { type Feed, noReaders, type PlayableReport } from '../../../src/mediamtx';
import { slot } from './slot';

function lists(entries: Record<string, number>, feed: Feed = 'publisher'): PlayableReport[] {
  const report = (name: string, publisherSinceMs: number): PlayableReport => ({
    name,
    live: feed !== 'filler',
    feed,
    publisherSinceMs,
    sourceType: undefined,
    readers: noReaders,
    tracks: [],
    bytesReceived: 0,
    bytesSent: 0,
  });
  return Object.entries(entries).map(([name, since]) => report(name, since));
}

function take(index: StreamIndex, slot: ServerSlot, reports: PlayableReport[], at: number): void {
  const round = index.list(slot, at);
  for (const report of reports) round.note(report);
  expect(round.finish()).toBe(true);
}

const newest = () => 'newest' as const;
const none = () => undefined;
const deaf: IndexListeners = { refused: none, changed: none, routed: none, overrideGone: none };

function create(slots: ServerSlot[], maxStreams = 100, listeners: Partial<IndexListeners> = {}): StreamIndex {
  const index = createStreamIndex(newest, maxStreams, { ...deaf, ...listeners });
  for (const slot of slots) index.join(slot);
  return index;
}

const heldBy = (index: StreamIndex, slot: ServerSlot) =>
  [...index.names()].filter((name) => index.feedOf(slot, name) !== undefined);
const contested = (index: StreamIndex) => [...index.contested()].map(({ name }) => name);

describe('the stream index', () => {
  it('chooses the newest publisher, and falls back when it goes', () => {
    const [a, b] = [slot('a'), slot('b')];
    const index = create([a, b]);
    take(index, a, lists({ x: 1 }), 0);
    take(index, b, lists({ x: 2 }), 0);
    expect(index.get('x')?.chosen).toBe(b);
    expect(contested(index)).toEqual(['x']);
    take(index, b, lists({}), 1);
    expect(index.get('x')?.chosen).toBe(a);
    expect(contested(index)).toEqual([]);
    take(index, a, lists({}), 2);
    expect(index.get('x')).toBeUndefined();
    expect(index.size).toBe(0);
  });

  it('chooses again when a publisher reconnects, or its server is not usable', () => {
    const [a, b] = [slot('a'), slot('b')];
    const index = create([a, b]);
    take(index, a, lists({ x: 1 }), 0);
    take(index, b, lists({ x: 2 }), 0);
    take(index, a, lists({ x: 3 }), 1);
    expect(index.get('x')?.chosen).toBe(a);
    a.usable = false;
    index.rechoose(a);
    expect(index.get('x')?.chosen).toBe(b);
    b.usable = false;
    index.rechoose(b);
    expect(index.get('x')?.chosen).toBeUndefined();
  });

  it('refuses streams above its bound and says how many, but keeps those it has', () => {
    const refused: number[] = [];
    const [a, b] = [slot('a'), slot('b')];
    const index = create([a, b], 2, { refused: (count) => refused.push(count) });
    take(index, a, lists({ x: 1, y: 1 }), 0);
    take(index, b, lists({ y: 2, z: 1, zz: 1 }), 0);
    expect(refused).toEqual([2]);
    expect(index.size).toBe(2);
    expect(index.get('y')?.chosen).toBe(b);
    expect(heldBy(index, b)).toEqual(['y']);
  });

  it('is not changed by half a list, but for figures', () => {
    const a = slot('a');
    const index = create([a]);
    take(index, a, lists({ x: 1, y: 1 }), 0);
    const round = index.list(a, 1);
    for (const report of lists({ x: 1, z: 1 })) round.note({ ...report, readers: { ...noReaders, srt: 7 } });
    expect(heldBy(index, a)).toEqual(['x', 'y']);
    expect(index.get('z')).toBeUndefined();
    expect(index.get('x')?.holdings[0]?.report.readers.srt).toBe(7);
    take(index, a, lists({ x: 1 }), 2);
    expect(heldBy(index, a)).toEqual(['x']);
    index.clear(a);
    expect([a.index.held, index.size]).toEqual([0, 0]);
  });

  describe('counts what the later question brought, whatever the order of the answers', () => {
    const push = (index: StreamIndex) => ({ question: index.ask(), source: 'push', askedAt: 0 }) as const;
    const [live] = lists({ x: 1 });
    let a: ServerSlot;
    let index: StreamIndex;
    beforeEach(() => {
      a = slot('a');
      index = create([a]);
    });

    it('a list from before does not remove what was confirmed since', () => {
      const round = index.list(a, 0);
      index.hear(a, 'x', live, push(index));
      expect(round.finish()).toBe(true);
      expect(heldBy(index, a)).toEqual(['x']);
      expect(index.told(a, 'x')?.source).toBe('push');
      take(index, a, lists({ x: 1 }), 1);
      expect(index.told(a, 'x')).toBeUndefined();
      take(index, a, [], 2);
      expect(heldBy(index, a)).toEqual([]);
    });

    it.each([false, true])(
      'a list from before does not bring back what was denied since (noted before: %s)',
      (early) => {
        take(index, a, lists({ x: 1, y: 1 }), 0);
        const round = index.list(a, 1);
        if (early) for (const report of lists({ x: 1 })) round.note(report);
        index.hear(a, 'x', undefined, push(index));
        if (!early) for (const report of lists({ x: 1 })) round.note(report);
        expect(round.finish()).toBe(true);
        expect(heldBy(index, a)).toEqual([]);
        take(index, a, lists({ x: 1 }), 2);
        expect(heldBy(index, a)).toEqual(['x']);
      },
    );

    it('an answer to an earlier question than the last list says nothing', () => {
      const before = push(index);
      take(index, a, lists({ y: 1 }), 0);
      index.hear(a, 'x', live, before);
      index.hear(a, 'y', undefined, before);
      expect(heldBy(index, a)).toEqual(['y']);
    });

    it('nor does one to an earlier question than the last single one', () => {
      const [first, second, third] = [push(index), push(index), push(index)];
      index.hear(a, 'x', live, second);
      index.hear(a, 'x', undefined, first);
      expect(heldBy(index, a)).toEqual(['x']);
      index.hear(a, 'x', undefined, third);
      index.hear(a, 'x', live, second);
      expect(heldBy(index, a)).toEqual([]);
    });

    it('nor one from before all was given up; a list that was under way then is void', () => {
      take(index, a, lists({ x: 1 }), 0);
      const [before, round] = [push(index), index.list(a, 1)];
      for (const report of lists({ x: 1 })) round.note(report);
      index.clear(a);
      index.hear(a, 'x', live, before);
      expect(round.finish()).toBe(false);
      expect(heldBy(index, a)).toEqual([]);
    });

    it('nor anything from a server that has left, whose number another one has', () => {
      const [before, round] = [push(index), index.list(a, 1)];
      index.leave(a, false);
      const b = slot('b');
      index.join(b);
      take(index, b, lists({ z: 1 }), 1);
      for (const report of lists({ x: 1, z: 1 })) round.note(report);
      expect(round.finish()).toBe(false);
      index.hear(a, 'x', live, before);
      expect([heldBy(index, a), heldBy(index, b), index.route('z')]).toEqual([[], ['z'], 'b']);
    });
  });

  it('takes over a list that changes much in turns: each stream changes whole, and what is heard meanwhile stays', async () => {
    const a = slot('a');
    const index = create([a], 100_000);
    const names = (begin: string) =>
      lists(Object.fromEntries(Array.from({ length: 2_500 }, (_, i) => [`${begin}${i}`, 1])));
    const first = index.list(a, 1);
    for (const report of names('x')) first.note(report);
    const taken = first.finish();
    expect(index.size).toBe(1_000);
    expect(await taken).toBe(true);
    expect(index.size).toBe(2_500);

    const second = index.list(a, 2);
    for (const report of names('y')) second.note(report);
    const changed = second.finish();
    // Newer than the list: one that it names is gone, one that it does not name is there.
    const heard = { question: index.ask(), source: 'push', askedAt: 3 } as const;
    index.hear(a, 'y2000', undefined, heard);
    const [report] = lists({ x2000: 5 });
    index.hear(a, 'x2000', report, heard);
    expect(await changed).toBe(true);
    expect(index.size).toBe(2_500);
    expect([index.quick('y2000'), index.quick('x2000'), index.quick('y0'), index.quick('x0')]).toEqual([
      undefined,
      a,
      a,
      undefined,
    ]);

    const third = index.list(a, 4);
    for (const one of names('z')) third.note(one);
    const givenUp = third.finish();
    index.clear(a);
    expect(await givenUp).toBe(false);
    expect(index.size).toBe(0);
  });

  it('uses the room of streams that went again', () => {
    const a = slot('a');
    const index = create([a], 10_000);
    for (let at = 0; at < 20; at++) {
      const names = Array.from({ length: 900 }, (_, i) => [`s${at * 300 + i}`, at + 1] as const);
      take(index, a, lists(Object.fromEntries(names)), at);
      expect(index.size).toBe(900);
      expect(names.filter(([name]) => index.quick(name) !== a)).toEqual([]);
      expect(index.get(`s${at * 300 - 1}`)).toBeUndefined();
    }
    expect([...index.routes()].length).toBe(900);
  });

  it('agrees with a naive choice among publishers, copies and fillers after any sequence of lists and answers', () => {
    const names = fc.constantFrom('p', 'q', 'r');
    const feed = fc.constantFrom<Feed>('publisher', 'pulled', 'filler');
    const list = fc.dictionary(names, fc.record({ since: fc.integer({ min: 1, max: 5 }), feed }));
    const step = fc.record({ server: fc.nat({ max: 2 }), list, usable: fc.boolean(), only: fc.option(names) });
    const policy = fc.constantFrom<HolderPolicy>(...holderPolicies);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), policy, (steps, wanted) => {
        const slots = [slot('a'), slot('b'), slot('c')];
        const live = new Set<string>();
        const index = createStreamIndex(() => wanted, 100, {
          ...deaf,
          // Appears and vanishes in turn; a publisher after a copy appears again.
          changed: ({ stream, server, kind }) => {
            if (kind === 'appeared') live.add(`${server} ${stream}`);
            else expect(live.delete(`${server} ${stream}`)).toBe(true);
          },
        });
        for (const one of slots) index.join(one);
        const truth = slots.map((): Record<string, { since: number; feed: Feed }> => ({}));
        steps.forEach(({ server, list: entries, usable, only }, at) => {
          const changed = slots[server] as ServerSlot;
          const kept = truth[server] ?? {};
          const reports = Object.entries(entries).flatMap(([name, { since, feed: what }]) =>
            lists({ [name]: since }, what),
          );
          changed.usable = usable;
          index.rechoose(changed);
          if (only === null) {
            take(index, changed, reports, at);
            truth[server] = entries;
          } else {
            const asked = { question: index.ask(), source: 'push', askedAt: at } as const;
            index.hear(
              changed,
              only,
              reports.find(({ name }) => name === only),
              asked,
            );
            const said = entries[only];
            truth[server] = Object.fromEntries([
              ...Object.entries(kept).filter(([name]) => name !== only),
              ...(said === undefined ? [] : [[only, said] as const]),
            ]);
          }
          let count = 0;
          const shown = new Set<string>();
          for (const name of 'pqr') {
            const has = slots.flatMap((s, i) => {
              const one = truth[i]?.[name];
              return one === undefined ? [] : [{ slot: s, report: { feed: one.feed, publisherSinceMs: one.since } }];
            });
            const living = has.filter(({ report }) => report.feed !== 'filler');
            for (const one of living) shown.add(`${one.slot.name} ${name}`);
            if (living.length > 0) count++;
            const best = chooseHolder(name, wanted, has);
            const isShared = isSpread(wanted, living);
            const entry = index.get(name);
            expect([entry?.chosen, entry?.isSpread ?? false]).toEqual([best, isShared]);
            expect(entry?.fillers.length ?? 0).toBe(has.length - living.length);
            expect([index.quick(name), index.route(name)]).toEqual(
              isShared ? [undefined, undefined] : [best, best?.name],
            );
            expect(contested(index).includes(name)).toBe(rivalsOf(wanted, living).length > 1);
            for (const s of slots) expect(index.feedOf(s, name)).toBe(has.find((one) => one.slot === s)?.report.feed);
          }
          expect(index.size).toBe(count);
          expect(live).toEqual(shown);
          for (const [i, s] of slots.entries()) {
            const all = Object.values(truth[i] ?? {});
            expect([s.index.held, s.index.fillers]).toEqual([
              all.length,
              all.filter(({ feed: what }) => what === 'filler').length,
            ]);
          }
        });
      }),
    );
  });

  it("an operator's choice ends when the publisher there leaves, though a filler stays", () => {
    const gone: string[] = [];
    const [a, b] = [slot('a'), slot('b')];
    const index = create([a, b], 100, { overrideGone: (stream, server) => gone.push(`${stream} ${server}`) });
    take(index, a, lists({ x: 1 }), 0);
    take(index, b, lists({ x: 2 }), 0);
    index.setOverride('x', 'a');
    expect(index.quick('x')).toBe(a);
    take(index, a, lists({ x: 1 }, 'filler'), 1);
    expect(gone).toEqual(['x a']);
    expect(index.quick('x')).toBe(b);
  });

  it('agrees with the naive union after any sequence of lists', () => {
    const names = fc.constantFrom('p', 'q', 'r', 's', 't');
    const list = fc.dictionary(names, fc.integer({ min: 1, max: 5 }));
    const step = fc.record({ server: fc.nat({ max: 2 }), list, usable: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const slots = [slot('a'), slot('b'), slot('c')];
        // Kept by what listeners are told alone.
        const routes = new Map<string, string | undefined>();
        const index = create(slots, 100, {
          routed: (name) => {
            expect(index.route(name)).not.toBe(routes.get(name));
            routes.set(name, index.route(name));
          },
        });
        const truth: Record<string, number>[] = [{}, {}, {}];
        steps.forEach(({ server, list: entries, usable }, at) => {
          const changed = slots[server] as ServerSlot;
          changed.usable = usable;
          index.rechoose(changed);
          take(index, changed, lists(entries), at);
          truth[server] = entries;
          for (const name of 'pqrst') {
            const holders = slots.filter((_, i) => truth[i]?.[name] !== undefined);
            const since = (s: ServerSlot) => truth[slots.indexOf(s)]?.[name] ?? 0;
            const best = holders
              .filter((s) => s.usable)
              .sort((x, y) => since(y) - since(x) || (x.name < y.name ? -1 : 1))[0];
            expect(index.get(name)?.chosen).toBe(best);
            expect(index.get(name)?.holdings.length ?? 0).toBe(holders.length);
            for (const s of slots) expect(index.feedOf(s, name) !== undefined).toBe(holders.includes(s));
            for (const { slot: s, report } of index.get(name)?.holdings ?? []) {
              expect(report.publisherSinceMs).toBe(since(s));
            }
            expect([index.quick(name), index.route(name), routes.get(name)]).toEqual([best, best?.name, best?.name]);
          }
        });
      }),
    );
  });
});
