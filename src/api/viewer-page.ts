import type { Directory, ReadersByProtocol } from '../directory';
import type { Steps } from '../http';
import type { Count, Viewer, Viewers } from '../viewers';

import type { ViewerPage } from './parameters';
import { type Answer, mostStreamsCounted } from './schemas';

/** Who watches what. */
export type ViewerSource = Pick<Viewers, 'list' | 'total' | 'streams' | 'stream' | 'servers' | 'server' | 'nodes'>;

/** Looked at in one step. */
const viewersAtOnce = 100;
const countsAtOnce = 200;

/** One page of the viewers, with the counts of what was asked for, and apart from them who reads it by other ways than HLS. */
export function* pageOfViewers(
  source: ViewerSource,
  directory: Pick<Directory, 'servers' | 'stream'>,
  { stream, server, limit, cursor }: ViewerPage,
): Steps<Answer<'ViewerList'>> {
  const viewers: Viewer[] = [];
  let next: number | undefined = Number(cursor);
  while (next !== undefined && viewers.length < limit) {
    const some = source.list({ stream, server, limit: Math.min(viewersAtOnce, limit - viewers.length), cursor: next });
    viewers.push(...some.viewers);
    next = some.next;
    yield;
  }
  const counted = (count: Count | undefined): Count[] => (count === undefined ? [] : [count]);
  const streams =
    stream === undefined ? yield* mostWatched(source.streams(), mostStreamsCounted) : counted(source.stream(stream));
  const servers = server === undefined ? [...source.servers()].sort(byName) : counted(source.server(server));
  return {
    total: countView(source.total()),
    streams: streams.map((count) => ({ name: count.name, ...countView(count) })),
    servers: servers.map((count) => ({ name: count.name, ...countView(count) })),
    nodes: source.nodes().map((node) => ({ name: node.name, ...countView(node), up: node.isUp })),
    readers: readersOf(directory, stream, server),
    viewers: viewers.map(viewerView),
    next: next === undefined ? undefined : String(next),
  };
}

function readersOf(
  directory: Pick<Directory, 'servers' | 'stream'>,
  stream: string | undefined,
  server: string | undefined,
): ReadersByProtocol {
  const read =
    stream === undefined
      ? directory.servers().map((one) => ({ server: one.name, by: one.readersByProtocol }))
      : (directory.stream(stream)?.holders ?? []).map((one) => ({ server: one.server, by: one.readersByProtocol }));
  const sum = { rtsp: 0, rtmp: 0, srt: 0, webrtc: 0, other: 0 };
  for (const { server: name, by } of read) {
    if (server !== undefined && name !== server) continue;
    for (const protocol of Object.keys(sum) as (keyof ReadersByProtocol)[]) sum[protocol] += by[protocol];
  }
  return sum;
}

/** How many watch something; undefined while no HAProxy has told who is there. */
export function viewersOf(source: ViewerSource | undefined): {
  stream: (name: string) => number | undefined;
  server: (name: string) => number | undefined;
} {
  if (source === undefined || source.nodes().length === 0) return { stream: () => undefined, server: () => undefined };
  return {
    stream: (name) => source.stream(name)?.viewers ?? 0,
    server: (name) => source.server(name)?.viewers ?? 0,
  };
}

/** Who plays a stream, by server; undefined while no HAProxy has told who is there. */
export function* playingByServer(
  source: ViewerSource | undefined,
  stream: string,
): Steps<Map<string, number> | undefined> {
  if (source === undefined || source.nodes().length === 0) return undefined;
  const counts = new Map<string, number>();
  for (let cursor: number | undefined = 0; cursor !== undefined; ) {
    const { viewers, next } = source.list({ stream, limit: viewersAtOnce, cursor });
    for (const { server } of viewers) if (server !== undefined) counts.set(server, (counts.get(server) ?? 0) + 1);
    cursor = next;
    yield;
  }
  return counts;
}

function countView({ viewers, peak, peakAtMs }: Count) {
  return { viewers, peak, peakAt: peak === 0 ? undefined : timeOf(peakAtMs) };
}

function viewerView({
  stream,
  session,
  server,
  node,
  joinedMs,
  lastSeenMs,
  watchedMs,
  bytes,
  isCertain,
}: Viewer): Answer<'Viewer'> {
  return {
    stream,
    session,
    server,
    node,
    joined: timeOf(joinedMs),
    lastSeen: timeOf(lastSeenMs),
    watchedSeconds: Math.round(watchedMs) / 1000,
    bytes,
    certain: isCertain,
  };
}

function timeOf(unixMs: number): string {
  return new Date(unixMs).toISOString();
}

/** The first of an order that would take too long to make of all of them: there may be 100,000. */
function* mostWatched(counts: Iterable<Count>, most: number): Steps<Count[]> {
  let first: Count[] = [];
  let bound: Count | undefined;
  let seen = 0;
  for (const count of counts) {
    if (++seen % countsAtOnce === 0) yield;
    if (bound !== undefined && byViewers(bound, count) < 0) continue;
    first.push(count);
    if (first.length < 4 * most) continue;
    first = first.sort(byViewers).slice(0, most);
    bound = first.at(-1);
  }
  return first.sort(byViewers).slice(0, most);
}

function byViewers(a: Count, b: Count): number {
  return b.viewers - a.viewers || b.peak - a.peak || byName(a, b);
}

function byName(a: Count, b: Count): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
