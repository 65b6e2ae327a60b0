import { lookup as lookupName } from 'node:dns/promises';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { errorCode, errorText } from '../wire';
import type { SourceFailure } from './provider';
import { failureOf } from './provider-answer';

/** An address as `dns.lookup` gives it. */
export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

export interface AddressGuardOptions {
  /** Private and reserved addresses that may be asked all the same: `10.0.0.0/8`, `fd00::/8`, `192.168.1.4`, or the names of hosts. */
  readonly allow: readonly string[];
  /** Default: the system's resolver. */
  readonly resolve?: (host: string) => Promise<readonly ResolvedAddress[]>;
}

export type GuardedHost =
  | {
      /** For `lookup` of a connection: gives the addresses that were checked, whatever the name resolves to by then. */
      readonly lookup: LookupFunction;
      readonly addresses: readonly ResolvedAddress[];
      readonly failure?: undefined;
    }
  | { readonly failure: SourceFailure; readonly lookup?: undefined; readonly addresses?: undefined };

/** Keeps the relay from being used to reach what is not meant for it. */
export interface AddressGuard {
  /**
   * Resolves a URL's host and leaves out what must not be asked. Never rejects; `forbidden` when nothing is left, `connect` when the name cannot
   * be resolved, `reset` when the signal was aborted.
   */
  check(url: URL, signal: AbortSignal): Promise<GuardedHost>;
}

/** Of one name; more are not looked at. */
const mostAddresses = 16;
/** Names at a time: the system's resolver works on four of them. */
const mostPending = 1000;

/** Services that give credentials of the machine to whoever can ask them. */
const metadata = blockList([
  // Amazon, Google, Azure, DigitalOcean, OpenStack, Oracle and others; with it all of IPv4 link-local.
  '169.254.0.0/16',
  // Alibaba, Oracle Classic, Azure.
  '100.100.100.200/32',
  '192.0.0.192/32',
  '168.63.129.16/32',
  // Amazon, Google, Oracle, Scaleway, OpenStack over IPv6.
  'fd00:ec2::/32',
  'fd20:ce::/32',
  'fd00:c1::/32',
  'fd00:42::/32',
  'fe80::a9fe:a9fe/128',
]);

/** IANA's registries of special-purpose addresses (RFC 6890), multicast, and what is not assigned. */
const special = blockList([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  // Teredo, ORCHID and others; documentation.
  '2001::/23',
  '2001:db8::/32',
  '3fff::/20',
]);

/** Outside of it, no IPv6 address is somebody's on the Internet. */
const globalUnicast = blockList(['2000::/3']);

/** @throws RangeError for an entry of the list that is no address, network or name. */
export function createAddressGuard({ allow, resolve = resolveBySystem }: AddressGuardOptions): AddressGuard {
  const isNetwork = (entry: string): boolean => isIP(entry.split('/', 1)[0] ?? '') !== 0;
  const allowed = blockList(allow.filter(isNetwork));
  const names = allow.filter((entry) => !isNetwork(entry));
  const wrong = names.find((name) => !/^(?=.*[a-z_-])[a-z0-9._-]{1,253}$/i.test(name));
  if (wrong !== undefined) throw new RangeError(`${wrong} is no address, network or name of a host`);
  const allowedHosts = new Set(names.map(hostKey));
  /** Names that are being resolved, each once: many clients of a stream come at the same time. */
  const pending = new Map<string, Promise<readonly ResolvedAddress[]>>();

  function resolveOnce(host: string): Promise<readonly ResolvedAddress[]> {
    const family = isIP(host);
    if (family !== 0) return Promise.resolve([{ address: host, family }]);
    const started = pending.get(host);
    if (started !== undefined) return started;
    if (pending.size >= mostPending) return Promise.reject(new Error('too many others are being resolved'));
    const resolved = resolve(host).finally(() => pending.delete(host));
    pending.set(host, resolved);
    return resolved;
  }

  function mayAsk(address: string, isAllowedHost: boolean): boolean {
    const meant = [address, ...embeddedIn(address)];
    if (meant.some((each) => holds(metadata, each))) return false;
    return isAllowedHost || meant.some((each) => holds(allowed, each)) || isPublic(address);
  }

  return {
    async check({ hostname }, signal) {
      const host = hostname.replace(/^\[|\]$/g, '');
      let resolved: readonly ResolvedAddress[] | undefined;
      try {
        resolved = await unlessAborted(resolveOnce(host), signal);
      } catch (error) {
        const reason = `The name of the host cannot be resolved (${errorCode(error) ?? errorText(error)}).`;
        return { failure: failureOf('connect', reason) };
      }
      if (resolved === undefined) return { failure: failureOf('reset', 'The attempt was ended.') };
      const isAllowedHost = allowedHosts.has(hostKey(host));
      const seen = resolved.slice(0, mostAddresses).filter(({ address }) => isIP(address) !== 0);
      const addresses = seen.filter(({ address }) => mayAsk(address, isAllowedHost));
      const [first] = addresses;
      if (first === undefined) {
        if (seen.length === 0) return { failure: failureOf('connect', 'The name of the host has no address.') };
        // Which address it is stays here: names of an inner network are nobody's business.
        const reason = 'The host has a private or reserved address that relay.allow does not name, or a forbidden one.';
        return { failure: failureOf('forbidden', reason) };
      }
      const lookup: LookupFunction = (_hostname, { all }, callback) => {
        if (all === true) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      };
      return { lookup, addresses };
    },
  };
}

