import { setImmediate as turn } from 'node:timers/promises';
import { type AccountShareOptions, createAccountShare } from '../../../src/relay/account-share';
import { createAccounts } from '../../../src/relay/account-slots';
import type { Slot, SlotRequest } from '../../../src/relay/accounts';
import type { Quota } from '../../../src/store';
import { until } from '../../support/until';
import { keptLog } from './fakes';

type Claim = Parameters<Quota['claim']>[0];
type Part = Awaited<ReturnType<Quota['claim']>>;

/** A quota whose claims a test answers, in whichever way and when it wants to. */
function askedQuota() {
  const asked: { readonly claim: Claim; answer(elsewhere: number): void; refuse(): void }[] = [];
  const quota: Quota = {
    claim: (claim) =>
      new Promise<Part>((resolve, reject) => {
        const { used, wanted, most } = claim;
        asked.push({
          claim,
          answer: (elsewhere) => resolve({ granted: Math.max(used, Math.min(wanted, most - elsewhere)), elsewhere }),
          refuse: () => reject(new Error('Redis is away')),
        });
      }),
  };
  return { asked, quota, sent: () => asked.map(({ claim: { used, wanted } }) => `${used} of ${wanted}`) };
}

/** A quota where others have so many. */
function givingQuota() {
  const state = { elsewhere: 0, isAway: false, claims: 0, used: 0 };
  const quota: Quota = {
    async claim({ used, wanted, most }) {
      await turn();
      if (state.isAway) throw new Error('Redis is away');
      state.claims++;
      state.used = Math.max(used, Math.min(wanted, most - state.elsewhere));
      return { granted: state.used, elsewhere: state.elsewhere };
    },
  };
  return { state, quota };
}

const url = 'http://tv.example/live/1.ts';
const by = (client: string, onTakenOver: () => void = () => undefined): SlotRequest => ({ url, client, onTakenOver });
const hourMs = 3_600_000;
const log = keptLog();

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  log.lines.length = 0;
});

function accountsOver(quota: Quota, maxConnections: number) {
  const settings = new Map([['a', { match: 'tv.example', maxConnections }]]);
  const accounts = createAccounts(settings, { quotaOf: () => quota, log });
  stops.push(() => accounts.stop());
  return accounts;
}

describe('the share of an account', () => {
  const demand = { open: 0, wanted: 0 };
  function shareOf(quota: Quota, options: Partial<AccountShareOptions> = {}) {
    Object.assign(demand, { open: 0, wanted: 0 });
    const share = createAccountShare({
      quota,
      most: 2,
      demand: () => demand,
      onAnswer: () => undefined,
      onAlone: () => undefined,
      ...options,
    });
    stops.push(() => share.stop());
    return share;
  }

  it('is claimed by what is wanted, once for all that want it in one turn, and again for who comes while the claim is under way', async () => {
    const { asked, quota, sent } = askedQuota();
    const share = shareOf(quota);
    demand.wanted = 1;
    const first = share.settle();
    demand.wanted = 2;
    expect(share.settle()).toBe(first);
    await turn();
    expect(sent()).toEqual(['0 of 2']);
    const second = share.settle();
    expect(share.settle()).toBe(second);
    demand.open = 1;
    demand.wanted = 0;
    asked[0]?.answer(1);
    await first;
    expect(share.limit).toBe(1);
    await turn();
    expect(sent()).toEqual(['0 of 2', '1 of 1']);
    asked[1]?.answer(1);
    await second;
    expect(share).toMatchObject({ limit: 1, elsewhere: 1, isAlone: false });
  });

  it('counts for nothing here from the moment when it is given back', async () => {
    const { asked, quota } = askedQuota();
    const share = shareOf(quota);
    demand.wanted = 1;
    const got = share.settle();
    await turn();
    Object.assign(demand, { open: 1, wanted: 0 });
    asked[0]?.answer(0);
    await got;
    expect(share.limit).toBe(1);
    demand.open = 0;
    const given = share.settle();
    await turn();
    expect(share.limit).toBe(0);
    asked[1]?.answer(0);
    await given;
    expect(share.limit).toBe(0);
  });

  it('is all of it while the store gives no answer, which is waited for no longer than it may', async () => {
    const { asked, quota } = askedQuota();
    const told: (string | undefined)[] = [];
    const share = shareOf(quota, { answerWithinMs: 1, onAlone: (reason) => told.push(reason) });
    demand.open = 1;
    await share.settle();
    expect(share).toMatchObject({ limit: 2, isAlone: true });
    expect(told).toEqual(['no answer in time']);
    // By itself, until there is an answer.
    await until('another try', () => {
      asked.at(-1)?.answer(1);
      return !share.isAlone;
    });
    expect(share).toMatchObject({ limit: 1, elsewhere: 1 });
    expect(told).toEqual(['no answer in time', undefined]);
  });

  it('is claimed anew when this process stood still so long that what it was given may be others by now', async () => {
    const { asked, quota, sent } = askedQuota();
    const clock = { nowMs: 0 };
    const share = shareOf(quota, { nowMs: () => clock.nowMs });
    demand.wanted = 1;
    const settled = share.settle();
    await turn();
    clock.nowMs = 12_000;
    asked[0]?.answer(1);
    await until('another claim', () => asked.length === 2);
    expect(share.limit).toBe(0);
    asked[1]?.answer(2);
    await settled;
    expect(share).toMatchObject({ limit: 0, elsewhere: 2, isAlone: false });
    expect(sent()).toEqual(['0 of 1', '0 of 1']);
  });

  it('is claimed again and again while it is used, and given back by itself when it is not', async () => {
    const { quota, state } = givingQuota();
    const share = shareOf(quota);
    demand.open = 1;
    await share.settle();
    const { claims } = state;
    await until('it to be claimed twice more', () => state.claims >= claims + 2, 50);
    demand.open = 0;
    await until('it to be given back', () => state.used === 0);
  });
});

