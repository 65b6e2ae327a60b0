import { attributesOf } from './attributes';
import {
  longestLine,
  mostPlaylistBytes,
  mostUris,
  noHeader,
  type PlaylistFault,
  type PlaylistLimits,
  tooLarge,
  tooLongLine,
  tooManyUris,
} from './fault';
import { type Line, linesOf, tagOf } from './line';
import { createPace } from './pace';
import { isUriTag, roleOf, type UriRole } from './uri-tags';
import { createVariables, type VariableSources } from './variables';

/**
 * Says what stands in the place of a URI.
 * @param uri as a player reads it: its variables have their values.
 * @returns the new one; undefined: it stays as it is.
 */
export type RewriteUri = (uri: string, role: UriRole) => string | undefined;

export type Rewritten =
  | {
      readonly playlist: Buffer;
      /** Whether it lists variants and renditions, not segments. */
      readonly isMaster: boolean;
      /** The variables that it defines, for the `IMPORT` of its media playlists. */
      readonly variables: ReadonlyMap<string, string>;
      readonly fault?: undefined;
    }
  | { readonly fault: PlaylistFault; readonly playlist?: undefined };

const masterTags: ReadonlySet<string> = new Set(['EXT-X-STREAM-INF', 'EXT-X-I-FRAME-STREAM-INF', 'EXT-X-MEDIA']);
/** They have no attributes, whatever stands in them: the title of a segment is free text. */
const plainTags: ReadonlySet<string> = new Set(['EXTM3U', 'EXTINF']);
const lineBreaks = /[\r\n]/g;
const quotes = /["\r\n]/g;
const commas = /[",\r\n]/g;
const notAscii = /[^\0-\x7f]/;

/**
 * Puts other URIs into a playlist, master or media; every other byte stays as it is: ends of lines, byte order mark, order and spacing of attributes, unknown
 * tags. A URI with a variable that is not defined stays, too. One thing else is changed: `QUERYPARAM` variables are defined as empty, for the URL of the playlist
 * is another one as well, and a player that does not find a parameter gives up.
 *
 * Takes time linear in the bytes, and lets others have their turn every few milliseconds. Rejects only with what `rewriteUri` throws.
 */
export async function rewritePlaylist(
  playlist: Buffer,
  rewriteUri: RewriteUri,
  sources: VariableSources = {},
  limits: PlaylistLimits = {},
): Promise<Rewritten> {
  const { bytes: mostBytes = mostPlaylistBytes, uris: most = mostUris } = limits;
  if (playlist.length > mostBytes) return { fault: tooLarge(mostBytes) };
  // One character a byte: what is no UTF-8 stays what it is.
  const text = playlist.toString('latin1');
  const variables = createVariables(sources);
  const turn = createPace();
  const pieces: string[] = [];
  let written = 0;
  let uris = 0;
  let isMaster = false;
  let isBegun = false;
  /** Of the line that follows a tag. */
  let next: UriRole = 'segment';

  function replace(start: number, end: number, made: string): void {
    pieces.push(text.slice(written, start), made);
    written = end;
  }

  /** @param unsafe what must not stand in its place. */
  function changeUri(start: number, end: number, role: UriRole, unsafe: RegExp): void {
    if (++uris > most) return;
    const uri = variables.substituted(utf8(text.slice(start, end)));
    const made = uri === undefined ? undefined : rewriteUri(uri, role);
    if (made !== undefined) replace(start, end, bytesOf(made.replace(unsafe, encodeURIComponent)));
  }

  function readTag({ text: held, start, end }: Line, tag: string, valueAt: number): void {
    if (tag === 'EXT-X-STREAM-INF') next = 'variant';
    if (isUriTag(tag)) changeUri(start + valueAt, end, 'segment', lineBreaks);
    else if (tag === 'EXT-X-DEFINE') {
      const attributes = [...attributesOf(held, valueAt)].map((one) => ({ ...one, value: utf8(one.value) }));
      variables.define(attributes);
      const asked = attributes.find(({ name }) => name === 'QUERYPARAM');
      if (asked !== undefined) replace(start + valueAt, end, bytesOf(`NAME="${asked.value}",VALUE=""`));
    } else {
      for (const { name, start: from, end: to, isQuoted } of attributesOf(held, valueAt)) {
        const role = roleOf(tag, name);
        if (role !== undefined) changeUri(start + from, start + to, role, isQuoted ? quotes : commas);
      }
    }
  }

  for (const line of linesOf(text)) {
    const { text: held, number } = line;
    const wait = turn(held.length);
    if (wait !== undefined) await wait;
    if (held === '') continue;
    if (!isBegun && !held.startsWith('#EXTM3U')) return { fault: noHeader };
    isBegun = true;
    const named = tagOf(held);
    if (named === undefined ? held.startsWith('#') : plainTags.has(named.tag)) continue;
    if (held.length > longestLine) return { fault: tooLongLine(number) };
    if (named === undefined) {
      changeUri(line.start, line.end, next, lineBreaks);
      next = 'segment';
    } else {
      isMaster ||= masterTags.has(named.tag);
      readTag(line, named.tag, named.valueAt);
    }
    if (uris > most) return { fault: tooManyUris(number, most) };
  }
  if (!isBegun) return { fault: noHeader };
  pieces.push(text.slice(written));
  return { playlist: Buffer.from(pieces.join(''), 'latin1'), isMaster, variables: variables.values };
}

function utf8(text: string): string {
  return notAscii.test(text) ? Buffer.from(text, 'latin1').toString('utf8') : text;
}

/** A character a byte. */
function bytesOf(text: string): string {
  return notAscii.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}
