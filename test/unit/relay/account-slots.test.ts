import { getEventListeners } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { type AccountSettings, createAccounts } from '../../../src/relay/account-slots';
import type { Accounts, Slot, SlotRequest } from '../../../src/relay/accounts';

const url = 'http://tv.example/live/1.ts';
const hourMs = 3_600_000;

function accountsOf(settings: Record<string, AccountSettings>) {
  return createAccounts(new Map(Object.entries(settings)));
}
const one = (maxConnections: number) => accountsOf({ a: { match: 'tv.example', maxConnections } });
const by = (client: string, onTakenOver: () => void = () => undefined): SlotRequest => ({ url, client, onTakenOver });
/** Where no other relay is asked nothing takes time. */
function takeNow(accounts: Accounts, request: SlotRequest): Slot | undefined {
  const slot = accounts.take(request);
  if (slot instanceof Promise) throw new Error('it takes time');
  return slot;
}
const unaborted = (): AbortSignal => new AbortController().signal;

describe('the account of a URL', () => {
  const accounts = accountsOf({
    host: { match: 'TV.example', maxConnections: 1 },
    port: { match: 'tv.example:8080', maxConnections: 1 },
    plain: { match: 'tv.example:80', maxConnections: 1 },
    alice: { match: 'http://tv.example/live/alice/', maxConnections: 1 },
    movies: { match: 'http://tv.example/live/alice/movies', maxConnections: 1 },
    query: { match: 'https://tv.example:8443/get.php?username=bob', maxConnections: 1 },
    login: { match: 'http://carol:pw@other.example', maxConnections: 1 },
    six: { match: '[2001:db8::1]:81', maxConnections: 1 },
  });

  it.each([
    ['https://tv.example/a', 'host'],
    ['https://user:pass@TV.EXAMPLE.:9/a', 'host'],
    ['http://tv.example:8080/live/alice/1.ts', 'port'],
    ['http://tv.example/a', 'plain'],
    ['http://tv.example/live/alice/1.ts', 'alice'],
    ['http://user:pass@tv.example:80/live/alice/1.ts', 'alice'],
    ['http://tv.example/live/alice/movies/1.ts', 'movies'],
    ['http://tv.example/live/bob/1.ts', 'plain'],
    ['https://tv.example:8443/get.php?username=bob&x=1', 'query'],
    ['https://tv.example:8443/get.php?username=eve', 'host'],
    ['http://carol:pw@other.example/1', 'login'],
    ['http://other.example/1', undefined],
    ['http://carol:no@other.example/1', undefined],
    ['http://carol:pw@other.example.evil/1', undefined],
    ['http://sub.tv.example/1', undefined],
    ['http://[2001:db8::1]:81/1', 'six'],
    ['no URL', undefined],
  ])('%s: %s', (given, name) => {
    expect(accounts.nameOf(given)).toBe(name);
  });

  it.each(['', 'a/b', 'a b', 'user@host', 'host:99999', 'ftp://host/', 'http://', '::1', 'host?x'])(
    'refuses %j',
    (match) => {
      expect(() => accountsOf({ a: { match, maxConnections: 1 } })).toThrow(RangeError);
    },
  );
});

