import type { Accounts, Slot, SlotRequest } from './accounts';

/**
 * What to do when an account has no free slot: read with those who read the stream already, wait for one, try the next source, or send the client away.
 */
export type WhenFull = 'share' | 'wait' | 'next' | 'refuse';

export interface SlotPolicy {
  readonly whenFull: WhenFull;
  readonly waitForSlotMs: number;
}

/** A slot as the policy says; undefined when there is none. Only `wait`, and other relays that are asked, take time. */
export async function takeSlot(
  accounts: Accounts,
  request: SlotRequest,
  { whenFull, waitForSlotMs }: SlotPolicy,
  signal: AbortSignal,
): Promise<Slot | undefined> {
  const slot = await accounts.take(request);
  return slot !== undefined || whenFull !== 'wait' ? slot : accounts.wait(request, waitForSlotMs, signal);
}
