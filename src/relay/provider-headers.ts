import { validateHeaderName, validateHeaderValue } from 'node:http';
import { parsedUrl } from '../wire';
import type { CookieJar, SourceRequest } from './provider';
import { portOf } from './provider-connection';
import { decoded } from './source-url';

/** Headers that belong to one connection, or that the relay itself must say. */
export const ownHeaders: readonly string[] = [
  'accept-encoding',
  'connection',
  'content-length',
  'expect',
  'host',
  'if-range',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'range',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];
/** What a stream has no say in: no question has a body. */
const notTheStreams: ReadonlySet<string> = new Set([...ownHeaders, 'content-type']);

/** One request of a chain of redirects. */
export interface Hop {
  readonly url: URL;
  /** Whether the stream's own headers go along: until a redirect leads to another host, and not after it. */
  readonly isOwn: boolean;
}

/** The hop that a redirect leads to; undefined for what is no URL of http(s). */
export function nextHop({ url, isOwn }: Hop, location: string | undefined): Hop | undefined {
  // Node gives bytes as characters; the URL parser would take them for these.
  const escaped = location?.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`);
  const next = escaped === undefined ? undefined : parsedUrl(escaped, url);
  if (next === undefined) return undefined;
  if (next.protocol !== 'http:' && next.protocol !== 'https:') return undefined;
  next.hash = '';
  const isSame = isSameHost(url, next);
  // A relative URL has the credentials of the one before, an absolute one its own or none.
  if (isSame && next.username === '' && next.password === '') {
    next.username = url.username;
    next.password = url.password;
  }
  return { url: next, isOwn: isOwn && isSame };
}

/** The same host and port; or from http to https of the same host, never back. */
function isSameHost(from: URL, to: URL): boolean {
  if (from.hostname !== to.hostname) return false;
  if (from.protocol === to.protocol) return portOf(from) === portOf(to);
  return to.protocol === 'https:' && portOf(from) === 80 && portOf(to) === 443;
}

/** What a request says, names and values in turn. */
export function headersOf(
  { url, isOwn }: Hop,
  request: SourceRequest,
  cookies: CookieJar,
  connection: 'close' | 'keep-alive' = 'close',
): string[] {
  const headers = new Map([
    ['host', url.host],
    ['accept', '*/*'],
  ]);
  const authorization = basicAuthOf(url);
  if (authorization !== undefined) headers.set('authorization', authorization);
  for (const [name, value] of Object.entries(request.headers)) {
    const key = name.toLowerCase();
    if ((isOwn || key === 'user-agent') && !notTheStreams.has(key) && isHeader(key, value)) headers.set(key, value);
  }
  const cookie = cookies.of(url, headers.get('cookie'));
  if (cookie !== undefined) headers.set('cookie', cookie);
  headers.set('accept-encoding', 'identity');
  if (request.range !== undefined && isHeader('range', request.range.range)) {
    const { range, ifRange } = request.range;
    headers.set('range', range);
    if (ifRange !== undefined && isHeader('if-range', ifRange)) headers.set('if-range', ifRange);
  }
  headers.set('connection', connection);
  return [...headers].flat();
}

/** `Basic …` of the credentials in a URL. */
export function basicAuthOf({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  return `Basic ${Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64')}`;
}

function isHeader(name: string, value: string): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    // What cannot be sent is left out: the rest may do.
    return false;
  }
}

const mostCookies = 50;
const longestCookie = 4096;

interface Cookie {
  readonly url: URL;
  readonly name: string;
  readonly text: string;
  readonly isSecure: boolean;
}

export function createCookieJar(): CookieJar {
  let jar: readonly Cookie[] = [];
  return {
    add(url, setCookie) {
      for (const line of setCookie) {
        const [text = '', ...attributes] = line.split(';').map((part) => part.trim());
        const name = text.split('=', 1)[0] ?? '';
        if (name === '' || text.length > longestCookie || !text.includes('=')) continue;
        const isSecure = attributes.some((attribute) => attribute.toLowerCase() === 'secure');
        const others = jar.filter((cookie) => cookie.name !== name || cookie.url.hostname !== url.hostname);
        jar = [...others, { url, name, text, isSecure }].slice(-mostCookies);
      }
    },
    of(url, own) {
      const sent = jar.filter(
        (cookie) => isSameHost(cookie.url, url) && !(cookie.isSecure && url.protocol === 'http:'),
      );
      const names = new Set(sent.map(({ name }) => name));
      // What the host has set anew takes the place of what the stream says.
      const kept = (own?.split(';') ?? [])
        .map((part) => part.trim())
        .filter((part) => part !== '' && !names.has(part.split('=', 1)[0] ?? ''));
      const all = [...kept, ...sent.map(({ text }) => text)];
      return all.length === 0 ? undefined : all.join('; ');
    },
  };
}
