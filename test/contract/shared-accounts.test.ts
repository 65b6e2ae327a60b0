import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { createAccounts } from '../../src/relay/account-slots';
import type { Accounts, Slot, SlotRequest } from '../../src/relay/accounts';
import { openStore } from '../../src/store';
import { type RedisServer, startRedis } from '../support/redis-server';
import { until } from '../support/until';
import { createRecordingLog } from '../unit/spoe/recording-log';

const limits = [1, 2, 5];
const hourMs = 3_600_000;

interface Relay {
  readonly accounts: Accounts;
  /** No question to Redis is under way. */
  isQuiet(): boolean;
}

describe('accounts of two relays with one Redis', () => {
  const { log, lines } = createRecordingLog();
  const closers: (() => Promise<unknown>)[] = [];
  let redis: RedisServer;
  let relays: readonly [Relay, Relay];

  async function open(): Promise<Relay> {
    const store = await openStore({ redis: { url: redis.url, prefix: 'test:' }, log });
    closers.push(() => store.close());
    let underWay = 0;
    const settings = limits.map((most, index) => [`a${index}`, { match: `h${index}`, maxConnections: most }] as const);
    const accounts = createAccounts(new Map(settings), {
      quotaOf(name) {
        const quota = store.quota(name);
        return {
          async claim(claim) {
            underWay++;
            return quota.claim(claim).finally(() => underWay--);
          },
        };
      },
      log,
      // However busy the machine is.
      answerWithinMs: hourMs,
    });
    closers.push(() => accounts.stop());
    return { accounts, isQuiet: () => underWay === 0 };
  }

  beforeEach(async () => {
    lines.length = 0;
    redis = await startRedis();
    closers.push(() => redis.stop());
    relays = [await open(), await open()];
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  const by = (account: number, client: string, onTakenOver: () => void = () => undefined): SlotRequest => ({
    url: `http://h${account}/`,
    client,
    onTakenOver,
  });
  const inUse = (account: number) => relays.map((relay) => relay.accounts.list()[account]?.inUse ?? 0);

  /** What one relay says to the store and hears of it in this turn is over. */
  async function quiet(): Promise<void> {
    do await turn();
    while (!relays.every((relay) => relay.isQuiet()));
    await turn();
  }

  interface Step {
    readonly relay: 0 | 1;
    readonly account: number;
    /** Whom the connection is for; undefined: one of those that are open is closed. */
    readonly client: number | undefined;
    readonly which: number;
    /** Whether the next step waits for the end of this one. */
    readonly isAlone: boolean;
  }
  const step: fc.Arbitrary<Step> = fc.record({
    relay: fc.constantFrom(0, 1),
    account: fc.nat(limits.length - 1),
    client: fc.option(fc.nat(9), { nil: undefined, freq: 3 }),
    which: fc.nat(1000),
    isAlone: fc.boolean(),
  });

  interface Connection {
    readonly relay: 0 | 1;
    readonly account: number;
    readonly client: number;
    slot?: Slot | undefined;
    isOver?: boolean;
  }

  it('never exceed a limit by one connection over 10,000 random opens and closes, and refuse nobody while there is one', async () => {
    const openNow = new Set<Connection>();
    const openOf = (account: number) => [...openNow].filter((one) => one.account === account);
    const refusedWhen: number[] = [];
    let opened = 0;

    async function take(connection: Connection): Promise<boolean> {
      const { relay, account, client } = connection;
      const request = by(account, String(client), () => {
        connection.isOver = true;
        openNow.delete(connection);
        connection.slot?.release();
      });
      const slot = await relays[relay].accounts.take(request);
      connection.slot = slot;
      if (slot === undefined) return false;
      // As soon as it was given another one of the same client took it over.
      if (connection.isOver === true) return true;
      openNow.add(connection);
      opened++;
      expect(openOf(account).length).toBeLessThanOrEqual(limits[account] ?? 0);
      return true;
    }

    async function play(steps: readonly Step[]): Promise<void> {
      let underWay: Promise<unknown>[] = [];
      for (const { relay, account, client, which, isAlone } of steps) {
        if (client === undefined) {
          const candidates = openOf(account);
          const connection = candidates[which % Math.max(1, candidates.length)];
          if (connection !== undefined) openNow.delete(connection);
          connection?.slot?.release();
        } else if (isAlone) {
          await Promise.all(underWay);
          underWay = [];
          await quiet();
          const there = openOf(account);
          const isFull = there.length >= (limits[account] ?? 0);
          const isOwn = there.some((one) => one.relay === relay && one.client === client);
          // With nothing else under way it is known what must come.
          expect(await take({ relay, account, client })).toBe(!isFull || isOwn);
          if (isFull && !isOwn) refusedWhen.push(there.length);
        } else underWay.push(take({ relay, account, client }));
      }
      await Promise.all(underWay);
    }

    const tenThousand = fc.array(step, { minLength: 10_000, maxLength: 10_000 });
    await fc.assert(fc.asyncProperty(tenThousand, play), { numRuns: 1, endOnFailure: true });
    expect(opened).toBeGreaterThan(1000);
    expect(refusedWhen.length).toBeGreaterThan(100);
    expect(lines).toEqual([]);

    for (const connection of openNow) connection.slot?.release();
    openNow.clear();
    await quiet();
    for (const [account, most] of limits.entries()) {
      for (let count = 0; count < most; count++)
        expect(await relays[count % 2 === 0 ? 0 : 1].accounts.take(by(account, `last ${count}`))).toBeDefined();
      expect(inUse(account).reduce((sum, count) => sum + count)).toBe(most);
      for (const { accounts } of relays) expect(await accounts.take(by(account, 'one more'))).toBeUndefined();
    }
  });

  it('wake who waits at one relay when the other one gives a connection back', async () => {
    const held = await relays[0].accounts.take(by(0, 'x'));
    const waiting = relays[1].accounts.wait(by(0, 'y'), hourMs, new AbortController().signal);
    await until('it to wait', () => relays[1].accounts.list()[0]?.waiting === 1);
    await quiet();
    expect(inUse(0)).toEqual([1, 0]);
    held?.release();
    expect(await waiting).toBeDefined();
    expect(inUse(0)).toEqual([0, 1]);
  });

  it('are taken over within a relay only: the other one has to wait until the old connection is closed', async () => {
    const old = await relays[0].accounts.take(by(0, 'x'));
    expect(await relays[1].accounts.take(by(0, 'x'))).toBeUndefined();
    const waiting = relays[1].accounts.wait(by(0, 'x'), hourMs, new AbortController().signal);
    old?.release();
    expect(await waiting).toBeDefined();
  });

  it('go on while Redis is away, each relay by its own count, and are counted together again when it is back', async () => {
    const held = [await relays[0].accounts.take(by(1, 'x'))];
    await redis.halt('SIGKILL');
    held.push(await relays[0].accounts.take(by(1, 'y')), await relays[1].accounts.take(by(1, 'z')));
    expect(held).not.toContain(undefined);
    expect(inUse(1)).toEqual([2, 1]);
    expect(relays[1].accounts.take(by(1, 'w'))).not.toBeInstanceOf(Promise);
    for (const { accounts } of relays) expect(await accounts.take(by(1, 'v'))).toBeUndefined();
    expect(relays.map(({ accounts }) => accounts.list()[1]?.isAlone)).toEqual([true, true]);
    await redis.restart();
    await until('both to count together', () =>
      relays.every(({ accounts }) => {
        const view = accounts.list()[1];
        return view?.isAlone === false && view.inUse === 2 && view.inUseElsewhere === 2;
      }),
    );
    // Nobody was cut off; nobody new comes until there is room again.
    held[0]?.release();
    held[1]?.release();
    await quiet();
    expect(await relays[0].accounts.take(by(1, 'u'))).toBeUndefined();
    const alone = 'warn connections of the account are counted for this relay alone until the store answers';
    expect(lines.filter((line) => line === alone)).toHaveLength(2);
  });

  it('of a Redis that hangs nobody waits for long', async () => {
    const { accounts } = relays[0];
    const hanging = await openHanging();
    redis.freeze();
    // The first one waits for what is asked of Redis, all others do not.
    expect(await hanging.take(by(1, 'x'))).toBeDefined();
    expect(hanging.take(by(1, 'y'))).not.toBeInstanceOf(Promise);
    redis.thaw();
    await until('it to count together', () => hanging.list()[1]?.isAlone === false);
    await until('it to be known here', async () => {
      const slot = await accounts.take(by(1, 'z'));
      slot?.release();
      return slot === undefined;
    });
  });

  /** As in the program: it waits for an answer no longer than it may. */
  async function openHanging(): Promise<Accounts> {
    const store = await openStore({ redis: { url: redis.url, prefix: 'test:' }, log });
    closers.push(() => store.close());
    const settings = limits.map((most, index) => [`a${index}`, { match: `h${index}`, maxConnections: most }] as const);
    const accounts = createAccounts(new Map(settings), { quotaOf: (name) => store.quota(name), log });
    closers.push(() => accounts.stop());
    return accounts;
  }
});
