/** What a URI of a playlist leads to. */
export type UriRole =
  /** Behind EXTINF. */
  | 'segment'
  /** The media playlist behind EXT-X-STREAM-INF. */
  | 'variant'
  /** The media playlist of EXT-X-MEDIA. */
  | 'rendition'
  /** The media playlist of EXT-X-I-FRAME-STREAM-INF. */
  | 'iframes'
  /** The media playlist of EXT-X-IMAGE-STREAM-INF. */
  | 'images'
  /** The media playlist of EXT-X-RENDITION-REPORT. */
  | 'report'
  | 'key'
  | 'session-key'
  /** An init segment. */
  | 'map'
  | 'part'
  /** A part or init segment that is to come. */
  | 'hint'
  /** JSON of EXT-X-SESSION-DATA. */
  | 'session-data'
  /** The steering manifest of EXT-X-CONTENT-STEERING. */
  | 'steering'
  /** The playlist of an interstitial. */
  | 'asset'
  /** JSON with URIs of interstitials. */
  | 'asset-list'
  /** Of a tag that is not in RFC 8216bis. */
  | 'unknown';

/** Tag, attribute, role: each URI that RFC 8216bis has in an attribute, and images of Roku's. */
const uriAttributes = [
  ['EXT-X-KEY', 'URI', 'key'],
  ['EXT-X-SESSION-KEY', 'URI', 'session-key'],
  ['EXT-X-MAP', 'URI', 'map'],
  ['EXT-X-MEDIA', 'URI', 'rendition'],
  ['EXT-X-I-FRAME-STREAM-INF', 'URI', 'iframes'],
  ['EXT-X-IMAGE-STREAM-INF', 'URI', 'images'],
  ['EXT-X-PART', 'URI', 'part'],
  ['EXT-X-PRELOAD-HINT', 'URI', 'hint'],
  ['EXT-X-RENDITION-REPORT', 'URI', 'report'],
  ['EXT-X-SESSION-DATA', 'URI', 'session-data'],
  ['EXT-X-CONTENT-STEERING', 'SERVER-URI', 'steering'],
  ['EXT-X-DATERANGE', 'X-ASSET-URI', 'asset'],
  ['EXT-X-DATERANGE', 'X-ASSET-LIST', 'asset-list'],
] as const;
const roles: ReadonlyMap<string, UriRole> = new Map(uriAttributes.map(([tag, name, role]) => [`${tag} ${name}`, role]));
/** Their value is a URI, without any attribute: the segment to come of two dialects of low latency. */
const uriTags: ReadonlySet<string> = new Set(['EXT-X-PREFETCH', 'EXT-X-TWITCH-PREFETCH']);

/** Whether the value of this tag is a URI as it stands. */
export function isUriTag(tag: string): boolean {
  return uriTags.has(tag);
}

/** What the attribute of a tag leads to; undefined for what is no URI. */
export function roleOf(tag: string, attribute: string): UriRole | undefined {
  return roles.get(`${tag} ${attribute}`) ?? (attribute === 'URI' ? 'unknown' : undefined);
}
