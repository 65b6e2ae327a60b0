import { parsedUrl } from '../wire';
import { maxUrlLength } from './source-url';

/**
 * The URL of what a playlist names; undefined for what is none of http(s), or too long. As with redirects, credentials of the playlist's URL go along to
 * the same host.
 */
export function childUrl(uri: string, playlistUrl: string): string | undefined {
  const base = parsedUrl(playlistUrl);
  const url = base === undefined || uri.length > maxUrlLength ? undefined : parsedUrl(uri, base);
  if (base === undefined || url === undefined || !/^https?:$/.test(url.protocol)) return undefined;
  url.hash = '';
  if (url.host === base.host && url.protocol === base.protocol && url.username === '' && url.password === '') {
    url.username = base.username;
    url.password = base.password;
  }
  return url.href;
}

/** What a stream says to its provider, for one URL: hosts other than that of its source are told the user agent alone. */
export function headersFor(
  url: string,
  sourceUrl: string,
  headers: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const [to, own] = [parsedUrl(url), parsedUrl(sourceUrl)];
  if (to !== undefined && to.host === own?.host) return headers;
  const userAgent = headers['user-agent'];
  return userAgent === undefined ? {} : { 'user-agent': userAgent };
}
