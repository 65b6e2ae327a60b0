import { isLeaseLost, openStore, type Store } from '../../src/store';
import { type RedisServer, startRedis } from '../support/redis-server';
import { until } from '../support/until';
import { createRecordingLog } from '../unit/spoe/recording-log';

const readNumber = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);

describe('a store in Redis that several processes share', () => {
  const { log, lines } = createRecordingLog();
  let server: RedisServer;
  const closers: (() => Promise<unknown>)[] = [];
  beforeEach(async () => {
    lines.length = 0;
    server = await startRedis();
    closers.push(() => server.stop());
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  async function open(prefix = 'test:'): Promise<Store> {
    const store = await openStore({ redis: { url: server.url, prefix }, log });
    closers.push(() => store.close());
    return store;
  }

  it('shows each what the other one set; and nothing to those with another prefix', async () => {
    const [one, two, other] = [await open(), await open(), await open('other:')];
    await one.collection('n', readNumber).set('a', 1);
    expect(await two.collection('n', readNumber).get('a')).toBe(1);
    expect(await other.collection('n', readNumber).get('a')).toBeUndefined();
  });

  it('mixes the records of two writers into one ascending journal, none lost', async () => {
    const stores = [await open(), await open()];
    await Promise.all(
      stores.map(async (store, writer) => {
        const journal = store.journal('j', readNumber);
        let next = 0;
        for (let n = 0; n < 50; n++) {
          for (;;) {
            const newest = await journal.appendAbove([[String(next).padStart(6, '0'), writer * 100 + n]]);
            if (newest === undefined) break;
            next = Number(newest) + 1;
          }
          next++;
        }
      }),
    );
    const records = (await stores[0]?.journal('j', readNumber).read({ limit: 1000 })) ?? [];
    expect(records).toHaveLength(100);
    for (const writer of [0, 1]) {
      const own = records.map(([, n]) => n).filter((n) => Math.floor(n / 100) === writer);
      expect(own).toEqual(Array.from({ length: 50 }, (_, n) => writer * 100 + n));
    }
  });

  describe('lease', () => {
    it('is held by one at a time; when it is given up, the other has it at once', async () => {
      const first = (await open()).lease('l');
      await until('the first has it', () => first.isHeld);
      const second = (await open()).lease('l');
      closers.push(() => second.release());
      const seen: boolean[] = [];
      second.onChange((isHeld) => seen.push(isHeld));
      await expect(second.store.collection('n', readNumber).set('a', 2)).rejects.toThrow(
        'the lease l is not held by this process',
      );
      await first.release();
      expect(first.isHeld).toBe(false);
      const released = performance.now();
      await until('the second has it', () => second.isHeld);
      expect(performance.now() - released).toBeLessThan(2000);
      expect(seen).toEqual([true]);
      // It was refused while the first one had it.
      expect(second.elsewhereAtMs).toBeLessThanOrEqual(released);
      expect([first.changes, second.changes]).toEqual([2, 1]);
    });

    it('goes to another within five seconds when its holder vanishes, and comes back to nobody', async () => {
      const [one, two] = [await open(), await open()];
      const first = one.lease('l');
      await until('the first has it', () => first.isHeld);
      const second = two.lease('l');
      closers.push(() => second.release());
      // What is closed cannot renew.
      await one.close();
      const vanished = performance.now();
      await until('the second has it', () => second.isHeld);
      expect(performance.now() - vanished).toBeLessThan(5000);
      expect(first.isHeld).toBe(false);
      await first.release();
      expect(second.isHeld).toBe(true);
    });

    it('lets a holder that does not know it lost it write nothing', async () => {
      const [one, two] = [await open(), await open()];
      const first = one.lease('l');
      closers.push(() => first.release());
      await until('the first has it', () => first.isHeld);
      const numbers = first.store.collection('n', readNumber);
      await numbers.set('a', 1);
      // Somebody else has it, as after a long pause of this process.
      const lost = first.store.journal('j', readNumber);
      const { Redis } = await import('ioredis');
      const redis = new Redis(server.url);
      await redis.set('test:{mtxpilot}:lease:l', 'another', 'PX', 60_000);
      redis.disconnect();
      expect(first.isHeld).toBe(true);
      const failures = [
        await numbers.set('a', 2).catch((error: unknown) => error),
        await lost.append([['1', 1]]).catch((error: unknown) => error),
        await lost.appendAbove([['1', 1]]).catch((error: unknown) => error),
        await lost.cut('9').catch((error: unknown) => error),
      ];
      expect(failures.map(isLeaseLost)).toEqual([true, true, true, true]);
      expect(await two.collection('n', readNumber).get('a')).toBe(1);
      await until('it knows', () => !first.isHeld);
    });

    it('is lost by time while Redis hangs, and held by one again when it goes on', async () => {
      const leases = [(await open()).lease('l'), (await open()).lease('l')];
      for (const lease of leases) closers.push(() => lease.release());
      await until('one has it', () => leases.some((lease) => lease.isHeld));
      server.freeze();
      await until('nobody has it', () => leases.every((lease) => !lease.isHeld));
      server.thaw();
      await until('one has it again', () => leases.some((lease) => lease.isHeld));
      expect(leases.filter((lease) => lease.isHeld)).toHaveLength(1);
    });
  });

  it('fails at once while Redis is away, and has all that was acknowledged when it is back', async () => {
    const store = await open();
    const numbers = store.collection('n', readNumber);
    await numbers.set('a', 1);
    await server.halt('SIGKILL');
    await expect(numbers.set('b', 2)).rejects.toThrow(/^Redis at 127\./);
    await expect(store.journal('j', readNumber).count()).rejects.toThrow(/^Redis at 127\./);
    await server.restart();
    await until('it answers', async () => (await numbers.get('a')) === 1);
    await numbers.set('b', 3);
    expect(await numbers.entries()).toEqual([
      ['a', 1],
      ['b', 3],
    ]);
    expect(lines).toEqual(['warn Redis is away; it is tried again', 'info Redis answers again']);
  });

  it('does not wait longer than two seconds for a Redis that hangs', async () => {
    const store = await open();
    server.freeze();
    const asked = performance.now();
    await expect(store.collection('n', readNumber).get('a')).rejects.toThrow(/^Redis at 127\..*: Command timed out/);
    expect(performance.now() - asked).toBeLessThan(4000);
    server.thaw();
    await until('it answers', () =>
      store
        .collection('n', readNumber)
        .get('a')
        .then(
          () => true,
          () => false,
        ),
    );
  });

  it('knows whether it answers, also while it hangs', async () => {
    const store = await open();
    expect(store.isUp).toBe(true);
    server.freeze();
    await expect(store.collection('n', readNumber).get('a')).rejects.toThrow('Command timed out');
    expect(store.isUp).toBe(false);
    server.thaw();
    await until('it answers', async () => {
      await store.collection('n', readNumber).get('a');
      return store.isUp;
    });
    expect(lines).toEqual(['warn Redis is away; it is tried again', 'info Redis answers again']);
  });

  it('tells a collection that changed from one that did not', async () => {
    const [one, two] = [await open(), await open()];
    const [own, others] = [one.collection('n', readNumber), two.collection('n', readNumber)];
    const before = await own.revision();
    expect(await own.revision()).toBe(before);
    await two.collection('other', readNumber).set('a', 1);
    expect(await own.revision()).toBe(before);
    await others.set('a', 1);
    const after = await own.revision();
    expect(after).not.toBe(before);
    await others.delete('a');
    expect(await own.revision()).not.toBe(after);
  });

  it('names a Redis that is not there', async () => {
    await server.halt();
    const { url } = server;
    await expect(openStore({ redis: { url, prefix: '', password: 'geheim' }, log })).rejects.toThrow(
      /^Redis at 127\.[0-9.]+:6379: connect ECONNREFUSED/,
    );
  });

  it('gives the password, and says that it is wrong or missing without naming it', async () => {
    const guarded = await startRedis({ password: 'open sesame' });
    closers.push(() => guarded.stop());
    const { url } = guarded;
    const store = await openStore({ redis: { url, prefix: '', password: 'open sesame' }, log });
    closers.push(() => store.close());
    await store.collection('n', readNumber).set('a', 1);
    const told = await Promise.all(
      ['geheim', undefined].map((password) =>
        openStore({ redis: { url, prefix: '', password }, log }).then(
          () => 'opened',
          (error: unknown) => String(error),
        ),
      ),
    );
    expect(told[0]).toMatch(/^Error: Redis at 127\.[0-9.]+:6379: WRONGPASS/);
    expect(told[1]).toMatch(/^Error: Redis at 127\.[0-9.]+:6379: NOAUTH/);
    expect([...told, ...lines].join('\n')).not.toMatch(/geheim|sesame/);
  });
});
