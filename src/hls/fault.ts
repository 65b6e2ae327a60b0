/** What is wrong with a playlist. */
export interface PlaylistFault {
  /** Where, the first line being 1; undefined for what is wrong with all of it. */
  readonly line: number | undefined;
  /** In a sentence that repeats nothing of the playlist, whose URIs may hold credentials. */
  readonly reason: string;
}

/** How much a playlist may hold, so that nobody's playlist fills the memory. */
export interface PlaylistLimits {
  /** Default 2 MB. */
  readonly bytes?: number;
  /** Default 20,000: lines and attributes that name one. */
  readonly uris?: number;
}

/** Larger playlists are refused. */
export const mostPlaylistBytes = 2 * 1024 * 1024;
export const mostUris = 20_000;
/** In characters: of a line that has a URI or attributes. Comments and unknown tags may be longer. */
export const longestLine = 64 * 1024;

export function tooLarge(bytes: number): PlaylistFault {
  return { line: undefined, reason: `The playlist has more than ${bytes} bytes.` };
}

export function tooManyUris(line: number, uris: number): PlaylistFault {
  return { line, reason: `The playlist has more than ${uris} URIs.` };
}

export function tooLongLine(line: number): PlaylistFault {
  return { line, reason: `The line has more than ${longestLine} characters.` };
}

export const noHeader: PlaylistFault = { line: 1, reason: 'The playlist does not begin with #EXTM3U.' };
