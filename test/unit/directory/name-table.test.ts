import fc from 'fast-check';
import { createNameTable } from '../../../src/directory/name-table';

describe('the table of names', () => {
  it('agrees with a Map after any adding and removing, whatever the hash', () => {
    const name = fc.oneof(fc.constantFrom('', 'a', 'b', 'live/a', 'live/b', '__proto__'), fc.string({ maxLength: 3 }));
    const step = fc.record({ name, isAdded: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer(), (steps, seed) => {
        const names: (string | undefined)[] = [];
        const table = createNameTable(names, seed);
        const truth = new Map<string, number>();
        for (const { name, isAdded } of steps) {
          const row = truth.get(name);
          expect(table.find(name)).toBe(row ?? -1);
          if (isAdded && row === undefined) {
            truth.set(name, names.push(name) - 1);
            table.add(name, names.length - 1);
          } else if (!isAdded) {
            table.remove(name);
            if (row !== undefined) names[row] = undefined;
            truth.delete(name);
          }
        }
        for (const [name, row] of truth) expect(table.find(name)).toBe(row);
      }),
    );
  });

  it('finds all of many names, while it grows and after most are gone', () => {
    const names: (string | undefined)[] = Array.from({ length: 50_000 }, (_, i) => `live/${i % 100}/${i}`);
    const table = createNameTable(names);
    const find = (i: number) => table.find(`live/${i % 100}/${i}`);
    const lost: number[] = [];
    names.forEach((name = '', row) => {
      table.add(name, row);
      if (find(row >> 1) !== row >> 1) lost.push(row >> 1);
    });
    // In an order that is neither that of coming nor its reverse, so that gaps close across other names.
    for (let i = 0; i < 50_000; i++) {
      const row = (i * 7919) % 50_000;
      if (row % 100 === 0) continue;
      table.remove(names[row] ?? '');
      names[row] = undefined;
    }
    for (let row = 0; row < 50_000; row++) if (find(row) !== (row % 100 === 0 ? row : -1)) lost.push(row);
    expect(lost).toEqual([]);
  });
});
