import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryStore, openStore, type Store } from '../../src/store';
import { startRedis } from '../support/redis-server';
import { until } from '../support/until';
import { createRecordingLog } from '../unit/spoe/recording-log';

/** One way to keep things; `reopen` gives the same place again after the first store was closed. */
interface Subject {
  readonly name: string;
  open(log: ReturnType<typeof createRecordingLog>['log']): Promise<Store>;
  /** False where a new store begins empty. */
  readonly keeps: boolean;
  clean(): Promise<void>;
}

function embedded(): Subject {
  const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-store-'));
  return {
    name: 'embedded',
    open: (log) => openStore({ folder: join(folder, 'state'), log }),
    keeps: true,
    clean: () => rm(folder, { recursive: true, force: true }),
  };
}

function redis(): Subject {
  const server = startRedis();
  return {
    name: 'Redis',
    open: async (log) => openStore({ redis: { url: (await server).url, prefix: 'test:' }, log }),
    keeps: true,
    clean: async () => (await server).stop(),
  };
}

function memory(): Subject {
  return {
    name: 'memory',
    open: (log) => Promise.resolve(createMemoryStore(log)),
    keeps: false,
    clean: () => Promise.resolve(),
  };
}

interface Thing {
  readonly n: number;
}
const readThing = (value: unknown): Thing | undefined =>
  typeof value === 'object' && value !== null && typeof (value as { n?: unknown }).n === 'number'
    ? { n: (value as Thing).n }
    : undefined;
const thing = (n: number): Thing => ({ n });
const named = (letters: string) => Array.from(letters).map((id, n) => [id, thing(n)] as const);

