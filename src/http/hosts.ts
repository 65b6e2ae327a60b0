import type { IncomingMessage } from 'node:http';
import { isIPv4, isIPv6 } from 'node:net';

/**
 * Under which names the agent answers. A page of another site can have its own name lead here (DNS rebinding), and would then read
 * everything as its own; but its name stands in the request.
 */
export interface Hosts {
  /** Of what a request names (each `Host`, and the target where it is a whole URL), the first that is not allowed; undefined when all are. */
  refused(req: Pick<IncomingMessage, 'url' | 'rawHeaders'>): string | undefined;
  /**
   * The host of a `Host` that is allowed: in lower case, without port and final dot, IPv6 in brackets and without zone; empty when it was
   * empty. Undefined when it is not allowed.
   */
  nameOf(given: string): string | undefined;
}

/** A name has at most 253 characters; brackets, zone or port come on top. */
const longest = 300;
const mostKept = 64;
const shape = /^(?:\[([\d.:a-f]+)(?:%[\w.~-]+)?\]|([\w.-]+))(?::\d{0,5})?$/;

/**
 * Allows IP addresses, `localhost` and what is below it, none at all (no browser sends that), and the names given.
 * @param names host names; one that begins with `*.` stands for every name that ends with the rest.
 */
export function createHosts(names: readonly string[]): Hosts {
  const exact = new Set(['localhost']);
  const endings = ['.localhost'];
  for (const name of names) {
    if (name.startsWith('*.')) endings.push(name.slice(1).toLowerCase());
    else exact.add(name.toLowerCase());
  }
  /** The last values with what came of them: nearly all requests have one of a few. */
  const kept = new Map<string, string | undefined>();

  function isAllowedName(name: string): boolean {
    if (isIPv4(name) || exact.has(name)) return true;
    return endings.some((ending) => name.length > ending.length && name.endsWith(ending));
  }

  function look(given: string): string | undefined {
    if (given === '') return '';
    const [, ipv6, name = ''] = shape.exec(given.toLowerCase()) ?? [];
    if (ipv6 !== undefined) return isIPv6(ipv6) ? `[${ipv6}]` : undefined;
    const plain = name.endsWith('.') ? name.slice(0, -1) : name;
    return isAllowedName(plain) ? plain : undefined;
  }

  function nameOf(given: string): string | undefined {
    if (given.length > longest) return undefined;
    const known = kept.get(given);
    if (known !== undefined || kept.has(given)) return known;
    const name = look(given);
    if (kept.size >= mostKept) kept.clear();
    kept.set(given, name);
    return name;
  }

  return {
    nameOf,
    refused({ url = '', rawHeaders }) {
      // Not `headers`, which has only the first of several.
      for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
        const [name = '', value = ''] = [rawHeaders[i], rawHeaders[i + 1]];
        if (name.length === 4 && name.toLowerCase() === 'host' && nameOf(value) === undefined) return value;
      }
      if (url.startsWith('/')) return undefined;
      const authority = /^[a-z][a-z\d+.-]*:\/\/([^/?#\\]*)/i.exec(url)?.[1];
      return authority !== undefined && nameOf(authority) === undefined ? authority : undefined;
    },
  };
}
