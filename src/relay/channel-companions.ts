import type { SegmentKey } from '../hls';
import type { ListedSegment } from './channel-cursor';
import type { ChannelInit, ChannelKey, Companion } from './channel-ring';
import { childUrl } from './child-url';
import type { WholeRequest } from './fetch-whole';
import type { SourceFailure } from './provider';
import { failureOf } from './provider-answer';
import { type AskSource, lookWithinMs, type UpstreamPlaylist } from './source-playlist';

export interface CompanionsOptions {
  readonly upstream: Pick<UpstreamPlaylist, 'url'>;
  readonly ask: AskSource;
  /** A number for a key or init segment. */
  readonly nextNumber: () => number;
  readonly stallMs: number;
}

/** What the segments of one playlist need to be played. Failures are values. */
export interface Companions {
  initOf(segment: ListedSegment): Promise<ChannelInit | SourceFailure | undefined>;
  /** @param sequence of the segment, in the provider's numbers. */
  keysOf(keys: readonly SegmentKey[], sequence: number): Promise<readonly ChannelKey[] | SourceFailure>;
}

const mostBytes = 1024 * 1024;
const keyBytes = 16;
const mostKnown = 32;

/** Makes what fetches keys and init segments: each once for all segments that it is of. */
export function createCompanions({ ask, upstream, nextNumber, stallMs }: CompanionsOptions): Companions {
  const known = new Map<string, Promise<Companion | SourceFailure>>();
  const last = new Map<Companion['kind'], Companion>();

  function fetchOne(
    kind: Companion['kind'],
    uri: string,
    byteRange?: WholeRequest['byteRange'],
  ): Promise<Companion | SourceFailure> {
    const url = childUrl(uri, upstream.url);
    if (url === undefined) return Promise.resolve(failureOf('type', 'The URI of a key or init segment is not valid.'));
    const id = `${byteRange?.offset ?? ''}+${byteRange?.length ?? ''} ${url}`;
    const there = known.get(id);
    if (there !== undefined) return there;
    const [oldest] = known.keys();
    if (oldest !== undefined && known.size >= mostKnown) known.delete(oldest);
    const asked = fetchNow(kind, url, byteRange).then((fetched) => {
      // A failure is not for those that come later.
      if ('trigger' in fetched) known.delete(id);
      return fetched;
    });
    known.set(id, asked);
    return asked;
  }

  async function fetchNow(
    kind: Companion['kind'],
    url: string,
    byteRange: WholeRequest['byteRange'],
  ): Promise<Companion | SourceFailure> {
    const fetched = await ask({ url, kind, byteRange, mostBytes, withinMs: lookWithinMs(stallMs) });
    if (fetched.failure !== undefined) return fetched.failure;
    const bytes = Buffer.concat([...fetched.blocks]);
    if (kind === 'init' || bytes.length === keyBytes) return companionOf(kind, bytes);
    return failureOf('type', `The provider sent a key of ${bytes.length} bytes instead of ${keyBytes}.`);
  }

  /** Where only its URL is another one, with a token in it, it stays what it was. */
  function companionOf(kind: Companion['kind'], bytes: Buffer): Companion {
    const before = last.get(kind);
    if (before?.bytes.equals(bytes) === true) return before;
    const companion: Companion = { kind, number: nextNumber(), bytes };
    last.set(kind, companion);
    return companion;
  }

  async function keyOf(key: SegmentKey, sequence: number): Promise<ChannelKey | SourceFailure> {
    const { uri, keyFormat = 'identity', iv } = key;
    // Of other formats, players get the key where the provider says.
    if (keyFormat !== 'identity' || uri === undefined || /^data:/i.test(uri)) return { key, secret: undefined };
    const secret = await fetchOne('key', uri);
    // Without an IV, it is the number of the segment (RFC 8216bis, 5.2), which is another one here.
    return 'trigger' in secret ? secret : { key: { ...key, iv: iv ?? ivOf(sequence) }, secret };
  }

  async function keysOf(keys: readonly SegmentKey[], sequence: number): Promise<readonly ChannelKey[] | SourceFailure> {
    const found: ChannelKey[] = [];
    for (const one of await Promise.all(keys.map((key) => keyOf(key, sequence)))) {
      if ('trigger' in one) return one;
      found.push(one);
    }
    return found;
  }

  return {
    keysOf,
    async initOf({ map, sequence }: ListedSegment): Promise<ChannelInit | SourceFailure | undefined> {
      if (map === undefined) return undefined;
      const [init, keys] = await Promise.all([fetchOne('init', map.uri, map.byteRange), keysOf(map.keys, sequence)]);
      if ('trigger' in init) return init;
      return 'trigger' in keys ? keys : { init, keys };
    },
  };
}

/** 128 bits, big-endian. */
function ivOf(sequence: number): string {
  return `0x${BigInt.asUintN(128, BigInt(sequence)).toString(16).padStart(32, '0')}`;
}
