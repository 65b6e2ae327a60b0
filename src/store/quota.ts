import { randomUUID } from 'node:crypto';
import type { Backing } from './backing';
import type { Quota } from './store';

/** So long the part of a process that vanished is kept from others. */
const heldForMs = 10_000;

/** Makes this process's part of a quota. Where the store is not shared, nobody else has any. */
export function createQuota(name: string, { quotas }: Pick<Backing, 'quotas'>): Quota {
  const holder = randomUUID();
  let turn = 0;
  return {
    async claim(claim) {
      if (quotas !== undefined) return quotas.claim({ ...claim, quota: name, holder, turn: ++turn }, heldForMs);
      return { granted: Math.max(claim.used, Math.min(claim.wanted, claim.most)), elsewhere: 0 };
    },
  };
}
