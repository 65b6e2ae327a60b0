/** Of the relay's own: no provider hears of them, and none of them replaces a login that stands in a source's URL. */
const ownNames = new Set(['client_id', 'username', 'password', 'api_token', 'token', 'url']);
/** By these a player asks for what was broadcast before. */
const timeNames = new Set(['utc', 'lutc']);
/** A path of programmes that were broadcast before, whatever their times are called there. */
const catchUpPath = /\/timeshift(\/|\.php$)/i;
/** More than any player sends; what is longer is left out as a whole. */
const maxQueryLength = 2_048;

/**
 * A source's URL with what a player asks of a catch-up programme: `utc` and `lutc` say that one is wanted, a path with `/timeshift/` that the source is one.
 * Then the player's parameters are added, in place of those of the same name; all other URLs stay as they are, to the letter.
 *
 * @param clientQuery the player's query as it came, without or with its question mark.
 */
export function withClientQuery(sourceUrl: string, clientQuery: string): string {
  if (clientQuery.length > maxQueryLength) return sourceUrl;
  const asked = pairsOf(clientQuery.replace(/^\?/, '').replace(/#.*$/s, '')).filter(({ name }) => !ownNames.has(name));
  const { path, query } = splitUrl(sourceUrl);
  if (asked.length === 0 || !(catchUpPath.test(path) || asked.some(({ name }) => timeNames.has(name))))
    return sourceUrl;
  const names = new Set(asked.map(({ name }) => name));
  const kept = pairsOf(query).filter(({ name }) => !names.has(name));
  return `${path}?${[...kept, ...asked].map(({ pair }) => pair).join('&')}`;
}

/** The URL up to its query, and the query. What follows a `#` is for no server. */
function splitUrl(url: string): { readonly path: string; readonly query: string } {
  const [sent = ''] = url.split('#', 1);
  const at = sent.indexOf('?');
  return at === -1 ? { path: sent, query: '' } : { path: sent.slice(0, at), query: sent.slice(at + 1) };
}

/** The parameters as they are spelled, with their names in plain. */
function pairsOf(query: string): readonly { readonly name: string; readonly pair: string }[] {
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => ({ name: plainName(pair.split('=', 1)[0] ?? ''), pair }));
}

function plainName(spelled: string): string {
  try {
    return decodeURIComponent(spelled.replaceAll('+', ' ')).toLowerCase();
  } catch {
    // Not an escape, then it is a name with a percent sign.
    return spelled.toLowerCase();
  }
}
