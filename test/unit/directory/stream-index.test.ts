import fc from 'fast-check';
import { createApiCallStats, createServerSlot, type ServerSlot } from '../../../src/directory/server-slot';
import { createStreamIndex, type IndexListeners, type StreamIndex } from '../../../src/directory/stream-index';
import type { MediamtxClient, PathReport } from '../../../src/mediamtx';

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
    readers: 0,
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
    for (const report of lists({ x: 1, z: 1 })) round.note({ ...report, readers: 7 });
    expect(heldBy(index, a)).toEqual(['x', 'y']);
    expect(index.get('z')).toBeUndefined();
    expect(index.get('x')?.holdings[0]?.report.readers).toBe(7);
    take(index, a, lists({ x: 1 }), 2);
    expect(heldBy(index, a)).toEqual(['x']);
    index.clear(a);
    expect([a.index.held, index.size]).toEqual([0, 0]);
  });

  it('agrees with the naive union after any sequence of lists', () => {
    const names = fc.constantFrom('p', 'q', 'r', 's', 't');
    const list = fc.dictionary(names, fc.integer({ min: 1, max: 5 }));
    const step = fc.record({ server: fc.nat({ max: 2 }), list, usable: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const slots = [slot('a'), slot('b'), slot('c')];
        const index = create(slots);
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
          }
        });
      }),
    );
  });
});