describe('accounts that several relays share', () => {
  it('give what others leave, and what is given back to whoever takes it here first', async () => {
    const { quota, state } = givingQuota();
    state.elsewhere = 1;
    const accounts = accountsOver(quota, 2);
    const slot = await accounts.take(by('x'));
    expect(slot?.account).toBe('a');
    expect(await accounts.take(by('y'))).toBeUndefined();
    expect(accounts.list()).toEqual([
      { name: 'a', maxConnections: 2, inUse: 1, inUseElsewhere: 1, isAlone: false, waiting: 0 },
    ]);
    const claims = state.claims;
    slot?.release();
    // Within one turn nobody else is asked.
    expect(accounts.take(by('y'))).not.toBeInstanceOf(Promise);
    await until('the answer', () => state.claims > claims);
    expect(state.used).toBe(1);
  });

  it('leave a connection to a new channel of the same client only when none is free anywhere', async () => {
    const { quota, state } = givingQuota();
    const accounts = accountsOver(quota, 3);
    const told: string[] = [];
    expect(await accounts.take(by('x', () => told.push('first')))).toBeDefined();
    expect(await accounts.take(by('x', () => told.push('second')))).toBeDefined();
    expect(told).toEqual([]);
    state.elsewhere = 1;
    expect(await accounts.take(by('y'))).toBeUndefined();
    expect(await accounts.take(by('x', () => told.push('third')))).toBeDefined();
    expect(told).toEqual(['first']);
    expect(accounts.list()[0]).toMatchObject({ inUse: 2, waiting: 0 });
  });

  it('take nothing twice for who is taken over while it closes others', async () => {
    const { quota, state } = givingQuota();
    const accounts = accountsOver(quota, 3);
    const held: { other?: Slot | undefined } = {};
    expect(await accounts.take(by('x', () => held.other?.release()))).toBeDefined();
    held.other = await accounts.take(by('x'));
    state.elsewhere = 1;
    const slot = await accounts.take(by('x'));
    expect(accounts.list()[0]).toMatchObject({ inUse: 1, waiting: 0 });
    slot?.release();
    expect(accounts.list()[0]).toMatchObject({ inUse: 0 });
  });

  it('wake who waits when another relay gives one back', async () => {
    const { quota, state } = givingQuota();
    state.elsewhere = 1;
    const accounts = accountsOver(quota, 1);
    const waiting = accounts.wait(by('x'), hourMs, new AbortController().signal);
    await until('it to wait', () => state.claims > 2);
    state.elsewhere = 0;
    expect((await waiting)?.account).toBe('a');
  });

  it('forget who waited and left, and give back what came for it', async () => {
    const { asked, quota } = askedQuota();
    const accounts = accountsOver(quota, 1);
    const abort = new AbortController();
    const waiting = accounts.wait(by('x'), hourMs, abort.signal);
    await turn();
    asked[0]?.answer(0);
    abort.abort();
    expect(await waiting).toBeUndefined();
    expect(accounts.list()[0]).toMatchObject({ inUse: 0, waiting: 0 });
    await until('it to be given back', () => asked.at(-1)?.claim.wanted === 0);
    for (const one of asked) one.answer(0);
  });

  it('are counted by each relay for itself while the store is away: nobody is cut off, nobody waits, and what is open is claimed afterwards', async () => {
    const { quota, state } = givingQuota();
    state.elsewhere = 1;
    const accounts = accountsOver(quota, 2);
    const slots = [await accounts.take(by('x'))];
    state.isAway = true;
    slots.push(await accounts.take(by('y')));
    expect(accounts.list()[0]).toMatchObject({ inUse: 2, isAlone: true });
    expect(accounts.take(by('z'))).toBeUndefined();
    slots[1]?.release();
    expect(accounts.take(by('z'))).not.toBeInstanceOf(Promise);
    expect(log.lines.filter((line) => line.includes('for this relay alone'))).toHaveLength(1);
    state.isAway = false;
    await until('it to count with others', () => !(accounts.list()[0]?.isAlone ?? true));
    await until('all that is open to be claimed', () => state.used === 2);
    expect(accounts.list()[0]).toMatchObject({ inUse: 2, inUseElsewhere: 1 });
    expect(await accounts.take(by('w'))).toBeUndefined();
    expect(log.lines.filter((line) => line.includes('with other relays again'))).toHaveLength(1);
  });

  it('give everything back when the relay stops, and nothing where nothing was taken', async () => {
    const { quota, state } = givingQuota();
    const accounts = accountsOver(quota, 2);
    await accounts.stop();
    expect(state.claims).toBe(0);
    const others = accountsOver(quota, 2);
    await others.take(by('x'));
    expect(state.used).toBe(1);
    await others.stop();
    expect(state.used).toBe(0);
  });
});
