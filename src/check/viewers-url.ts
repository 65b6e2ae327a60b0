import { bracketed, isEveryAddress, parseHostPort } from '../config';
import type { ConfigLine } from './parse-config';
import type { Proxy } from './proxy';

/** How viewers come in, as far as a client on this machine can do the same. */
export interface WaysIn {
  /** As a URL without a slash at its end; undefined where there is none. */
  readonly url: string | undefined;
  /** What else there is, in words: `:8080 (PROXY protocol)`. */
  readonly others: readonly string[];
}

/** The ways in of frontends. Plain HTTP is preferred, unless it is only there to send viewers to TLS. */
export function waysIn(frontends: readonly Proxy[]): WaysIn {
  const plain: string[] = [];
  const redirected: string[] = [];
  const tls: string[] = [];
  const others: string[] = [];
  for (const { lines } of frontends) {
    const expected = lines.map(expectedOnConnection).find((what) => what !== undefined);
    const isRedirected = lines.some(isRedirectToTls);
    for (const { words } of lines) {
      const [keyword, addresses = '', ...options] = words;
      if (keyword !== 'bind') continue;
      const obstacle = expected ?? obstacleIn(options);
      for (const address of addresses.split(',')) {
        const at = reachedAt(address);
        if (typeof at === 'string' || obstacle !== undefined) {
          others.push(`${address} (${typeof at === 'string' ? at : obstacle})`);
          continue;
        }
        const host = bracketed(at.host);
        if (options.includes('ssl')) tls.push(`https://${host}:${at.port}`);
        else (isRedirected ? redirected : plain).push(`http://${host}:${at.port}`);
      }
    }
  }
  return { url: plain[0] ?? tls[0] ?? redirected[0], others };
}

/** What a connection must begin with, whatever it came in by. */
function expectedOnConnection({ words }: ConfigLine): string | undefined {
  if (words[0] !== 'tcp-request' || words[1] !== 'connection') return undefined;
  if (words[2] === 'expect-proxy') return 'PROXY protocol';
  return words[2] === 'expect-netscaler-cip' ? 'NetScaler CIP' : undefined;
}

/** `http-request redirect scheme https unless { ssl_fc }`, or the older form without `http-request`. */
function isRedirectToTls({ words }: ConfigLine): boolean {
  const rule = words[0] === 'http-request' ? words.slice(1) : words;
  return rule[0] === 'redirect' && rule[1] === 'scheme' && rule[2] === 'https';
}

/** What keeps a plain client from a bind line (configuration manual, 5.1 "Bind options"), in words. */
function obstacleIn(options: readonly string[]): string | undefined {
  if (options.includes('accept-proxy')) return 'PROXY protocol';
  if (options.includes('accept-netscaler-cip')) return 'NetScaler CIP';
  if (options.includes('namespace')) return 'another network namespace';
  if (options.includes('interface')) return 'one interface only';
  if (options.includes('verify') && options[options.indexOf('verify') + 1] !== 'none') return 'client certificates';
  const protocol = options[options.indexOf('proto') + 1];
  return options.includes('proto') && protocol !== 'h1' ? `${protocol ?? 'another protocol'} only` : undefined;
}

/** Families of HAProxy's addresses (configuration manual, 11 "Address formats") that are TCP over IP. */
const tcpFamilies = /^(?:ipv4|ipv6|tcp|tcp4|tcp6|mptcp|mptcp4|mptcp6)@/;

/** Host and port from here; text where there is none tells what the address is. */
function reachedAt(address: string): { readonly host: string; readonly port: number } | string {
  if (/^(?:\/|unix@|abnsz?@|uxst@)/.test(address)) return 'a Unix socket';
  if (/^(?:fd|sockpair)@/.test(address)) return 'a socket that HAProxy is given';
  if (/^quic[46]?@/.test(address)) return 'QUIC';
  const plain = address.replace(tcpFamilies, '');
  if (plain.includes('@')) return 'another kind of address';
  // In a range every port is one.
  const [, written = '', port = ''] = /^(.*):(\d{1,5})(?:-\d{1,5})?$/.exec(plain) ?? [];
  const host = written.replace(/^\[(.*)\]$/, '$1');
  const isEvery = host === '' || host === '*' || isEveryAddress(host);
  const from = host === '::' && /^(?:ipv6|tcp6|mptcp6)@/.test(address) ? '::1' : '127.0.0.1';
  const reached = isEvery ? from : host;
  const at = parseHostPort(`${reached.includes(':') ? `[${reached}]` : reached}:${port}`);
  return at === undefined || at.port === 0 ? 'an address that is not understood here' : at;
}
