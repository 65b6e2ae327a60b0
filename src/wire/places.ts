/** Who holds one of a bounded number of places: a connection, for example. */
export interface PlaceHolder {
  /** Of the other end, as `addressKey` gives it. */
  readonly address: string;
  /** It did once what the place is for. */
  readonly hasAsked: boolean;
  /** When it did so last; before that, when it came. Monotonic ms. */
  readonly lastMs: number;
}

/**
 * Who has to go when all places are taken and somebody new comes: whoever never asked, before those that did; among them one of the address that
 * holds most of the places; of its own, the one that has been silent for longest. So whoever only opens connections keeps nobody
 * out, from whatever address, and one address does not keep out another.
 *
 * @param canGo leaves out those that must stay.
 * @returns undefined when all must stay.
 */
export function whoGoes<T extends PlaceHolder>(
  holders: Iterable<T>,
  canGo: (holder: T) => boolean = () => true,
): T | undefined {
  const held = new Map<string, number>();
  const candidates: T[] = [];
  for (const holder of holders) {
    held.set(holder.address, (held.get(holder.address) ?? 0) + 1);
    if (canGo(holder)) candidates.push(holder);
  }
  const goesBefore = (a: T, b: T): boolean => {
    if (a.hasAsked !== b.hasAsked) return !a.hasAsked;
    const [heldByA, heldByB] = [held.get(a.address) ?? 0, held.get(b.address) ?? 0];
    return heldByA === heldByB ? a.lastMs < b.lastMs : heldByA > heldByB;
  };
  return candidates.reduce<T | undefined>(
    (first, each) => (first === undefined || goesBefore(each, first) ? each : first),
    undefined,
  );
}

/**
 * By which connections are counted as one other end's: its IPv4 address, or its IPv6 network (64 bits: one customer has as many addresses of
 * that as he likes); empty on a Unix socket.
 */
export function addressKey(remoteAddress: string | undefined): string {
  const address = (remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = tail === undefined ? 0 : 8 - groups.length - after.length;
  const all = [...groups, ...Array.from({ length: Math.max(0, missing) }, () => '0'), ...after];
  return all
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':');
}
