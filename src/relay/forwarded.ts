import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

/** What is read of a request. */
export type Forwarded = Pick<IncomingMessage, 'headers'> & {
  readonly socket: { readonly remoteAddress?: string | undefined };
};

/** Finds out where a request comes from in truth. */
export type AddressOf = (req: Forwarded) => string;

/** A chain of more proxies than this is none. */
const maxHops = 16;

/**
 * Makes what tells a client's address. Of a connection that does not come from a trusted proxy it is that of its other end, whatever its headers say. A trusted
 * proxy's `X-Forwarded-For` is read from the right, where the nearest proxy writes: the first address there that is no trusted proxy's is the client's, and what
 * stands left of it is only what the client says. What is no address ends the search at the last one that was.
 *
 * @param trusted addresses and networks, as `127.0.0.1`, `10.0.0.0/8`, `::1`, `fd00::/8`.
 * @throws RangeError for one that is neither.
 * @returns the address in its usual form, that of IPv4 also where it came within IPv6; empty for a connection that has none.
 */
export function createAddressOf(trusted: readonly string[]): AddressOf {
  const proxies = blockListOf(trusted);
  const isTrusted = (address: string): boolean => proxies.check(address, familyOf(address) ?? 'ipv4');

  return ({ headers, socket }) => {
    let address = plainAddress(socket.remoteAddress ?? '');
    if (address === undefined) return '';
    const said = headers['x-forwarded-for'];
    let rest = Array.isArray(said) ? said.join(',') : (said ?? '');
    for (let hop = 0; hop < maxHops && rest !== '' && isTrusted(address); hop++) {
      const at = rest.lastIndexOf(',');
      const next = plainAddress(withoutPort(rest.slice(at + 1).trim()));
      if (next === undefined) break;
      address = next;
      rest = rest.slice(0, Math.max(0, at));
    }
    return address;
  };
}

function blockListOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(network) ?? [];
    const family = familyOf(address);
    const most = family === 'ipv4' ? 32 : 128;
    const prefix = bits === undefined ? most : Number(bits);
    if (family === undefined || prefix > most) throw new RangeError(`"${network}" is neither an address nor a network`);
    list.addSubnet(address, prefix, family);
  }
  return list;
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  const version = isIP(address);
  return version === 0 ? undefined : version === 4 ? 'ipv4' : 'ipv6';
}

/** Some proxies write the port too: `192.0.2.1:50000`, `[2001:db8::1]:50000`. */
function withoutPort(text: string): string {
  const [, inBrackets, beforePort] = /^(?:\[([^\]]*)\](?::\d{1,5})?|([^:]*):\d{1,5})$/.exec(text) ?? [];
  return inBrackets ?? beforePort ?? text;
}

/** Undefined where it is no address. */
function plainAddress(text: string): string | undefined {
  // Longer is no address, with a zone neither.
  const [address = ''] = text.slice(0, 64).split('%', 1);
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  return familyOf(mapped) === undefined ? undefined : mapped.toLowerCase();
}
