import { parseHostPort } from '../config';
import type { Proxy } from './proxy';

/**
 * Where a client on this machine reaches the frontends, as a URL without a slash at its end; undefined where none can be reached plainly (Unix sockets,
 * `accept-proxy`, a range of ports). Plain HTTP is preferred.
 */
export function viewersUrlOf(frontends: readonly Proxy[]): string | undefined {
  const urls = frontends
    .flatMap(({ lines }) => lines)
    .flatMap(({ words }) => {
      const [keyword, addresses = '', ...options] = words;
      if (keyword !== 'bind' || options.includes('accept-proxy') || options.includes('accept-netscaler-cip')) return [];
      const [first = ''] = addresses.split(',');
      const plain = first
        .replace(/^(?:ipv4|ipv6|tcp4?|tcp6)@/, '')
        .replace(/^(?:\*|0\.0\.0\.0|::|\[::\])?:(?=\d+$)/, '127.0.0.1:');
      const at = parseHostPort(plain);
      if (at === undefined || at.port === 0) return [];
      const host = at.host.includes(':') ? `[${at.host}]` : at.host;
      return [`${options.includes('ssl') ? 'https' : 'http'}://${host}:${at.port}`];
    });
  return urls.find((url) => url.startsWith('http:')) ?? urls[0];
}
