import type * as z from 'zod/mini';
import { type ActiveStreams, allSourcesOf } from './active-streams';
import type { RelayClient, RelayClients } from './client';
import type { Made } from './endpoint';
import type { Reports } from './reports';
import type { Client, Path, ProxyStats, Stream } from './schemas';
import { shownUrl } from './source-url';
import type { RelayStream, StreamType } from './stream';
import type { RelayStreams } from './streams';

/** What the API's answers are made of. */
export interface ViewSource {
  readonly streams: Pick<RelayStreams, 'all' | 'count' | 'get'>;
  readonly clients: Pick<RelayClients, 'all' | 'count' | 'ofStream'>;
  readonly reports: Pick<Reports, 'of' | 'stats'>;
  readonly active: Pick<ActiveStreams, 'find'>;
  /** How long a stream without clients is shown as active. */
  readonly streamTimeoutMs: number;
  /** `performance.now()` when the relay started. */
  readonly startedMs: number;
}

export const shownTypes: Readonly<Record<StreamType, 'Live Continuous' | 'VOD' | 'HLS'>> = {
  live: 'Live Continuous',
  vod: 'VOD',
  hls: 'HLS',
};

/** Where players find a stream, without the root path. */
export function endpointOf({ id, type }: Pick<RelayStream, 'id' | 'type'>): string {
  return type === 'hls' ? `/hls/${id}/playlist.m3u8` : `/stream/${id}`;
}

/** The source that most of its clients play; the primary one while none plays. */
export function currentSource(clients: readonly RelayClient[]): number {
  return mostCommon(clients.map(({ source }) => source).filter((source) => source >= 0)) ?? 0;
}

/** The source that occurs most often; undefined where there is none. */
export function mostCommon(sources: readonly number[]): number | undefined {
  const counts = new Map<number, number>();
  for (const source of sources) counts.set(source, (counts.get(source) ?? 0) + 1);
  const [most] = [...counts].sort(([, a], [, b]) => b - a);
  return most?.[0];
}

/** As m3u-proxy counts: among the backups, and 0 for the primary source too. */
export function failoverIndex(source: number): number {
  return Math.max(0, source - 1);
}

export function streamView(stream: RelayStream, from: ViewSource): Made<z.output<typeof Stream>> {
  const { reports, clients, active, streamTimeoutMs } = from;
  const playing = clients.ofStream(stream.id);
  const { bytesOfGone, segmentsOfGone, errors, failovers, lastFailover, lastAccessMs } = reports.of(stream.id);
  const source = currentSource(playing);
  const sources = allSourcesOf(stream, active.find(stream.id));
  return {
    stream_id: stream.id,
    original_url: shownUrl(stream.url),
    current_url: shownUrl(sources[source] ?? stream.url),
    user_agent: stream.userAgent,
    client_count: playing.length,
    total_bytes_served: playing.reduce((sum, { bytes }) => sum + bytes, bytesOfGone),
    total_segments_served: playing.reduce((sum, { segments }) => sum + segments, segmentsOfGone),
    error_count: errors,
    is_active: playing.length > 0 || (lastAccessMs !== undefined && Date.now() - lastAccessMs < streamTimeoutMs),
    has_failover: stream.failoverUrls.length > 0 || stream.resolverUrl !== undefined,
    failover_urls: stream.failoverUrls.map(shownUrl),
    failover_resolver_url: stream.resolverUrl === undefined ? null : shownUrl(stream.resolverUrl),
    current_failover_index: failoverIndex(source),
    failover_attempts: failovers,
    last_failover_time: lastFailover?.time ?? null,
    stream_type: shownTypes[stream.type],
    hls: stream.hls,
    max_bandwidth: stream.maxBandwidth ?? null,
    created_at: stream.createdAt,
    last_access: lastAccessOf(stream, playing, lastAccessMs),
    metadata: stream.metadata,
    headers: Object.fromEntries(Object.keys(stream.headers).map((name) => [name, '(hidden)'])),
  };
}

/** When a client last took a byte, came or went; without any, when the stream was made. */
export function lastAccessOf(
  { createdAt }: RelayStream,
  playing: readonly RelayClient[],
  lastAccessMs: number | undefined,
): string {
  const latest = Math.max(lastAccessMs ?? 0, ...playing.map(unixMs));
  return latest > 0 ? new Date(latest).toISOString() : createdAt;
}

/** Unix time in ms of the last byte that it took. */
function unixMs({ lastAccessMs }: RelayClient): number {
  return Math.round(performance.timeOrigin + lastAccessMs);
}

export function clientView(client: RelayClient): Made<z.output<typeof Client>> {
  return {
    client_id: client.id,
    stream_id: client.streamId,
    user_agent: client.userAgent,
    ip_address: client.address,
    username: client.username ?? null,
    bytes_served: client.bytes,
    segments_served: client.segments,
    created_at: client.createdAt,
    last_access: new Date(unixMs(client)).toISOString(),
    is_connected: true,
    card: client.card ?? null,
  };
}

export function proxyStats({ streams, clients, reports, startedMs }: ViewSource): Made<z.output<typeof ProxyStats>> {
  const all = clients.all();
  return {
    total_streams: streams.count,
    active_streams: reports.stats.startedStreams,
    total_clients: all.length,
    active_clients: all.length,
    total_bytes_served: all.reduce((sum, { bytes }) => sum + bytes, reports.stats.bytesOfGone),
    total_segments_served: all.reduce((sum, { segments }) => sum + segments, reports.stats.segmentsOfGone),
    uptime_seconds: Math.floor((performance.now() - startedMs) / 1000),
  };
}

/**
 * A stream as MediaMTX would list it: a path with a source of its own, which each relay of the same store has a copy of. It can start at
 * any moment, hence ready.
 */
export function pathView(stream: RelayStream, { clients, reports }: ViewSource): Made<z.output<typeof Path>> {
  const playing = clients.ofStream(stream.id);
  const sent = playing.reduce((sum, { bytes }) => sum + bytes, reports.of(stream.id).bytesOfGone);
  const since = stream.createdAt;
  return {
    name: stream.id,
    confName: stream.id,
    source: { type: 'relaySource', id: '' },
    ready: true,
    readyTime: since,
    available: true,
    availableTime: since,
    online: true,
    onlineTime: since,
    tracks: [],
    bytesReceived: sent,
    bytesSent: sent,
    inboundBytes: sent,
    outboundBytes: sent,
    readers: playing.map(({ id }) => ({ type: 'relayClient', id })),
  };
}
