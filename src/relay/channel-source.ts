import { type Beginning, createCursor, type ListedSegment } from './channel-cursor';
import type { ChannelRing } from './channel-ring';
import { type ChosenRendition, type ChosenVariant, chooseVariant } from './channel-variant';
import { childUrl } from './child-url';
import type { SourceFailure } from './provider';
import { failureOf } from './provider-answer';
import { type AskSource, lookWithinMs, playlistsInstead, readAt, type UpstreamPlaylist } from './source-playlist';

/** The name of the main playlist. */
export const mainName = 'main';

/** A media playlist of a channel. */
export interface ChannelTrack {
  /** `main`; `audio-0`, `subtitles-1` and so on for renditions that are playlists of their own. */
  readonly name: string;
  readonly ring: ChannelRing;
}

/** What players find in a channel: known with the first source that works, and the same as long as the channel is. */
export interface ChannelShape {
  /** Of EXT-X-STREAM-INF; empty where the source has no master playlist. */
  readonly attributes: ReadonlyMap<string, string>;
  readonly renditions: readonly ShapedRendition[];
  readonly main: ChannelTrack;
}

export interface ShapedRendition {
  readonly type: string;
  readonly attributes: ReadonlyMap<string, string>;
  /** Undefined where it is part of the main playlist. */
  readonly track: ChannelTrack | undefined;
}

/** One playlist of a source, and the track that it goes on with. */
export interface Reading {
  readonly track: ChannelTrack;
  /** Of a rendition: AUDIO, SUBTITLES; empty for the main one. */
  readonly type: string;
  readonly upstream: UpstreamPlaylist;
}

export type FoundSource =
  | { readonly chosen: ChosenVariant | undefined; readonly main: UpstreamPlaylist; readonly failure?: undefined }
  | { readonly failure: SourceFailure };

/** Finds out what a source has: its media playlist, or of its master playlist the variant that is wanted, read once. */
export async function findSource(
  url: string,
  ask: AskSource,
  { maxBandwidth, stallMs }: { readonly maxBandwidth: number; readonly stallMs: number },
): Promise<FoundSource> {
  const withinMs = lookWithinMs(stallMs);
  const top = await readAt(url, ask, { withinMs });
  if (top.failure !== undefined) return top;
  if (top.playlist.kind === 'media') {
    const main = { askUrl: url, url: top.url, cursor: createCursor(), first: top.playlist, variables: noVariables };
    return { chosen: undefined, main };
  }
  const { variables } = top.playlist;
  const chosen = chooseVariant(top.playlist, maxBandwidth);
  const askUrl = chosen && childUrl(chosen.uri, top.url);
  if (chosen === undefined || askUrl === undefined) {
    return { failure: failureOf('type', 'The provider sent a list of no playlists.') };
  }
  const media = await readAt(askUrl, ask, { withinMs, variables });
  if (media.failure !== undefined) return media;
  if (media.playlist.kind === 'master') return { failure: playlistsInstead };
  const renditions = chosen.renditions.map((one) => ({ ...one, uri: one.uri && childUrl(one.uri, top.url) }));
  const main = { askUrl, url: media.url, cursor: createCursor(), first: media.playlist, variables };
  return { chosen: { ...chosen, renditions }, main };
}

const noVariables: ReadonlyMap<string, string> = new Map();

/** What players are to find, by the first source that works. */
export function shapeOf(chosen: ChosenVariant | undefined, newRing: () => ChannelRing): ChannelShape {
  const counts = new Map<string, number>();
  const renditions = (chosen?.renditions ?? []).map(({ type, uri, attributes }) => {
    if (uri === undefined) return { type, attributes, track: undefined };
    const count = counts.get(type) ?? 0;
    counts.set(type, count + 1);
    return { type, attributes, track: { name: `${type.toLowerCase()}-${count}`, ring: newRing() } };
  });
  return { attributes: chosen?.attributes ?? noVariables, renditions, main: { name: mainName, ring: newRing() } };
}

/**
 * Which playlist of a source goes on with which track: renditions by their language and name, else by their order.
 * @returns undefined where the sound of one is in playlists of its own and that of the other is not: players would hear nothing.
 */
export function readingsOf(
  shape: ChannelShape,
  { chosen, main }: Extract<FoundSource, { readonly main: UpstreamPlaylist }>,
): readonly Reading[] | undefined {
  const left = (chosen?.renditions ?? []).filter(({ uri }) => uri !== undefined);
  const readings: Reading[] = [{ track: shape.main, type: '', upstream: main }];
  for (const { type, attributes, track } of shape.renditions) {
    if (track === undefined) continue;
    const uri = takeMatch(left, type, attributes)?.uri;
    if (uri === undefined && type === 'AUDIO') return undefined;
    if (uri === undefined) continue;
    const upstream = { askUrl: uri, url: uri, cursor: createCursor(), first: undefined, variables: main.variables };
    readings.push({ track, type, upstream });
  }
  const hasSound = readings.some(({ type }) => type === 'AUDIO');
  return !hasSound && left.some(({ type }) => type === 'AUDIO') ? undefined : readings;
}

/** Takes the rendition out of those that are left. */
function takeMatch(
  left: ChosenRendition[],
  type: string,
  attributes: ReadonlyMap<string, string>,
): ChosenRendition | undefined {
  const isLike = (one: ChosenRendition, ...names: readonly string[]): boolean =>
    one.type === type && names.every((name) => one.attributes.get(name) === attributes.get(name));
  const tries = [['LANGUAGE', 'NAME'], ['LANGUAGE'], []] as const;
  for (const names of tries) {
    const at = left.findIndex((one) => isLike(one, ...names));
    if (at !== -1) return left.splice(at, 1)[0];
  }
  return undefined;
}

export interface BeginningSettings {
  readonly initialSegments: number;
  readonly initialBufferSeconds: number;
  readonly maxInitialSegments: number;
}

/**
 * How much of a source's list a track takes that begins, or goes on after another source.
 * @param first what the main track began with, for a rendition that is to begin with the same.
 * @param sinceMs since the last segment came.
 */
export function beginningOf(
  ring: ChannelRing,
  { initialBufferSeconds, initialSegments, maxInitialSegments }: BeginningSettings,
  { first, sinceMs }: { readonly first: ListedSegment | undefined; readonly sinceMs: number },
): Beginning {
  const last = ring.segments.at(-1);
  const fromSequence = first?.sequence;
  if (last === undefined) {
    const leastSegments = Math.min(initialSegments, maxInitialSegments);
    return { seconds: initialBufferSeconds, leastSegments, mostSegments: maxInitialSegments, fromSequence };
  }
  const { programDateTimeMs, durationSeconds } = last;
  return {
    // Without times: what has come since then, most likely.
    seconds: sinceMs / 1000,
    leastSegments: 1,
    mostSegments: maxInitialSegments,
    fromSequence,
    afterMs: programDateTimeMs === undefined ? undefined : programDateTimeMs + durationSeconds * 1000,
  };
}
