/** A query string as Go's `net/url` sees it: every key with its values, in the order of appearance. */
export type Query = Map<string, string[]>;

const utf8 = new TextDecoder('utf-8');

/** Percent-decoding as Go's `url.QueryUnescape`; undefined where Go reports an error. Broken UTF-8 becomes U+FFFD. */
function unescape(text: string): string | undefined {
  if (/%(?![0-9a-fA-F]{2})/.test(text)) return undefined;
  if (!text.includes('%')) return text.replaceAll('+', ' ');
  const bytes = Buffer.from(text.replaceAll('+', ' '), 'utf8');
  const decoded: number[] = [];
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] === 0x25) {
      decoded.push(Number.parseInt(bytes.toString('latin1', at + 1, at + 3), 16));
      at += 2;
    } else decoded.push(bytes.readUInt8(at));
  }
  return utf8.decode(Uint8Array.from(decoded));
}

function escape(text: string): string {
  return encodeURIComponent(text)
    .replaceAll('%20', '+')
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Parses like Go's `url.ParseQuery`: pairs that it refuses (a semicolon, a broken escape) are left out, and `isValid` is false. */
export function parseQuery(raw: string): { query: Query; isValid: boolean } {
  const query: Query = new Map();
  let isValid = true;
  for (const pair of raw.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const key = unescape(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? '' : unescape(pair.slice(equals + 1));
    if (key === undefined || value === undefined || pair.includes(';')) {
      isValid = false;
      continue;
    }
    const values = query.get(key);
    if (values) values.push(value);
    else query.set(key, [value]);
  }
  return { query, isValid };
}

/** Encodes like Go's `url.Values.Encode`: sorted by key, a space is `+`. */
export function encodeQuery(query: Query): string {
  return [...query.keys()]
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .flatMap((key) => (query.get(key) ?? []).map((value) => `${escape(key)}=${escape(value)}`))
    .join('&');
}

/** The first value of a key, or undefined. */
export function queryValue(query: Query, key: string): string | undefined {
  return query.get(key)?.[0];
}

/**
 * The query that fMP4 and low-latency media playlists hand on to their children: re-encoded, without the `_HLS_` directives.
 * One that does not parse is handed on as it is (`filterOutHLSParams` in gohlslib's muxer_stream.go).
 */
export function childQuery(raw: string): string {
  if (raw === '') return '';
  const { query, isValid } = parseQuery(raw);
  if (!isValid) return raw;
  for (const key of query.keys()) if (key.startsWith('_HLS_')) query.delete(key);
  return encodeQuery(query);
}

/** A URL path with its escapes resolved, as Go's `URL.Path`; undefined where Go answers 400. */
export function decodePath(rawPath: string): string | undefined {
  // A plus sign stands for itself in a path.
  return rawPath.includes('%') ? unescape(rawPath.replaceAll('+', '%2B')) : rawPath;
}

/** A request's target as text: Node reads its bytes as Latin-1, Go as UTF-8. */
export function requestTarget(url: string | undefined): { rawPath: string; rawQuery: string } {
  const text = url === undefined ? '/' : Buffer.from(url, 'latin1').toString('utf8');
  const mark = text.indexOf('?');
  return mark < 0 ? { rawPath: text, rawQuery: '' } : { rawPath: text.slice(0, mark), rawQuery: text.slice(mark + 1) };
}