function resolveBySystem(host: string): Promise<readonly ResolvedAddress[]> {
  return lookupName(host, { all: true, verbatim: true });
}

/** The system's resolver cannot be interrupted: it is only not waited for. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  let onAbort = (): void => undefined;
  const aborted = new Promise<undefined>((resolve) => {
    onAbort = () => resolve(undefined);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  // Where nobody waits any more, a failure is no news.
  promise.catch(() => undefined);
  try {
    return await Promise.race([aborted, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** A name as it is compared. */
function hostKey(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

/** @throws RangeError */
function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix, ...more] = network.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    const longest = family === 'ipv6' ? 128 : 32;
    const length = prefix === undefined ? longest : Number(prefix);
    const isLength = /^\d{1,3}$/.test(prefix ?? '0') && length <= longest;
    if (!isLength || more.length > 0) throw new RangeError(`${network} is no network`);
    list.addSubnet(address, length, family);
  }
  return list;
}

function holds(list: BlockList, address: string): boolean {
  return list.check(address.replace(/%.*$/, ''), isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

function isPublic(address: string): boolean {
  const [embedded] = embeddedIn(address);
  if (embedded !== undefined) return isPublic(embedded);
  if (holds(special, address)) return false;
  return isIP(address) === 4 || holds(globalUnicast, address);
}

/*
 * IPv6 addresses by which an IPv4 address is reached:
 *
 *   ::ffff:a.b.c.d          IPv4-mapped
 *   64:ff9b::a.b.c.d        NAT64 (RFC 6052), which resolvers of IPv6-only networks answer for every IPv4 host
 *   2002:aabb:ccdd::        6to4
 *
 * Others (IPv4-compatible, translated, NAT64 of a network's own) are outside of global unicast and not public.
 */
function embeddedIn(address: string): readonly string[] {
  if (isIP(address) !== 6) return [];
  const groups = groupsOf(address);
  const [first, second, third, , , sixth, seventh = 0, eighth = 0] = groups;
  const isZero = (from: number, to: number): boolean => groups.slice(from, to).every((group) => group === 0);
  if (isZero(0, 5) && sixth === 0xffff) return [dotted(seventh, eighth)];
  if (first === 0x64 && second === 0xff9b && isZero(2, 6)) return [dotted(seventh, eighth)];
  if (first === 0x2002) return [dotted(second ?? 0, third ?? 0)];
  return [];
}

function dotted(high: number, low: number): string {
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}

/** The eight groups of 16 bits of an IPv6 address. */
function groupsOf(address: string): readonly number[] {
  const plain = address.replace(/%.*$/, '').replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, a, b, c, d) => {
    const hex = (high: unknown, low: unknown): string => (Number(high) * 256 + Number(low)).toString(16);
    return `${hex(a, b)}:${hex(c, d)}`;
  });
  const [head = '', tail] = plain.split('::', 2);
  const read = (text: string): number[] => (text === '' ? [] : text.split(':').map((group) => parseInt(group, 16)));
  const before = read(head);
  const after = tail === undefined ? [] : read(tail);
  return [...before, ...new Array<number>(Math.max(0, 8 - before.length - after.length)).fill(0), ...after];
}
