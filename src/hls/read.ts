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
import { linesOf, tagOf } from './line';
import { createMediaReader } from './media-reader';
import { createPace } from './pace';
import type { MasterPlaylist, ReadResult, Rendition, Variant } from './playlist';
import { createVariables, type VariableSources } from './variables';

const mostFaults = 100;

/**
 * Reads a playlist, master or media, as tolerantly as players do: what makes no sense is passed over, and told as a fault. Without `#EXTM3U`, or where a limit is
 * crossed, there is no playlist.
 *
 * Takes time linear in its length, and lets others have their turn every few milliseconds. Never rejects.
 */
export async function readPlaylist(
  text: string,
  sources: VariableSources = {},
  { bytes: mostBytes = mostPlaylistBytes, uris: most = mostUris }: PlaylistLimits = {},
): Promise<ReadResult> {
  if (text.length > mostBytes) return { faults: [tooLarge(mostBytes)] };
  const faults: PlaylistFault[] = [];
  const variables = createVariables(sources);
  const turn = createPace();
  const note = (line: number | undefined, reason: string): void => {
    if (faults.length < mostFaults) faults.push({ line, reason });
  };
  const media = createMediaReader(note);
  const variants: Variant[] = [];
  const renditions: Rendition[] = [];
  let streamInf: ReadonlyMap<string, string> | undefined;
  let uris = 0;
  let isBegun = false;
  let version = 1;

  function attributesIn(line: string, valueAt: number, number: number): ReadonlyMap<string, string> {
    const made = new Map<string, string>();
    for (const { name, value, isQuoted } of attributesOf(line, valueAt)) {
      const text = isQuoted ? variables.substituted(value) : value;
      if (text === undefined) note(number, 'A variable is not defined.');
      else if (!made.has(name)) made.set(name, text);
    }
    return made;
  }

  function readUri(held: string, number: number): void {
    uris++;
    const uri = variables.substituted(held);
    if (uri === undefined) note(number, 'A variable is not defined.');
    if (streamInf === undefined) media.segment(uri, number);
    else if (uri !== undefined) variants.push({ uri, attributes: streamInf });
    streamInf = undefined;
  }

  function readTag(held: string, tag: string, valueAt: number, number: number): void {
    const attributes = (): ReadonlyMap<string, string> => attributesIn(held, valueAt, number);
    if (tag === 'EXT-X-STREAM-INF') streamInf = attributes();
    else if (tag === 'EXT-X-MEDIA') {
      uris++;
      const of = attributes();
      renditions.push({ uri: of.get('URI'), attributes: of });
    } else if (tag === 'EXT-X-VERSION') {
      const given = Number(held.slice(valueAt).trim());
      if (Number.isInteger(given) && given > 0 && given < 1000) version = given;
      else note(number, 'The version is no number.');
    } else if (tag === 'EXT-X-DEFINE') {
      const failure = variables.define(attributesOf(held, valueAt));
      if (failure !== undefined) note(number, failure);
    } else media.tag({ text: held, tag, value: held.slice(valueAt).trim(), number, attributes });
  }

  for (const { text: held, number } of linesOf(text)) {
    const wait = turn(held.length);
    if (wait !== undefined) await wait;
    if (held === '') continue;
    if (!isBegun && !held.startsWith('#EXTM3U')) return { faults: [{ ...noHeader, line: number }] };
    isBegun = true;
    const named = tagOf(held);
    if (named === undefined && held.startsWith('#')) continue;
    if (held.length > longestLine) return { faults: [...faults, tooLongLine(number)] };
    if (named === undefined) readUri(held, number);
    else if (named.tag !== 'EXTM3U') readTag(held, named.tag, named.valueAt, number);
    if (uris > most) return { faults: [...faults, tooManyUris(number, most)] };
  }
  if (!isBegun) return { faults: [noHeader] };
  if (variants.length === 0 && renditions.length === 0) return { playlist: media.finish(version), faults };
  const master: MasterPlaylist = { kind: 'master', version, variants, renditions, variables: variables.values };
  return { playlist: master, faults };
}
