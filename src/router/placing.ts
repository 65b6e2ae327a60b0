import { hashText, type PathAt, pickByRendezvous, placeable, type ServerSlot } from '../directory';

export type PlacingRule =
  | 'placed-on-demand'
  | 'placed-as-configured'
  | 'placed-by-hash'
  | 'placed-unsure'
  | 'no-server';

/** Where a stream that nobody has should start. */
export interface Placing {
  readonly rule: PlacingRule;
  readonly slot: ServerSlot | undefined;
  /** Servers that have not said whether they could start it, where nobody says that he can. */
  readonly unread: readonly string[];
}

interface Remembered {
  readonly slot: ServerSlot;
  readonly atMs: number;
}

/** As long as a source may take to start (MediaMTX's default), and some. */
const rememberedForMs = 15_000;
const maxRemembered = 10_000;

/**
 * Places streams: on a server that can start them, if any can; else on one that is configured to have them, or has not said; else on any. By
 * rendezvous hash, so that all agents place alike. Who was chosen to start a stream remains so while that takes, also when it is found
 * out meanwhile that others could have done it: the source is not to be started twice.
 *
 * @param now monotonic milliseconds.
 */
export function createPlacing(
  pathAt: (slot: ServerSlot, stream: string) => PathAt,
  now: () => number,
): (stream: string, slots: readonly ServerSlot[]) => Placing {
  const remembered = new Map<string, Remembered>();

  function remember(stream: string, slot: ServerSlot): void {
    remembered.delete(stream);
    const [oldest] = remembered.keys();
    if (oldest !== undefined && remembered.size >= maxRemembered) remembered.delete(oldest);
    remembered.set(stream, { slot, atMs: now() });
  }

  function starter(stream: string, able: readonly ServerSlot[]): ServerSlot | undefined {
    const before = remembered.get(stream);
    const slot =
      before !== undefined && now() - before.atMs < rememberedForMs && able.includes(before.slot)
        ? before.slot
        : pickByRendezvous(hashText(stream), able);
    if (slot !== undefined) remember(stream, slot);
    return slot;
  }

  return (stream, slots) => {
    const usable = slots.filter((slot) => slot.usable);
    const at = new Map(usable.map((slot) => [slot, pathAt(slot, stream)]));
    const fit = placeable(slots);
    const able = usable.filter((slot) => at.get(slot) === 'startable');
    if (able.length > 0) {
      // Where none of them should get new streams, it is still there that this one starts: on others it cannot.
      const best = [fit.filter((slot) => able.includes(slot)), placeable(able), able].find(({ length }) => length > 0);
      return { rule: 'placed-on-demand', slot: starter(stream, best ?? able), unread: [] };
    }
    const unread = usable.filter((slot) => at.get(slot) === 'unknown').map(({ name }) => name);
    const knowing = fit.filter((slot) => at.get(slot) === 'configured' || at.get(slot) === 'unknown');
    // If one can start it, then that one.
    const [only] = unread.length === 1 ? fit.filter((slot) => at.get(slot) === 'unknown') : [];
    const slot = only ?? pickByRendezvous(hashText(stream), knowing.length > 0 ? knowing : fit);
    if (slot === undefined) return { rule: 'no-server', slot, unread };
    if (unread.length > 0) return { rule: 'placed-unsure', slot, unread };
    const isNarrowed = knowing.length > 0 && knowing.length < fit.length;
    return { rule: isNarrowed ? 'placed-as-configured' : 'placed-by-hash', slot, unread };
  };
}
