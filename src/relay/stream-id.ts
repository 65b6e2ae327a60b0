import { createHmac } from 'node:crypto';
import { parsedUrl } from '../wire';
import { portOf } from './provider-connection';
import { decoded, plainWords } from './source-url';

/**
 * The id of a stream: 8 digits that all streams of one account have in common, by which a proxy can send them to the same relay, and 24 of the URL. Both are hashes
 * that say nothing to who has not got the key.
 * @returns 32 hexadecimal digits.
 */
export function streamIdOf(key: string | Buffer, url: string): string {
  // No URL begins like this.
  return hash(key, `account:${accountPartOf(url)}`).slice(0, 8) + hash(key, url).slice(0, 24);
}

function hash(key: string | Buffer, text: string): string {
  return createHmac('sha256', key).update(text).digest('hex');
}

/**
 * What the streams of one account have in common, by their URLs alone: the provider's host and port, and the login where one is found. It holds credentials.
 *
 * | Where the login is | For example |
 * |---|---|
 * | before the host | `http://USER:PASS@host/…` |
 * | behind a word of Xtream | `/live/USER/PASS/1.ts`, also `movie`, `series`, `timeshift` |
 * | alone before a number | `/USER/PASS/1`, `/USER/PASS/1.ts` |
 * | in the query | `get.php?username=USER&password=PASS` |
 */
export function accountPartOf(text: string): string {
  const url = parsedUrl(text);
  if (url === undefined) return text;
  return JSON.stringify([url.hostname.replace(/\.$/, ''), portOf(url), ...loginOf(url)]);
}

const xtreamPath = /^\/(?:live|movie|series|timeshift)\/([^/]+)\/([^/]+)\/[^/]/i;
const shortPath = /^\/([^/]+)\/([^/]+)\/\d+(?:\.[a-z0-9]{1,5})?$/i;

function loginOf({ username, password, pathname, searchParams }: URL): readonly string[] {
  if (username !== '') return [username, password].map(decoded);
  const [, user, word] = xtreamPath.exec(pathname) ?? shortPath.exec(pathname) ?? [];
  if (user !== undefined && word !== undefined && !plainWords.has(user.toLowerCase())) return [user, word].map(decoded);
  const asked = [searchParams.get('username'), searchParams.get('password')];
  return asked.flatMap((part) => (part === null || asked.includes(null) ? [] : [part]));
}
