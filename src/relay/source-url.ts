import { parsedUrl } from '../wire';
import type { StreamType } from './stream';

/** Longer ones are refused. */
export const maxUrlLength = 4096;

export type ParsedUrl =
  | { readonly url: URL; readonly problem?: undefined }
  /** What is wrong, in a sentence that does not repeat the URL. */
  | { readonly problem: string; readonly url?: undefined };

/** Reads the URL of a source, which must be absolute, http or https. What the URL standard would tidy up silently, such as line breaks, is refused. */
export function parseSourceUrl(text: string): ParsedUrl {
  if (text.length > maxUrlLength) return { problem: `The URL has more than ${maxUrlLength} characters.` };
  // Spaces are escaped by the parser; at the ends it would drop them.
  if (/[\p{Cc}\u2028\u2029]/u.test(text) || text.trim() !== text) {
    return { problem: 'The URL has control characters, or spaces around it.' };
  }
  if (!/^https?:\/\//i.test(text)) return { problem: 'The URL does not begin with http:// or https://.' };
  const url = parsedUrl(text);
  if (url === undefined) return { problem: 'The URL is not valid.' };
  if (url.port === '0') return { problem: 'The URL has port 0.' };
  // Never sent.
  url.hash = '';
  return { url };
}

/** How a URL is shown to people and in logs: scheme, host and port. All behind them may hold credentials. */
export function shownUrl(text: string): string {
  const url = parsedUrl(text);
  if (url === undefined) return 'an invalid URL';
  const { protocol, host, pathname, search } = url;
  return `${protocol}//${host}/${pathname.length > 1 || search !== '' ? '…' : ''}`;
}

/** Parts of paths that are words of the trade, and nobody's credentials. */
export const plainWords: ReadonlySet<string> = new Set([
  'live',
  'movie',
  'series',
  'timeshift',
  'stream',
  'streaming',
  'hls',
  'play',
  'index',
]);
/** What is shorter would be found in ordinary words. */
const shortestSecret = 3;

/**
 * A text from outside, without the URLs in it, and without the parts of these URLs that may be credentials: user and password, path segments, values
 * of the query.
 */
export function redact(text: string, ...urls: readonly string[]): string {
  const withoutUrls = text.replace(/[a-z][a-z0-9+.-]{1,20}(?::|%3a)(?:\/|%2f){2}[^\s"'<>`]*/gi, (found) =>
    shownUrl(found),
  );
  return [...new Set(urls.flatMap(secretsOf))]
    .sort((a, b) => b.length - a.length)
    .reduce((rest, secret) => rest.split(secret).join('…'), withoutUrls);
}

function secretsOf(text: string): readonly string[] {
  const url = parsedUrl(text);
  if (url === undefined) return [];
  const segments = url.pathname.split('/').flatMap((segment) => [segment, segment.replace(/\.[a-z0-9]{1,5}$/i, '')]);
  const raw = [url.username, url.password, ...segments];
  return [...raw, ...raw.map(decoded), ...url.searchParams.values()].filter(
    (part) => part.length >= shortestSecret && !plainWords.has(part.toLowerCase()),
  );
}

/** A part of a URL without its percent escapes. */
export function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // A stray percent sign: as it stands.
    return part;
  }
}

/**
 * What kind of stream a URL most likely is; by its path alone: what stands in the query (`x.m3u8?token=…`, `?file=a.mp4`) does not count.
 * `live` where nothing says otherwise.
 */
export function streamTypeOf(text: string): StreamType {
  const url = parsedUrl(text);
  if (url === undefined) return 'live';
  // Some servers put parameters behind a semicolon, such as session ids.
  const path = url.pathname.replace(/;[^/]*$/, '').toLowerCase();
  if (path.endsWith('.m3u8')) return 'hls';
  if (/\.(?:mp4|mkv|webm|avi)$/.test(path)) return 'vod';
  return /\/(?:movie|series|timeshift)\/|\/timeshift\.php$/.test(path) ? 'vod' : 'live';
}
