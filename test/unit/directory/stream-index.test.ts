import fc from 'fast-check';
import { createApiCallStats, createServerSlot, type ServerSlot } from '../../../src/directory/server-slot';
import { createStreamIndex, type IndexListeners, type StreamIndex } from '../../../src/directory/stream-index';
import { type MediamtxClient, noReaders, type PathReport } from '../../../src/mediamtx';

function slot(name: string): ServerSlot {
  const fleet = { name, address: '', port: 1, apiUrl: '', operational: 'UP', administrative: 'ready' } as const;
  return createServerSlot(fleet, {} as MediamtxClient, createApiCallStats());
}

function lists(entries: Record<string, number>): PathReport[] {
  const report = (name: string, publisherSinceMs: number): PathReport => ({
    name,
    live: true,
    publisherSinceMs,
    sourceType: undefined,
    readers: noReaders,
    tracks: [],
    bytesReceived: 0,
    bytesSent: 0,
  });
  return Object.entries(entries).map(([name, since]) => report(name, since));
}

function take(index: StreamIndex, slot: ServerSlot, reports: PathReport[], at: number): void {
  const round = index.list(slot, at);
  for (const report of reports) round.note(report);
  round.finish();
}

const newest = () => 'newest' as const;
const none = () => undefined;
const deaf: IndexListeners = { refused: none, changed: none, routed: none, overrideGone: none };

function create(slots: ServerSlot[], maxStreams = 100, listeners: Partial<IndexListeners> = {}): StreamIndex {
  const index = createStreamIndex(newest, maxStreams, { ...deaf, ...listeners });
  for (const slot of slots) index.join(slot);
  return index;
}

const heldBy = (index: StreamIndex, slot: ServerSlot) => [...index.names()].filter((name) => index.holds(slot, name));
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
      round.finish();
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
        round.finish();
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

  it('uses the room of streams that went again', () => {
    const a = slot('a');
    const index = create([a], 10_000);
    for (let at = 0; at < 20; at++) {
      const names = Array.from({ length: 3000 }, (_, i) => [`s${at * 1000 + i}`, at + 1] as const);
      take(index, a, lists(Object.fromEntries(names)), at);
      expect(index.size).toBe(3000);
      expect(names.filter(([name]) => index.quick(name) !== a)).toEqual([]);
      expect(index.get(`s${at * 1000 - 1}`)).toBeUndefined();
    }
    expect([...index.routes()].length).toBe(3000);
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
            for (const s of slots) expect(index.holds(s, name)).toBe(holders.includes(s));
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
