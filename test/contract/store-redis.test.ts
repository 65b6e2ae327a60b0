import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { isLeaseLost, openStore, type Store } from '../../src/store';
import { takeLoopbackBlock } from '../support/loopback-block';
import { type RedisServer, startRedis } from '../support/redis-server';
import { until } from '../support/until';
import { within } from '../support/within';
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

  it('a Redis that is full answers and keeps nothing: it is not up until it keeps again', async () => {
    const store = await open();
    const numbers = store.collection('n', readNumber);
    await numbers.set('a', 1);
    const redis = admin();
    await redis.config('SET', 'maxmemory', '1');
    await expect(numbers.set('a', 2)).rejects.toThrow('OOM');
    expect(store.isUp).toBe(false);
    expect(store.failure).toBe('Redis is full (OOM)');
    expect(await numbers.get('a')).toBe(1);
    expect(store.isUp).toBe(false);
    await redis.config('SET', 'maxmemory', '0');
    await numbers.set('a', 3);
    expect(store.isUp).toBe(true);
    expect(lines).toEqual(['error Redis stores nothing that is written', 'info Redis takes writes again']);
  });

  /** A client of the test's own. */
  function admin(url = server.url): Redis {
    const redis = new Redis(url);
    closers.push(() => redis.quit());
    return redis;
  }

  it('a replica takes no orders and says why, also while another agent leads on its primary; it is up when it is made the primary', async () => {
    const replica = await startRedis({ replicaOf: server });
    closers.push(() => replica.stop());
    const link = admin(replica.url);
    await until('it follows', async () => (await link.info('replication')).includes('master_link_status:up'));
    const leader = (await open()).lease('leader');
    closers.push(() => leader.release());
    await until('another agent leads', () => leader.isHeld);
    lines.length = 0;
    const store = await openStore({ redis: { url: replica.url, prefix: 'test:' }, log });
    closers.push(() => store.close());
    const numbers = store.collection('n', readNumber);
    await expect(numbers.set('a', 1)).rejects.toThrow('READONLY');
    const lease = store.lease('leader');
    closers.push(() => lease.release());
    let tries = 0;
    await until('it was tried many times', async () => {
      expect(store.isUp).toBe(false);
      expect(store.failure).toBe('this Redis is a replica, which takes no writes (READONLY)');
      await numbers.set('a', 1).catch(() => tries++);
      return tries > 50;
    });
    // It looks for the new primary behind the address again and again; between that it can be read.
    await until('it can be read', async () => (await numbers.get('a').catch(() => 0)) === undefined);
    // On a busy machine finding it again may take so long that it counts as away.
    const told = () => lines.filter((line) => !/Redis (is away|answers again)/.test(line));
    expect(told()).toEqual(['error Redis stores nothing that is written']);
    await link.replicaof('NO', 'ONE');
    await until('it is up without an order', () => store.isUp);
    await numbers.set('a', 1);
    expect(store.failure).toBeUndefined();
    expect(told()).toEqual(['error Redis stores nothing that is written', 'info Redis takes writes again']);
  });

  it('a Redis that cannot save takes no orders and says why; it is up when it can save again', async () => {
    const store = await open();
    const numbers = store.collection('n', readNumber);
    await numbers.set('a', 1);
    const lease = store.lease('leader');
    closers.push(() => lease.release());
    const around = mkdtempSync(join(tmpdir(), 'mtxpilot-redis-dir-'));
    closers.push(() => rm(around, { recursive: true, force: true }));
    const gone = join(around, 'gone');
    const redis = admin();
    const saved = (status: string) =>
      until(`a save that is ${status}`, async () => {
        await redis.bgsave().catch(() => undefined);
        return (await redis.info('persistence')).includes(`rdb_last_bgsave_status:${status}`);
      });
    await redis.config('SET', 'stop-writes-on-bgsave-error', 'yes', 'save', '3600 1');
    mkdirSync(gone);
    await redis.config('SET', 'dir', gone);
    rmSync(gone, { recursive: true });
    await saved('err');
    await expect(numbers.set('a', 2)).rejects.toThrow('MISCONF');
    expect(store.isUp).toBe(false);
    expect(store.failure).toBe('Redis cannot save to its disk (MISCONF)');
    expect(await numbers.get('a')).toBe(1);
    expect(store.isUp).toBe(false);
    await redis.config('SET', 'dir', around);
    await saved('ok');
    await until('it is up without an order', () => store.isUp);
    await numbers.set('a', 3);
    expect(lines).toEqual(['error Redis stores nothing that is written', 'info Redis takes writes again']);
  });

  /** Listens at Redis's port and sends this for as long as anybody takes it. */
  async function startStranger(flood: string): Promise<{ readonly address: string; readonly mostSent: () => number }> {
    const block = await takeLoopbackBlock();
    const sockets = new Set<Socket>();
    let mostSent = 0;
    const stranger = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
      const send = (): void => {
        while (!socket.destroyed && socket.write(flood)) mostSent = Math.max(mostSent, socket.bytesWritten);
        mostSent = Math.max(mostSent, socket.bytesWritten);
        if (!socket.destroyed) socket.once('drain', send);
      };
      send();
    });
    await new Promise<void>((resolve) => stranger.listen(6379, block.address(1), resolve));
    closers.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => stranger.close(resolve));
      await block.release();
    });
    return { address: block.address(1), mostSent: () => mostSent };
  }

  it.each([
    ['one value without end', '$500000000\r\n'.padEnd(60_000, 'x')],
    ['good news without end', '+OK\r\n'.repeat(12_000)],
    ['news that nobody asked for', '>1\r\n+OK\r\n'.repeat(6000)],
    ['lists of lists', '*1\r\n'.repeat(15_000)],
    ['long lists of long lists', '*30000000\r\n'.repeat(5000)],
  ])('a stranger at the address that sends %s is cut off and named', async (_, flood) => {
    const { address, mostSent } = await startStranger(flood);
    const giveUp = new AbortController();
    const url = `redis://${address}:6379/0`;
    const memory = process.memoryUsage.rss();
    const failed = expect(openStore({ redis: { url, prefix: '' }, log, signal: giveUp.signal })).rejects.toThrow(
      address,
    );
    const isNamed = () => lines.some((line) => line.includes('is not Redis'));
    await until('it to be named', () => isNamed() || mostSent() > 200_000_000);
    giveUp.abort();
    await failed;
    expect(lines.filter((line) => line.includes('is not Redis'))).toHaveLength(1);
    // What fits into the buffers of the system on top of what was read.
    expect(mostSent()).toBeLessThan(64_000_000);
    expect(process.memoryUsage.rss() - memory).toBeLessThan(200_000_000);
  });

  it('a stranger that answers every question with OK is told nothing and is not taken for a store', async () => {
    const block = await takeLoopbackBlock();
    const asked: string[] = [];
    const sockets = new Set<Socket>();
    const stranger = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        asked.push(data.toString('latin1'));
        const questions = data.toString('latin1').match(/(?:^|\r\n)\*\d+\r\n/g)?.length ?? 0;
        socket.write('+OK\r\n'.repeat(questions));
      });
    });
    await new Promise<void>((resolve) => stranger.listen(6379, block.address(1), resolve));
    closers.push(async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => stranger.close(resolve));
      await block.release();
    });
    const giveUp = new AbortController();
    const url = `redis://${block.address(1)}:6379/0`;
    const failed = expect(openStore({ redis: { url, prefix: '' }, log, signal: giveUp.signal })).rejects.toThrow(
      'is not Redis',
    );
    await until('it to be named', () => lines.some((line) => line.includes('is not Redis')));
    giveUp.abort();
    await failed;
    expect(lines.filter((line) => line.includes('is not Redis'))).toHaveLength(1);
    expect(asked.join('')).not.toMatch(/eval|hget/i);
  });

  it('a stranger in place of a Redis that ended is told nothing: nothing is taken for kept', async () => {
    const store = await open();
    const numbers = store.collection('n', readNumber);
    await numbers.set('a', 1);
    await server.halt();
    const sockets = new Set<Socket>();
    const { hostname } = new URL(server.url);
    const stranger = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        const questions = data.toString('latin1').match(/(?:^|\r\n)\*\d+\r\n/g)?.length ?? 0;
        socket.write('+ok\r\n'.repeat(questions));
      });
    });
    await new Promise<void>((resolve) => stranger.listen(6379, hostname, resolve));
    const end = async (): Promise<void> => {
      for (const socket of sockets) socket.destroy();
      if (stranger.listening) await new Promise((resolve) => stranger.close(resolve));
    };
    closers.push(end);
    await until('it to be named', () => lines.some((line) => line.includes('is not Redis')));
    await expect(numbers.set('a', 2)).rejects.toThrow(hostname);
    expect(store.isUp).toBe(false);
    await end();
    await server.restart();
    await until('Redis to be back', () => store.isUp);
    expect(await numbers.get('a')).toBe(1);
  });

  it('gives texts that are more than one page of an answer', async () => {
    const texts = (await open()).collection('t', (value) => value);
    const keys = Array.from({ length: 12 }, (_, i) => `k${String(i).padStart(2, '0')}`);
    for (const key of keys) await texts.set(key, 'x'.repeat(900_000));
    expect((await texts.entries()).map(([key]) => key)).toEqual(keys);
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

  describe('quota', () => {
    const claimOf = (used: number, wanted: number) => ({ used, wanted, most: 3 });

    it('is shared: each has what it was given, and no more than the others leave, but what is used is counted', async () => {
      const [one, two, other] = [
        (await open()).quota('q'),
        (await open()).quota('q'),
        (await open('other:')).quota('q'),
      ];
      expect(await one.claim(claimOf(0, 2))).toEqual({ granted: 2, elsewhere: 0 });
      expect(await two.claim(claimOf(0, 2))).toEqual({ granted: 1, elsewhere: 2 });
      expect(await two.claim(claimOf(1, 2))).toEqual({ granted: 1, elsewhere: 2 });
      expect(await other.claim(claimOf(0, 3))).toEqual({ granted: 3, elsewhere: 0 });
      expect(await one.claim(claimOf(1, 1))).toEqual({ granted: 1, elsewhere: 1 });
      expect(await two.claim(claimOf(1, 2))).toEqual({ granted: 2, elsewhere: 1 });
      // As after Redis was away.
      expect(await one.claim(claimOf(4, 5))).toEqual({ granted: 4, elsewhere: 2 });
      expect(await two.claim(claimOf(0, 2))).toEqual({ granted: 0, elsewhere: 4 });
      expect(await one.claim(claimOf(0, 0))).toEqual({ granted: 0, elsewhere: 0 });
      expect(await two.claim(claimOf(0, 3))).toEqual({ granted: 3, elsewhere: 0 });
    });

    it('keeps nothing of who claims no more', async () => {
      const [one, two] = [(await open()).quota('q'), (await open()).quota('q')];
      expect(await one.claim(claimOf(3, 3))).toEqual({ granted: 3, elsewhere: 0 });
      await until('its part to run out', async () => (await two.claim(claimOf(0, 1))).granted === 1, 100);
      expect(await two.claim(claimOf(1, 3))).toEqual({ granted: 3, elsewhere: 0 });
      expect(await one.claim(claimOf(3, 3))).toEqual({ granted: 3, elsewhere: 3 });
      await one.claim(claimOf(0, 0));
      await two.claim(claimOf(0, 0));
      expect(await admin().keys('*quota*')).toEqual([]);
    });

    it('takes no claim that comes after a later one', async () => {
      const store = await open();
      const quota = store.quota('q');
      await quota.claim(claimOf(1, 1));
      const redis = admin();
      const [[holder, part] = ['', '']] = Object.entries(await redis.hgetall('test:{mtxpilot}:quota:q'));
      expect(part).toMatch(/^1 \d+ 1$/);
      await redis.hset('test:{mtxpilot}:quota:q', holder, part.replace(/1$/, '3'));
      await expect(quota.claim(claimOf(0, 0))).rejects.toThrow('a later claim came first');
      expect(store.isUp).toBe(true);
      await expect(quota.claim(claimOf(0, 0))).rejects.toThrow('a later claim came first');
      expect(await quota.claim(claimOf(0, 0))).toEqual({ granted: 0, elsewhere: 0 });
    });
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
      expect(seen).toEqual([true]);
      // It was refused while the first one had it.
      expect(second.elsewhereAtMs).toBeLessThanOrEqual(released);
      expect([first.changes, second.changes]).toEqual([2, 1]);
    });

    it('goes to another within two seconds when it is given up', async () => {
      const [one, two] = [await open(), await open()];
      await within(
        2000,
        'the other to have it',
        async (number) => {
          const first = one.lease(`given-up-${number}`);
          await until('the first has it', () => first.isHeld);
          const second = two.lease(`given-up-${number}`);
          closers.push(() => second.release());
          await first.release();
          return () => second.isHeld;
        },
        1,
      );
    });

    it('goes to another within five seconds when its holder vanishes, and comes back to nobody', async () => {
      const two = await open();
      await within(
        5000,
        'the other to have it',
        async (number) => {
          const one = await open();
          const first = one.lease(`vanished-${number}`);
          await until('the first has it', () => first.isHeld);
          const second = two.lease(`vanished-${number}`);
          closers.push(() => second.release());
          // What is closed cannot renew.
          await one.close();
          return async () => {
            if (!second.isHeld) return false;
            expect(first.isHeld).toBe(false);
            await first.release();
            expect(second.isHeld).toBe(true);
            return true;
          };
        },
        1,
      );
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
        await lost.trim('9').catch((error: unknown) => error),
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
    expect(lines).toEqual(['warn Redis is away; will be tried again', 'info Redis answers again']);
  });

  it('does not wait longer than two seconds for a Redis that hangs', async () => {
    const store = await open();
    let answer: string | undefined;
    await within(
      4000,
      'an answer',
      () => {
        server.freeze();
        answer = undefined;
        void store
          .collection('n', readNumber)
          .get('a')
          .then(String, (error: unknown) => (error as Error).message)
          .then((text) => (answer = text));
        return () => answer !== undefined;
      },
      1,
    );
    expect(answer).toMatch(/^Redis at 127\..*: Command timed out/);
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
    expect(lines).toEqual(['warn Redis is away; will be tried again', 'info Redis answers again']);
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
