import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

/**
 * Who a request comes from, as `hlsTrustedProxies` has it: the TCP peer, unless that is trusted; then the last address of
 * X-Forwarded-For that is not, else X-Real-IP (gin's `ClientIP`).
 */
export type ClientIp = (request: IncomingMessage) => string;

const isFamily = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** Trusted proxies are addresses or networks, e.g. `127.0.0.1`, `10.0.0.0/8`. Throws an Error on anything else. */
export function makeClientIp(trustedProxies: readonly string[]): ClientIp {
  const trusted = new BlockList();
  for (const entry of trustedProxies) {
    const [address = '', prefix] = entry.split('/');
    const bits = Number(prefix);
    const allowed = isIP(address) === 6 ? 128 : 32;
    if (isIP(address) === 0 || (prefix !== undefined && !(/^\d+$/.test(prefix) && bits <= allowed))) {
      throw new Error(`trusted proxy '${entry}' given; allowed are IP addresses and networks such as 10.0.0.0/8`);
    }
    if (prefix === undefined) trusted.addAddress(address, isFamily(address));
    else trusted.addSubnet(address, bits, isFamily(address));
  }
  const isTrusted = (address: string) => isIP(address) !== 0 && trusted.check(address, isFamily(address));
  if (trustedProxies.length === 0) return (request) => request.socket.remoteAddress ?? '';

  function firstUntrusted(header: string): string | undefined {
    const addresses = header.split(',').map((address) => address.trim());
    for (const [index, address] of [...addresses.entries()].reverse()) {
      if (isIP(address) === 0) return undefined;
      if (index === 0 || !isTrusted(address)) return address;
    }
    return undefined;
  }

  return (request) => {
    const peer = request.socket.remoteAddress ?? '';
    if (!isTrusted(peer)) return peer;
    for (const name of ['x-forwarded-for', 'x-real-ip'] as const) {
      const value = request.headers[name];
      const address = firstUntrusted(typeof value === 'string' ? value : '');
      if (address !== undefined) return address;
    }
    return peer;
  };
}