describe('slots', () => {
  it('are as many as the account has connections, and free again when they are given back, once', () => {
    const accounts = one(2);
    const slots = [takeNow(accounts, by('x')), takeNow(accounts, by('y'))];
    expect(slots.map((slot) => slot?.account)).toEqual(['a', 'a']);
    expect(takeNow(accounts, by('z'))).toBeUndefined();
    expect(accounts.list()).toEqual([
      { name: 'a', maxConnections: 2, inUse: 2, inUseElsewhere: 0, isAlone: false, waiting: 0 },
    ]);
    slots[0]?.release();
    slots[0]?.release();
    expect(takeNow(accounts, by('z'))).toBeDefined();
    expect(takeNow(accounts, by('w'))).toBeUndefined();
  });

  it('are without number where there is no account', async () => {
    const accounts = accountsOf({});
    for (let count = 0; count < 100; count++) expect(takeNow(accounts, by('x'))?.account).toBeUndefined();
    expect(await accounts.wait(by('x'), 0, unaborted())).toBeDefined();
    expect(accounts.list()).toEqual([]);
  });

  it('go over to a new channel of the same client, whose old connection is closed first, and to nobody in between', () => {
    const accounts = one(1);
    const told: string[] = [];
    const old = takeNow(
      accounts,
      by('x', () => {
        told.push('closed');
        old?.release();
        expect(takeNow(accounts, by('y'))).toBeUndefined();
      }),
    );
    const fresh = takeNow(accounts, by('x'));
    expect(told).toEqual(['closed']);
    expect(fresh).toBeDefined();
    old?.release();
    expect(takeNow(accounts, by('y'))).toBeUndefined();
    expect(accounts.list()[0]?.inUse).toBe(1);
    fresh?.release();
    expect(accounts.list()[0]?.inUse).toBe(0);
  });

  it('of the same client are left alone while others are free, and the oldest goes first', () => {
    const accounts = one(2);
    const told: number[] = [];
    for (const number of [1, 2, 3])
      expect(
        takeNow(
          accounts,
          by('x', () => told.push(number)),
        ),
      ).toBeDefined();
    expect(told).toEqual([1]);
  });

  it('are waited for in order, past who gave up, and no later than they are wanted', async () => {
    const accounts = one(1);
    const held = takeNow(accounts, by('x'));
    const abort = new AbortController();
    const order: string[] = [];
    const wait = async (client: string, waitMs = hourMs, signal = unaborted()): Promise<Slot | undefined> => {
      const slot = await accounts.wait(by(client), waitMs, signal);
      order.push(`${client} ${slot === undefined ? 'without' : 'with'}`);
      return slot;
    };
    const late = wait('late', 1);
    const [gone, first, second] = [wait('gone', hourMs, abort.signal), wait('first'), wait('second')];
    expect(accounts.list()[0]?.waiting).toBe(4);
    await late;
    abort.abort();
    await gone;
    held?.release();
    (await first)?.release();
    (await second)?.release();
    expect(order).toEqual(['late without', 'gone without', 'first with', 'second with']);
    expect(accounts.list()).toMatchObject([{ name: 'a', maxConnections: 1, inUse: 0, waiting: 0 }]);
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
    expect(await accounts.wait(by('x'), hourMs, abort.signal)).toBeUndefined();
    expect(accounts.list()[0]?.inUse).toBe(0);
  });

  it('that are granted to who has just gone are free at once', async () => {
    const accounts = one(1);
    const held = takeNow(accounts, by('x'));
    const abort = new AbortController();
    const waiting = accounts.wait(by('y'), hourMs, abort.signal);
    held?.release();
    abort.abort();
    expect(await waiting).toBeUndefined();
    expect(takeNow(accounts, by('z'))).toBeDefined();
  });

  it('are waited for by a thousand at most, whose timers end with them', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    const accounts = one(1);
    const held = takeNow(accounts, by('x'));
    const waiting = Array.from({ length: 1000 }, (_, index) => accounts.wait(by(`c${index}`), hourMs, unaborted()));
    expect(await accounts.wait(by('one more'), hourMs, unaborted())).toBeUndefined();
    expect(accounts.list()[0]?.waiting).toBe(1000);
    held?.release();
    for (const slot of waiting) (await slot)?.release();
    expect(accounts.list()[0]).toMatchObject({ inUse: 0, waiting: 0 });
    expect(timers()).toBe(before);
  });
});

/** What a test does; numbers choose among what there is. */
type Step =
  | { readonly do: 'take' | 'wait'; readonly account: number; readonly client: number }
  | { readonly do: 'release' | 'abort'; readonly which: number };

const limits = [1, 2, 5];
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('take', 'wait'), account: fc.nat(2), client: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('release', 'abort'), which: fc.nat(1000) }) },
);

