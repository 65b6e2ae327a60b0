/** What a playlist names. */
export interface PlaylistUris {
  /** `EXT-X-MAP`: what has to be loaded before the first segment. */
  readonly init: readonly string[];
  /** Media playlists of a master playlist (renditions of `EXT-X-MEDIA` included), segments of a media playlist; in order. */
  readonly media: readonly string[];
}

/** The URIs of a playlist as they stand there (RFC 8216, 4). Gaps (`EXT-X-GAP`) name nothing that could be loaded. */
export function playlistUris(playlist: string): PlaylistUris {
  const init: string[] = [];
  const media: string[] = [];
  let isGap = false;
  for (const line of playlist.split(/\r?\n/)) {
    const uri = /^#EXT-X-(?:MEDIA|MAP):(?:.*,)?URI="([^"]+)"/.exec(line)?.[1];
    if (uri !== undefined) (line.startsWith('#EXT-X-MAP:') ? init : media).push(uri);
    else if (line === '#EXT-X-GAP') isGap = true;
    else if (line !== '' && !line.startsWith('#')) {
      if (!isGap) media.push(line);
      isGap = false;
    }
  }
  return { init, media };
}
