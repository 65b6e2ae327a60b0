import * as z from 'zod';

const isIPv4 = (text: string): boolean => z.ipv4().safeParse(text).success;
const isIPv6 = (text: string): boolean => z.ipv6().safeParse(text).success;

/** A host (name, IPv4, or IPv6 without brackets) and a port. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Where HAProxy's `stats socket` listens: a Unix socket or TCP. */
export type SocketAddress = HostPort | { readonly path: string };

/** `host:port` with a host name, an IPv4 address, or an IPv6 address in brackets; undefined for anything else. */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  const host = match[1] ?? match[2] ?? '';
  const isHost = match[1] !== undefined ? isIPv6(host) : isHostName(host);
  return isHost && port <= 65535 ? { host, port } : undefined;
}

/** As parseHostPort; in addition `*:port` and `:port` mean every IPv4 address, as in HAProxy's `bind`. */
export function parseListen(text: string): HostPort | undefined {
  return parseHostPort(text.replace(/^\*?:/, '0.0.0.0:'));
}

/**
 * As HAProxy writes the address of a `stats socket`: `/path`, `unix@/path`, `host:port`, `ipv4@127.0.0.1:9999`, `ipv6@[::1]:9999`,
 * `ipv6@::1:9999`. Undefined for anything else; abstract sockets (`abns@`) are not supported.
 */
export function parseSocketAddress(text: string): SocketAddress | undefined {
  const [, family = '', rest = ''] = /^(?:(unix|ipv4|ipv6|tcp)@)?(.*)$/.exec(text) ?? [];
  if (rest.startsWith('/')) return family === '' || family === 'unix' ? unixPath(rest) : undefined;
  if (family === 'unix') return undefined;
  // HAProxy takes what follows the last colon for the port, so its IPv6 addresses may come without brackets.
  const bare = /^([0-9a-fA-F:]*:[0-9a-fA-F:.]*):(\d{1,5})$/.exec(rest);
  const address = parseHostPort(bare === null ? rest : `[${bare[1] ?? ''}]:${bare[2] ?? ''}`);
  if (address === undefined || address.port === 0) return undefined;
  if (family === 'ipv4' && !isIPv4(address.host)) return undefined;
  if (family === 'ipv6' && !isIPv6(address.host)) return undefined;
  return address;
}

/** The text that the parsers above read back. */
export function formatAddress(address: SocketAddress): string {
  if ('path' in address) return address.path;
  return `${bracketed(address.host)}:${address.port}`;
}

/** A host as it stands in a URL or in front of a port: IPv6 in brackets. */
export function bracketed(host: string): string {
  return isIPv6(host) ? `[${host}]` : host;
}

/** Whether a host stands for every address of the machine. */
export function isEveryAddress(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

// sun_path holds 108 bytes with its final NUL.
function unixPath(path: string): SocketAddress | undefined {
  const isPrintable = /^[\x21-\x7e]+$/.test(path);
  return isPrintable && path.length <= 107 && !path.endsWith('/') ? { path } : undefined;
}

/** A host name or an IPv4 address. */
export function isHostName(host: string): boolean {
  if (isIPv4(host)) return true;
  // Four numbers that are no IPv4 address are a slip, not a name.
  return /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?$/.test(host) && !/^[\d.]+$/.test(host);
}