describe.each([embedded, redis, memory])('the %p store', (makeSubject) => {
  let subject: Subject;
  let store: Store;
  let recording: ReturnType<typeof createRecordingLog>;

  beforeEach(async () => {
    subject = makeSubject();
    recording = createRecordingLog();
    store = await subject.open(recording.log);
  });
  afterEach(async () => {
    await store.close();
    await subject.clean();
  });

  describe('collection', () => {
    it('gives what was set, the newest value, and undefined for what is not there', async () => {
      const things = store.collection('things', readThing);
      expect(await things.get('a')).toBeUndefined();
      await things.set('a', thing(1));
      expect(await things.get('a')).toEqual(thing(1));
      await things.set('a', thing(2));
      expect(await things.get('a')).toEqual(thing(2));
      expect(await things.entries()).toEqual([['a', thing(2)]]);
    });

    it('forgets what was deleted, and does not mind deleting it again', async () => {
      const things = store.collection('things', readThing);
      await things.set('a', thing(1));
      await things.delete('a');
      await things.delete('a');
      expect(await things.get('a')).toBeUndefined();
      expect(await things.entries()).toEqual([]);
    });

    it('writes many at once: sets and removes, or nothing where one is not allowed', async () => {
      const things = store.collection('things', readThing);
      await things.write([
        ['a', thing(1)],
        ['b', thing(2)],
      ]);
      await things.write([
        ['a', undefined],
        ['b', thing(3)],
        ['c', thing(4)],
      ]);
      const all = [
        ['b', thing(3)],
        ['c', thing(4)],
      ];
      expect(await things.entries()).toEqual(all);
      const bad = [['d', thing(5)] as const, ['', thing(6)] as const];
      await expect(things.write(bad)).rejects.toThrow(TypeError);
      expect(await things.entries()).toEqual(all);
      await things.write([]);
    });

    it("lists by the bytes of the keys' UTF-8", async () => {
      const things = store.collection('things', readThing);
      // U+FF5E comes after U+1F3A5 in UTF-16 units, before it in UTF-8.
      const ascending = ['A', 'a', 'a/b', 'a0', 'b', 'é', '\uff5e', '\u{1f3a5}'];
      for (const key of ['b', '\u{1f3a5}', 'a', '\uff5e', 'a0', 'é', 'A', 'a/b']) await things.set(key, thing(1));
      expect((await things.entries()).map(([key]) => key)).toEqual(ascending);
      await things.set('aa', thing(1));
      await things.delete('b');
      expect((await things.entries()).map(([key]) => key)).toEqual([
        'A',
        'a',
        'a/b',
        'a0',
        'aa',
        'é',
        '\uff5e',
        '\u{1f3a5}',
      ]);
    });

    it('keeps collections apart, and collections from journals, whatever their names begin with', async () => {
      const places = ['a', 'a-b', 'ab', 'b'].map((name) => store.collection(name, readThing));
      for (const [index, place] of places.entries()) await place.set('key', thing(index));
      await store.journal('a', readThing).append([['key', thing(9)]]);
      for (const [index, place] of places.entries()) expect(await place.entries()).toEqual([['key', thing(index)]]);
    });

    it('has no two sets mixed up: the last one asked for stands', async () => {
      const things = store.collection('things', readThing);
      await Promise.all(Array.from({ length: 100 }, (_, n) => things.set('a', thing(n))));
      expect(await things.get('a')).toEqual(thing(99));
    });

    it.each([
      ['an empty key', ''],
      ['a key that is too long', 'x'.repeat(1025)],
      ['a key that is half a character', 'a\ud83c'],
    ])('refuses %s', async (_, key) => {
      const things = store.collection('things', readThing);
      await expect(things.set(key, thing(1))).rejects.toThrow(/^a key is a well-formed text of 1 to 1024 characters/);
      await expect(things.get(key)).rejects.toThrow(TypeError);
    });

    it('refuses a value that is no JSON or too large, and a name that is not allowed', async () => {
      const anything = store.collection('things', (value) => value);
      await expect(anything.set('a', undefined)).rejects.toThrow('a value must be JSON, not undefined');
      await expect(anything.set('a', 'x'.repeat(1024 * 1024))).rejects.toThrow(
        'a value has at most 1048576 bytes of JSON, not 1048578',
      );
      expect(await anything.entries()).toEqual([]);
      expect(() => store.collection('a b', readThing)).toThrow(/letters, digits and -, not "a b"$/);
    });

    it('leaves out what cannot be understood, and says so once', async () => {
      await store.collection('things', (value) => value).set('bad', 'not a thing');
      const things = store.collection('things', readThing);
      await things.set('good', thing(1));
      expect(await things.entries()).toEqual([['good', thing(1)]]);
      expect(await things.get('bad')).toBeUndefined();
      expect(recording.lines).toEqual(['warn a document of the store cannot be understood and is left out']);
    });
  });

  describe('journal', () => {
    const ids = (records: readonly (readonly [string, unknown])[]) => records.map(([id]) => id).join('');

    it('reads ranges from both ends', async () => {
      const journal = store.journal('events', readThing);
      await journal.append(named('abc'));
      await journal.append(named('def'));
      expect(await journal.count()).toBe(6);
      expect(await journal.read({ limit: 2 })).toEqual([
        ['a', thing(0)],
        ['b', thing(1)],
      ]);
      expect(ids(await journal.read({ limit: 10 }))).toBe('abcdef');
      expect(ids(await journal.read({ after: 'b', limit: 3 }))).toBe('cde');
      expect(ids(await journal.read({ after: 'bb', limit: 10 }))).toBe('cdef');
      expect(ids(await journal.read({ after: 'f', limit: 10 }))).toBe('');
      expect(ids(await journal.read({ after: 'b', before: 'e', limit: 10 }))).toBe('cd');
      expect(ids(await journal.read({ newestFirst: true, limit: 2 }))).toBe('fe');
      expect(ids(await journal.read({ newestFirst: true, before: 'd', limit: 2 }))).toBe('cb');
      expect(ids(await journal.read({ newestFirst: true, after: 'd', limit: 9 }))).toBe('fe');
      expect(ids(await journal.read({ after: 'e', before: 'b', limit: 10 }))).toBe('');
    });

    it('is cut at its old end', async () => {
      const journal = store.journal('events', readThing);
      await journal.append(named('abcdef'));
      await journal.trim('c');
      expect(ids(await journal.read({ limit: 10 }))).toBe('def');
      await journal.trim('a');
      await journal.append([['g', thing(1)]]);
      expect(ids(await journal.read({ limit: 10 }))).toBe('defg');
      expect(await journal.count()).toBe(4);
      await journal.trim('z');
      expect(await journal.count()).toBe(0);
      await journal.append([['h', thing(1)]]);
      expect(ids(await journal.read({ limit: 10 }))).toBe('h');
    });

    it('replaces a record of the same id', async () => {
      const journal = store.journal('events', readThing);
      await journal.append([['a', thing(1)]]);
      await journal.append([['a', thing(2)]]);
      expect(await journal.read({ limit: 9 })).toEqual([['a', thing(2)]]);
    });

    it('takes nothing of a batch that has a record which is not allowed', async () => {
      const journal = store.journal('events', readThing);
      await expect(
        journal.append([
          ['a', thing(1)],
          ['', thing(2)],
        ]),
      ).rejects.toThrow(TypeError);
      expect(await journal.count()).toBe(0);
    });

    it('counts some thousand', async () => {
      const journal = store.journal('events', readThing);
      await journal.append(Array.from({ length: 5000 }, (_, n) => [String(n).padStart(6, '0'), thing(n)]));
      expect(await journal.count()).toBe(5000);
      expect(ids(await journal.read({ newestFirst: true, limit: 1 }))).toBe('004999');
    });
  });

  describe('journal of several writers', () => {
    it('takes only what is above all that is there, or there already', async () => {
      const journal = store.journal('events', readThing);
      expect(await journal.appendAbove([])).toBeUndefined();
      expect(await journal.appendAbove(named('bd'))).toBeUndefined();
      expect(await journal.appendAbove(named('ce'))).toBe('d');
      expect(await journal.appendAbove(named('a'))).toBe('d');
      expect(await journal.count()).toBe(2);
      // Again, because the answer was lost.
      expect(await journal.appendAbove(named('bd'))).toBeUndefined();
      // Another record with an id that is taken.
      expect(await journal.appendAbove([['b', thing(9)]])).toBe('d');
      expect(await journal.appendAbove(named('ef'))).toBeUndefined();
      expect((await journal.read({ limit: 9 })).map(([id]) => id).join('')).toBe('bdef');
    });
  });

  describe('lease', () => {
    it('is held by one, whose writes count, until it gives it up', async () => {
      const lease = store.lease('events');
      await until('it is held', () => lease.isHeld);
      await lease.store.collection('things', readThing).set('a', thing(1));
      await lease.store.journal('events', readThing).append([['1', thing(2)]]);
      expect(await lease.store.journal('events', readThing).appendAbove([['2', thing(3)]])).toBeUndefined();
      await lease.store.journal('events', readThing).trim('1');
      expect(await store.collection('things', readThing).get('a')).toEqual(thing(1));
      expect(await store.journal('events', readThing).count()).toBe(1);
      await lease.release();
      await lease.release();
    });
  });

  describe('quota', () => {
    it('gives what is wanted of what there is, and never less than is used', async () => {
      const [one, other] = [store.quota('one'), store.quota('other')];
      expect(await one.claim({ used: 0, wanted: 2, most: 3 })).toEqual({ granted: 2, elsewhere: 0 });
      expect(await one.claim({ used: 2, wanted: 5, most: 3 })).toEqual({ granted: 3, elsewhere: 0 });
      expect(await one.claim({ used: 4, wanted: 5, most: 3 })).toEqual({ granted: 4, elsewhere: 0 });
      expect(await other.claim({ used: 0, wanted: 1, most: 1 })).toEqual({ granted: 1, elsewhere: 0 });
      expect(await one.claim({ used: 0, wanted: 0, most: 3 })).toEqual({ granted: 0, elsewhere: 0 });
      await store.close();
      await expect(one.claim({ used: 0, wanted: 1, most: 1 })).rejects.toThrow('the store is closed');
    });
  });

  it('says that it is closed', async () => {
    const things = store.collection('things', readThing);
    await store.close();
    await store.close();
    await expect(things.get('a')).rejects.toThrow('the store is closed');
    await expect(things.set('a', thing(1))).rejects.toThrow('the store is closed');
  });

  it('has everything again after it was closed and opened, where it keeps', async () => {
    await store.collection('things', readThing).set('a', thing(1));
    await store.journal('events', readThing).append([['1', thing(2)]]);
    await store.close();
    store = await subject.open(recording.log);
    expect(store.isDurable).toBe(subject.keeps);
    const kept = subject.keeps ? 1 : 0;
    expect(await store.collection('things', readThing).entries()).toHaveLength(kept);
    expect(await store.journal('events', readThing).count()).toBe(kept);
  });
});
