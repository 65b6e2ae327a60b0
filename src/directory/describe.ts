import type { ReaderCounts } from '../mediamtx';
import { isNewer, kindOf } from './choose-holder';
import { isConflict } from './conflicts';
import type { FoundHolder, LookupResult } from './lookup';
import type { Holding, ServerSlot, StreamEntry } from './server-slot';
import type { StreamIndex } from './stream-index';
import type { EvidenceSource, HolderView, PathAt, ServerEvidence, ServerView, StreamView } from './views';

type Told = { readonly source: EvidenceSource; readonly askedAt: number } | undefined;

/** A last good answer: the server's API has not confirmed it lately. */
function isStale(slot: ServerSlot): boolean {
  return slot.consecutiveFailures > 0;
}

function describeHolder({ slot, report }: FoundHolder | Holding, told: Told, nowMs: number): HolderView {
  return {
    server: slot.name,
    // What a relay has, has been in its store since then; nobody publishes it.
    publisherSince:
      report.publisherSinceMs > 0 && slot.fleet.kind === 'mediamtx'
        ? new Date(report.publisherSinceMs).toISOString()
        : undefined,
    sourceType: report.sourceType,
    pulled: report.feed === 'pulled',
    tracks: report.tracks,
    ...describeReaders(report.readers),
    bytesReceived: report.bytesReceived,
    bytesSent: report.bytesSent,
    evidence: {
      source: told?.source ?? 'inventory',
      ageMs: Math.round(nowMs - (told?.askedAt ?? slot.inventoryAt ?? nowMs)),
      stale: isStale(slot),
    },
  };
}

/** A stream of the index. `nowMs` is monotonic, here as below. */
export function describeStream(index: StreamIndex, entry: StreamEntry, nowMs: number): StreamView {
  const first = entry.moved ?? entry.chosen;
  const holdings = [...entry.holdings].sort((a, b) => {
    if (a.slot === first || b.slot === first) return a.slot === first ? -1 : 1;
    return isNewer(a, b) ? -1 : 1;
  });
  return {
    name: entry.name,
    kind: entry.kind,
    holders: holdings.map((holding) => describeHolder(holding, index.told(holding.slot, entry.name), nowMs)),
    fillers: entry.fillers.map(({ slot }) => slot.name).sort(),
    conflict: isConflict(entry),
    policy: entry.policy,
  };
}

/** A stream that is known from a lookup alone. */
export function describeFound(
  name: string,
  { holders, fillers, askedAt }: LookupResult,
  policy: StreamView['policy'],
  nowMs: number,
): StreamView {
  return {
    name,
    kind: kindOf(holders),
    holders: holders.map((holder) => describeHolder(holder, { source: 'lookup', askedAt }, nowMs)),
    fillers: fillers.map(({ slot }) => slot.name).sort(),
    conflict: false,
    policy,
  };
}

export function describeServer(slot: ServerSlot, nowMs: number): ServerView {
  const { name, kind, address, port, apiUrl, operational, administrative, isBackup } = slot.fleet;
  return {
    name,
    kind,
    address,
    port,
    apiUrl,
    operational,
    administrative,
    backup: isBackup,
    api: {
      health: slot.health,
      consecutiveFailures: slot.consecutiveFailures,
      lastError: slot.lastError,
      inventoryAgeMs: slot.inventoryAt === undefined ? undefined : Math.round(nowMs - slot.inventoryAt),
      inventoryTookMs: slot.inventoryTookMs === undefined ? undefined : Math.round(slot.inventoryTookMs),
      version: slot.info?.version,
      era: slot.info?.era,
    },
    streams: slot.index.held - slot.index.fillers,
    ...describeReaders(slot.readers),
    hlsSessions: slot.readers.hls,
  };
}

/** What one server says of a stream. `path` tells what it could do about one that it has not got. */
export function describeEvidence(
  index: StreamIndex,
  slot: ServerSlot,
  stream: string,
  lookup: LookupResult | undefined,
  path: () => PathAt,
  nowMs: number,
): ServerEvidence {
  const held = index.feedOf(slot, stream);
  const found = [...(lookup?.holders ?? []), ...(lookup?.fillers ?? [])].find((holder) => holder.slot === slot);
  const feed = held ?? found?.report.feed;
  // A stream that found no place in the index is known from its lookup alone.
  const told =
    held !== undefined || found === undefined ? index.told(slot, stream) : { source: 'lookup' as const, ...lookup };
  const at = told?.askedAt ?? slot.inventoryAt;
  const saysNothing = slot.inventoryAt === undefined ? 'no answer' : 'not live';
  return {
    server: slot.name,
    says: feed === undefined ? saysNothing : feed === 'filler' ? 'filler' : 'live',
    source: at === undefined ? undefined : (told?.source ?? 'inventory'),
    ageMs: at === undefined ? undefined : Math.round(nowMs - at),
    stale: isStale(slot),
    path: feed !== undefined ? undefined : path(),
  };
}

function describeReaders(counts: ReaderCounts): Pick<HolderView, 'readers' | 'readersByProtocol'> {
  const { rtsp, rtmp, srt, webrtc, other } = counts;
  return { readers: rtsp + rtmp + srt + webrtc + other, readersByProtocol: { rtsp, rtmp, srt, webrtc, other } };
}