interface Connection {
  readonly account: number;
  readonly client: number;
  state: 'waiting' | 'open' | 'closed';
  slot: Slot | undefined;
  readonly abort: AbortController;
}

interface Model {
  readonly open: Connection[];
  readonly waiting: Connection[];
}

/** Runs the steps beside a model, in which an account is two lists, and looks at the number of open connections all the time. */
async function play(steps: readonly Step[]): Promise<void> {
  const accounts = accountsOf(
    Object.fromEntries(limits.map((most, index) => [`a${index}`, { match: `h${index}`, maxConnections: most }])),
  );
  const all: Connection[] = [];
  const model = limits.map((): Model => ({ open: [], waiting: [] }));
  const modelOf = (account: number): Model => model[account] ?? { open: [], waiting: [] };
  const openOf = (account: number): number =>
    all.filter((connection) => connection.account === account && connection.state === 'open').length;

  function opened(connection: Connection, slot: Slot | undefined): void {
    if (slot === undefined) {
      connection.state = 'closed';
      return;
    }
    connection.slot = slot;
    connection.state = 'open';
    expect(openOf(connection.account)).toBeLessThanOrEqual(limits[connection.account] ?? 0);
  }

  function modelTake(connection: Connection): boolean {
    const { open } = modelOf(connection.account);
    if (open.length >= (limits[connection.account] ?? 0)) {
      const old = open.findIndex(({ client }) => client === connection.client);
      if (old === -1) return false;
      open.splice(old, 1);
    }
    open.push(connection);
    return true;
  }

  function modelClose(connection: Connection): void {
    const { open, waiting } = modelOf(connection.account);
    for (const list of [open, waiting]) if (list.includes(connection)) list.splice(list.indexOf(connection), 1);
    if (open.length < (limits[connection.account] ?? 0)) open.push(...waiting.splice(0, 1));
  }

  for (const each of steps) {
    if ('account' in each) {
      const { account, client } = each;
      const connection: Connection = {
        account,
        client,
        state: 'waiting',
        slot: undefined,
        abort: new AbortController(),
      };
      all.push(connection);
      const request: SlotRequest = {
        url: `http://h${account}/`,
        client: String(client),
        onTakenOver: () => {
          connection.state = 'closed';
          connection.slot?.release();
        },
      };
      const isTaken = modelTake(connection);
      if (each.do === 'take') opened(connection, takeNow(accounts, request));
      else {
        if (!isTaken) model[account]?.waiting.push(connection);
        void accounts.wait(request, hourMs, connection.abort.signal).then((slot) => opened(connection, slot));
      }
    } else {
      const wanted = each.do === 'release' ? 'open' : 'waiting';
      const candidates = all.filter(({ state }) => state === wanted);
      const connection = candidates[each.which % Math.max(1, candidates.length)];
      if (connection !== undefined) {
        modelClose(connection);
        connection.state = 'closed';
        connection.slot?.release();
        connection.abort.abort();
      }
    }
    await turn();
    for (const [index, { open, waiting }] of model.entries()) {
      const inState = (state: string) => all.filter((each) => each.account === index && each.state === state);
      expect(new Set(inState('open'))).toEqual(new Set(open));
      expect(inState('waiting')).toEqual(waiting);
      expect(accounts.list()[index]).toMatchObject({ inUse: open.length, waiting: waiting.length });
    }
    for (let index = all.length - 1; index >= 0; index--) if (all[index]?.state === 'closed') all.splice(index, 1);
  }
  for (const { abort } of all) abort.abort();
}

it('never exceeds a limit by one connection, and does what the model does, over 10,000 random steps', async () => {
  const tenThousand = fc.array(step, { minLength: 10_000, maxLength: 10_000 });
  await fc.assert(fc.asyncProperty(tenThousand, play), { numRuns: 1, endOnFailure: true });
});

it('does what the model does', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60 }), play), { numRuns: 200 });
});
