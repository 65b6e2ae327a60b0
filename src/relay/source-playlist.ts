import { type MasterPlaylist, type MediaPlaylist, readPlaylist } from '../hls';
import type { createCursor } from './channel-cursor';
import type { FetchedKind } from './channel-stats';
import type { Fetched, WholeRequest } from './fetch-whole';
import type { SourceFailure } from './provider';
import { failureOf } from './provider-answer';

/** Asks a source for something. Never rejects. */
export type AskSource = (request: AskedOfSource) => Promise<Fetched>;

export interface AskedOfSource extends Pick<WholeRequest, 'url' | 'byteRange' | 'mostBytes' | 'withinMs'> {
  readonly kind: FetchedKind;
}

/** A media playlist of a source, followed through redirects. */
export interface UpstreamPlaylist {
  /** As the stream or the master playlist names it. */
  readonly askUrl: string;
  /** After redirects: it is asked again there, so that a provider that counts sessions sees one. */
  url: string;
  /** What was read of it; stays where the source is opened anew. */
  readonly cursor: ReturnType<typeof createCursor>;
  /** Read already. */
  first: MediaPlaylist | undefined;
  /** Of its master playlist. */
  readonly variables: ReadonlyMap<string, string>;
}

const mostPlaylistBytes = 2 * 1024 * 1024;
const leastWithinMs = 10_000;
/** Of a provider whose playlist lists others where segments should be. */
export const playlistsInstead = failureOf('type', 'The provider sent a list of playlists instead of segments.');

type Look<Kind> =
  | { readonly playlist: Kind; readonly url: string; readonly failure?: undefined }
  | { readonly failure: SourceFailure; readonly playlist?: undefined; readonly url?: undefined };

/** Reads the playlist where it was found last; where that does not work, such as when a token in it has run out, where it is looked for first. */
export async function lookAgain(
  upstream: UpstreamPlaylist,
  ask: AskSource,
  stallMs: number,
): Promise<Look<MediaPlaylist>> {
  const { first } = upstream;
  upstream.first = undefined;
  if (first !== undefined) return { playlist: first, url: upstream.url };
  const urls = [...new Set([upstream.url, upstream.askUrl])];
  let failure = failureOf('reset', 'The attempt was ended.');
  for (const url of urls) {
    const read = await readAt(url, ask, { withinMs: lookWithinMs(stallMs), variables: upstream.variables });
    if (read.failure === undefined && read.playlist.kind === 'media') {
      upstream.url = read.url;
      return { playlist: read.playlist, url: read.url };
    }
    failure = read.failure ?? playlistsInstead;
  }
  return { failure };
}

/** How long a playlist, key or init segment may take, however slowly it comes. */
export function lookWithinMs(stallMs: number): number {
  return Math.max(leastWithinMs, stallMs);
}

/** Reads a playlist of whatever kind. */
export async function readAt(
  url: string,
  ask: AskSource,
  { withinMs, variables }: { readonly withinMs: number; readonly variables?: ReadonlyMap<string, string> },
): Promise<Look<MasterPlaylist | MediaPlaylist>> {
  const fetched = await ask({ url, kind: 'playlist', mostBytes: mostPlaylistBytes, withinMs });
  if (fetched.failure !== undefined) return fetched;
  const text = Buffer.concat([...fetched.blocks]).toString('utf8');
  const { playlist, faults } = await readPlaylist(text, {
    url: fetched.url,
    ...(variables === undefined ? {} : { imported: variables }),
  });
  if (playlist !== undefined) return { playlist, url: fetched.url };
  return { failure: failureOf('type', `The provider sent no playlist: ${faults[0]?.reason ?? 'it is empty.'}`) };
}
