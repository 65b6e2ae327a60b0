import type { Companions } from './channel-companions';
import type { ListedSegment } from './channel-cursor';
import type { ChannelRing, SegmentDraft } from './channel-ring';
import { childUrl } from './child-url';
import type { SourceFailure } from './provider';
import { failureOf } from './provider-answer';
import { segmentKindOf, transportStream } from './segment-kind';
import type { AskSource, UpstreamPlaylist } from './source-playlist';

export interface SegmentOptions {
  readonly ring: ChannelRing;
  readonly upstream: Pick<UpstreamPlaylist, 'url'>;
  readonly ask: AskSource;
  readonly companions: Companions;
  readonly signal: AbortSignal;
  readonly stallMs: number;
  /** It came, but took longer than it lasts. */
  readonly onSlow: (tookMs: number) => void;
  readonly nowMs: () => number;
}

/** 25 Mbit/s for half a minute, or what is no segment. */
const mostSegmentBytes = 96 * 1024 * 1024;
/** A segment may take so many target durations. */
const mostTargets = 3;

/** A segment, with all that it takes to play it; once more where that does not work. */
export async function fetchSegment(
  segment: ListedSegment,
  options: SegmentOptions,
): Promise<SegmentDraft | SourceFailure> {
  const { signal, ring, onSlow, nowMs } = options;
  if (segment.isGap) return gapOf(segment, ring);
  const sinceMs = nowMs();
  let fetched = await fetchOnce(segment, options);
  if ('trigger' in fetched && !signal.aborted) fetched = await fetchOnce(segment, options);
  const tookMs = nowMs() - sinceMs;
  if (!('trigger' in fetched) && tookMs > Math.max(1, segment.durationSeconds) * 1000) {
    onSlow(tookMs);
  }
  return fetched;
}

async function fetchOnce(
  segment: ListedSegment,
  { ask, upstream, ring, companions, stallMs }: SegmentOptions,
): Promise<SegmentDraft | SourceFailure> {
  const { uri, byteRange, durationSeconds, isDiscontinuity, programDateTimeMs } = segment;
  const url = childUrl(uri, upstream.url);
  if (url === undefined) return failureOf('type', 'The URI of a segment is not valid.');
  const withinMs = Math.max(stallMs, 1000 * mostTargets * Math.max(ring.targetDuration, durationSeconds));
  const [map, keys, fetched] = await Promise.all([
    companions.initOf(segment),
    companions.keysOf(segment.keys, segment.sequence),
    ask({ url, kind: 'segment', byteRange, mostBytes: mostSegmentBytes, withinMs }),
  ]);
  if (fetched.failure !== undefined) return fetched.failure;
  if (map !== undefined && 'trigger' in map) return map;
  if ('trigger' in keys) return keys;
  const name = {
    uri,
    isEncrypted: segment.keys.some(({ method }) => method === 'AES-128'),
    hasInit: map !== undefined,
  };
  const kind = segmentKindOf(fetched.blocks[0] ?? Buffer.alloc(0), name);
  if (kind === undefined) return failureOf('type', 'The provider sent something else instead of a segment.');
  const tags = segment.tags.filter(isForPlayers);
  return { bytes: fetched.blocks, kind, durationSeconds, isDiscontinuity, programDateTimeMs, map, keys, tags };
}

/** Tags with URLs are the provider's own business. */
function isForPlayers(tag: string): boolean {
  return tag.length < 4096 && !/URI|:\/\/|X-ASSET/i.test(tag);
}

/** What stands in the place of a segment that cannot be had. */
export function gapOf(
  { durationSeconds, isDiscontinuity, programDateTimeMs }: ListedSegment,
  { segments }: ChannelRing,
): SegmentDraft {
  const before = segments.at(-1);
  const { map, kind = transportStream } = before ?? {};
  return { bytes: undefined, kind, durationSeconds, isDiscontinuity, programDateTimeMs, map };
}
