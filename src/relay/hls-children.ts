import type { RewriteUri, UriRole } from '../hls';
import { parsedUrl } from '../wire';
import type { ChildKind, ChildTokens } from './child-token';
import { childUrl } from './child-url';
import type { HlsSession } from './hls-session';

const kinds: Readonly<Record<UriRole, ChildKind>> = {
  variant: 'variant',
  rendition: 'rendition',
  iframes: 'iframes',
  images: 'images',
  report: 'playlist',
  asset: 'playlist',
  segment: 'segment',
  part: 'segment',
  hint: 'part-of',
  map: 'part-of',
  unknown: 'part-of',
  key: 'key',
  'session-key': 'key',
  'session-data': 'data',
  steering: 'data',
  'asset-list': 'data',
};
const playlistKinds: ReadonlySet<ChildKind> = new Set(['variant', 'rendition', 'iframes', 'images', 'playlist']);
const otherScheme = /^(?!https?:)[a-z][a-z0-9+.-]*:/i;
/** Of the playlists of a master; those beyond it are not found again after a failover. */
const mostPlaylists = 500;

/** Whether a child is read as a playlist, whatever it is. */
export function isPlaylistKind(kind: ChildKind): boolean {
  return playlistKinds.has(kind);
}

/** How a playlist of a master is found in another source's: by its kind, and by where it stands. */
export function playlistName(kind: ChildKind, ordinal: number): string {
  return `${kind} ${ordinal}`;
}

/** Where a playlist stands whose URIs are replaced. */
export interface PlaylistPlace {
  /** After redirects. */
  readonly url: string;
  /** What stands before the URL of each child: relative to where the player has found the playlist. */
  readonly prefix: string;
}

/**
 * Gives each child of a playlist a URL of the relay. What is no URL of http(s), a key of a DRM system for instance, stays as it is.
 * @param found takes the playlists of a master, by their names.
 */
export function childRewriter(
  tokens: ChildTokens,
  session: HlsSession,
  { url: base, prefix }: PlaylistPlace,
  found?: Map<string, string>,
): RewriteUri {
  const { streamId, id: sessionId, standing, mtxs } = session;
  const source = Math.max(0, standing.source);
  const query = mtxs === undefined ? '' : `?mtxs=${mtxs}`;
  const counts = new Map<ChildKind, number>();
  return (uri, role) => {
    const url = childUrl(uri, base);
    // A URL that cannot be asked for may still hold credentials.
    if (url === undefined) return otherScheme.test(uri) ? undefined : `${prefix}unreadable`;
    const kind = kinds[role];
    const isPlaylist = isPlaylistKind(kind) || /\.m3u8?$/i.test(pathOf(url));
    let ordinal = 0;
    if (isPlaylistKind(kind)) {
      ordinal = counts.get(kind) ?? 0;
      counts.set(kind, ordinal + 1);
      if (found !== undefined && found.size < mostPlaylists) found.set(playlistName(kind, ordinal), url);
    }
    const child = { kind: isPlaylist && !isPlaylistKind(kind) ? 'playlist' : kind, ordinal, source, url } as const;
    const token = tokens.seal({ streamId, sessionId }, child);
    return `${prefix}${token}.${isPlaylist ? 'm3u8' : extensionOf(url, role)}${query}`;
  };
}

const known: ReadonlySet<string> = new Set([
  'ts',
  'm2ts',
  'mp4',
  'm4s',
  'm4v',
  'm4a',
  'm4f',
  'cmfv',
  'cmfa',
  'cmft',
  'aac',
  'ac3',
  'ec3',
  'mp3',
  'vtt',
  'webvtt',
  'key',
  'bin',
  'json',
]);
const usual: Readonly<Record<ChildKind, string>> = {
  variant: 'm3u8',
  rendition: 'm3u8',
  iframes: 'm3u8',
  images: 'm3u8',
  playlist: 'm3u8',
  segment: 'ts',
  'part-of': 'mp4',
  key: 'key',
  data: 'json',
};

/** ffmpeg 7.1.1 and newer refuse segments whose names do not end as their kind does; for pictures that are none, and names without any, it is that of most segments. */
function extensionOf(url: string, role: UriRole): string {
  const [, extension = ''] = /\.([a-z0-9]{1,6})$/i.exec(pathOf(url)) ?? [];
  const told = extension.toLowerCase();
  return known.has(told) ? told : usual[kinds[role]];
}

function pathOf(url: string): string {
  return parsedUrl(url)?.pathname ?? '';
}
