import { BlockList, isIP } from 'node:net';

/** Whether an address is among addresses and networks, written as in `hlsTrustedProxies`: `10.0.0.1`, `10.0.0.0/8`, `::1/128`. */
export function isTrustedProxy(address: string, trusted: readonly string[]): boolean {
  const list = new BlockList();
  for (const entry of trusted) {
    const [network = '', bits] = entry.split('/');
    const family = familyOf(network);
    const prefix = Number(bits ?? (family === 'ipv4' ? 32 : 128));
    if (family === undefined || !Number.isInteger(prefix) || prefix < 0 || prefix > (family === 'ipv4' ? 32 : 128))
      continue;
    list.addSubnet(network, prefix, family);
  }
  const family = familyOf(address);
  return family !== undefined && list.check(address, family);
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  const version = isIP(address);
  return version === 0 ? undefined : version === 4 ? 'ipv4' : 'ipv6';
}
