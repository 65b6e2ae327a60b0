import type { Accounts, Slot } from '../../../src/relay/accounts';
import { takeSlot } from '../../../src/relay/take-slot';

const slot: Slot = { account: 'a', release: () => undefined };
const request = { url: 'http://tv.example/', client: 'x', onTakenOver: () => undefined };
const { signal } = new AbortController();

/** Accounts that have this at once, and a slot for who waits. */
function accountsWith(taken: ReturnType<Accounts['take']>): Accounts {
  return {
    nameOf: () => 'a',
    take: () => taken,
    wait: (_request, waitMs) => Promise.resolve(waitMs === 7 ? { ...slot, account: 'waited' } : undefined),
    list: () => [],
  };
}

describe.each([
  ['alone', <Value>(value: Value) => value],
  ['with other relays', <Value>(value: Value) => Promise.resolve(value)],
])('accounts counted %s', (_name, told) => {
  it.each(['share', 'wait', 'next', 'refuse'] as const)('%s takes a slot that is free', async (whenFull) => {
    expect(await takeSlot(accountsWith(told(slot)), request, { whenFull, waitForSlotMs: 7 }, signal)).toBe(slot);
  });

  it.each([
    ['share', undefined],
    ['next', undefined],
    ['refuse', undefined],
    ['wait', 'waited'],
  ] as const)('%s, when none is free: %s', async (whenFull, account) => {
    const given = await takeSlot(accountsWith(told(undefined)), request, { whenFull, waitForSlotMs: 7 }, signal);
    expect(given?.account).toBe(account);
  });
});
