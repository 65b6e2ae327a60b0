import type { ServerSlot } from './server-slot';

/** Clocks that differ by no more than this are kept alike by something, and a publisher that is so much ahead has just come. */
const usualSkewMs = 60_000;

/**
 * What counts as the time at which a publisher came that is seen for the first time: what its server says, but never later than now, so
 * that a server whose clock is wrong does not keep a stream from publishers that come after.
 *
 * Of a server whose list was not known before, the publisher may have been there for days: if it names a time far ahead, that says nothing (0).
 *
 * @param claimedMs in ms since 1970; 0 when the server did not say.
 * @param nowMs ms since 1970.
 */
export function publisherSince(slot: ServerSlot, claimedMs: number, nowMs: number): number {
  if (claimedMs <= nowMs) return claimedMs;
  return slot.inventoryAt === undefined && claimedMs > nowMs + usualSkewMs ? 0 : nowMs;
}
