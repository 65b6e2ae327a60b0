import type * as z from 'zod/mini';
import { mostClients, mostFailovers, mostRelayRows, type RelayOverview, type RelayWhy } from '../api/schemas';
import type { Accounts, AccountView } from './accounts';
import { type ActiveStreams, allSourcesOf } from './active-streams';
import type { ChannelFigures, Channels } from './channels';
import type { Failover, RelayClient } from './client';
import type { Made } from './endpoint';
import type { PastFailover } from './failover-history';
import type { Reports } from './reports';
import { shownUrl } from './source-url';
import { type RelayStream, sourcesOf } from './stream';
import { currentSource, lastAccessOf, type ViewSource } from './views';

/** What the answers about streams' sources are made of. */
export interface WhySource extends ViewSource {
  readonly reports: Pick<Reports, 'of' | 'stats' | 'failoversOf' | 'reported'>;
  readonly active: Pick<ActiveStreams, 'find'>;
  readonly accounts: Pick<Accounts, 'list' | 'nameOf'>;
  readonly channels: Pick<Channels, 'figures'>;
  readonly failback: 'idle' | 'never';
  readonly nowMs: () => number;
}

type Overview = Made<z.output<typeof RelayOverview>>;
type Why = Made<z.output<typeof RelayWhy>>;
type Row = Made<z.output<typeof RelayOverview>['streams'][number]>;
type Source = Made<z.output<typeof RelayWhy>['sources'][number]>;
type Next = z.output<typeof RelayWhy>['next'];

/** Longer titles are cut. */
const longestTitle = 200;

/**
 * Streams whose id or title has the text in it, those with clients first, then those of which something was reported, at most 500; and all accounts.
 */
export function overview(match: string, from: WhySource): Overview {
  const { streams, accounts } = from;
  const wanted = match.toLowerCase();
  let total = wanted === '' ? streams.count : 0;
  const ids = new Set<string>();
  const take = (stream: RelayStream | undefined): void => {
    if (stream !== undefined && ids.size < mostRelayRows && fits(stream, wanted)) ids.add(stream.id);
  };
  for (const { streamId } of from.clients.all()) take(streams.get(streamId));
  for (const id of from.reports.reported()) take(streams.get(id));
  for (const stream of streams.all()) {
    if (wanted !== '' && fits(stream, wanted)) total++;
    take(stream);
    if (wanted === '' && ids.size >= mostRelayRows) break;
  }
  return { streams: rows(ids, from), total, accounts: accounts.list().map(accountView) };
}

/** With the one that its resolver named. */
function sourcesFor(stream: RelayStream, { active }: WhySource): readonly string[] {
  return allSourcesOf(stream, active.find(stream.id));
}

function* rows(ids: Iterable<string>, from: WhySource): Generator<Row> {
  for (const id of ids) {
    const stream = from.streams.get(id);
    if (stream !== undefined) yield row(stream, from);
  }
}

function row(stream: RelayStream, from: WhySource): Row {
  const sources = sourcesFor(stream, from);
  const health = from.active.find(stream.id)?.health;
  const now = from.nowMs();
  const past = from.reports.failoversOf(stream.id);
  return {
    id: stream.id,
    ...figures(stream, from),
    sources: sources.length,
    failedSources: sources.filter((url) => (health?.of(url).retryAtMs ?? 0) > now).length,
    lastFailover: past[0] === undefined ? null : failoverView(past[0]),
    gapsMs: past.map(({ byteGapMs }) => Math.round(byteGapMs)).reverse(),
    channel: channelView(from.channels.figures(stream.id)),
  };
}

function channelView(figures: ChannelFigures | undefined): Row['channel'] {
  if (figures === undefined) return null;
  const { fill, underruns, fetchMs } = figures;
  return { segments: fill.segments, seconds: fill.seconds, underruns, fetchMs: fetchMs ?? null };
}

/** What a relay knows of a stream: its sources and their back-off, accounts, failovers, and what it will do next. */
export function whyView(stream: RelayStream, from: WhySource): Why {
  const { clients, reports, accounts } = from;
  const playing = clients.ofStream(stream.id);
  const names = new Set(sourcesFor(stream, from).map((url) => accounts.nameOf(url)));
  return {
    id: stream.id,
    ...figures(stream, from),
    lastAccess: lastAccessOf(stream, playing, reports.of(stream.id).lastAccessMs),
    sources: sourceViews(stream, playing, from),
    accounts: accounts
      .list()
      .filter(({ name }) => names.has(name))
      .map(accountView),
    recentFailovers: reports.failoversOf(stream.id).slice(0, mostFailovers).map(failoverView),
    players: playing.slice(0, mostClients).map(playerView),
    next: nextSource(stream, playing, from),
  };
}

function figures(stream: RelayStream, from: WhySource) {
  const { clients, reports } = from;
  const playing = clients.ofStream(stream.id);
  const { bytesOfGone, errors, failovers } = reports.of(stream.id);
  const current = playing.some(({ source }) => source >= 0) ? currentSource(playing) : null;
  const url = current === null ? undefined : sourcesFor(stream, from)[current];
  return {
    title: titleOf(stream) ?? null,
    type: stream.type,
    clients: playing.length,
    bytes: playing.reduce((sum, { bytes }) => sum + bytes, bytesOfGone),
    errors,
    failovers,
    current,
    currentUrl: url === undefined ? null : shownUrl(url),
  };
}

function sourceViews(stream: RelayStream, playing: readonly RelayClient[], from: WhySource): Source[] {
  const { accounts, nowMs } = from;
  const active = from.active.find(stream.id);
  const ready = active?.standby?.source.readyUrl;
  const listed = sourcesOf(stream).length;
  return sourcesFor(stream, from).map((url, index) => {
    const { failures = 0, failure, retryAtMs = 0 } = active?.health.of(url) ?? {};
    const readers = playing.filter(({ source }) => source === index).length;
    const retryInMs = Math.max(0, Math.ceil(retryAtMs - nowMs()));
    const isFailed = failure !== undefined;
    return {
      index,
      url: shownUrl(url),
      role: index === 0 ? 'primary' : index < listed ? 'backup' : 'resolver',
      state: readers > 0 ? 'playing' : isFailed ? 'failed' : url === ready ? 'standby' : 'ok',
      clients: readers,
      account: accounts.nameOf(url) ?? null,
      failures,
      lastFailure: isFailed
        ? { trigger: failure.trigger, reason: failure.reason, status: failure.status ?? null }
        : null,
      retryInMs,
    };
  });
}

/** What the next failover, or the next client of a stream that nobody plays, begins with. */
function nextSource(stream: RelayStream, playing: readonly RelayClient[], from: WhySource): Next {
  const { accounts, failback, nowMs } = from;
  const sources = sourcesFor(stream, from);
  const active = from.active.find(stream.id);
  const say = (index: number, inMs: number, because: string): Next => {
    const url = sources[index] ?? stream.url;
    const asks = playing.length > 0 && stream.resolverUrl !== undefined ? ' Its resolver is asked first.' : '';
    return { index, url: shownUrl(url), inMs: Math.ceil(inMs), because: `${because}${asks}${fullText(url, accounts)}` };
  };
  if (playing.length === 0) {
    const start = failback === 'never' ? Math.min(active?.start ?? 0, sources.length - 1) : 0;
    const which = start === 0 ? 'the primary source' : 'the source that played last';
    return say(start, 0, `Nobody plays it: the next client begins with ${which}.`);
  }
  const ready = active?.standby?.source.readyUrl;
  const standby = ready === undefined ? -1 : sources.indexOf(ready);
  if (standby !== -1) return say(standby, 0, 'It is read already, so that clients can go over at once.');
  const current = currentSource(playing);
  if (sources.length === 1) return say(0, 0, 'It is the only source: when it fails, it is tried again and again.');
  const next = active?.health.next(sources, current, nowMs());
  const index = next?.index ?? (current + 1) % sources.length;
  const waitMs = next?.waitMs ?? 0;
  if (waitMs > 0)
    return say(index, waitMs, 'Every source has failed lately: this one is the first whose back-off is over.');
  return index === (current + 1) % sources.length
    ? say(index, 0, 'It is the next one in the list.')
    : say(index, 0, 'It is the next one in the list that is not left alone.');
}

/** Empty where a connection of the URL's account is free. */
function fullText(url: string, accounts: WhySource['accounts']): string {
  const name = accounts.nameOf(url);
  const account = name === undefined ? undefined : accounts.list().find((one) => one.name === name);
  if (account === undefined) return '';
  const inUse = account.inUse + account.inUseElsewhere;
  return inUse < account.maxConnections
    ? ''
    : ` No connection of its account ${account.name} is free (${inUse} of ${account.maxConnections} are in use).`;
}

function failoverView(past: PastFailover) {
  const { from, to, fromUrl, toUrl, byteGapMs, pictureGapMs } = past;
  return {
    ...past,
    from: placeOf(from),
    to: placeOf(to),
    fromUrl: fromUrl ?? null,
    toUrl: toUrl ?? null,
    byteGapMs: Math.round(byteGapMs),
    pictureGapMs: pictureGapMs === undefined ? null : Math.round(pictureGapMs),
  };
}

function placeOf(source: Failover['from']): number | null {
  return typeof source === 'number' ? source : null;
}

function accountView({ name, maxConnections, inUse, inUseElsewhere, waiting }: AccountView) {
  return { name, maxConnections, inUse, inUseElsewhere, waiting };
}

function playerView({ id, address, userAgent, username, createdAt, bytes, source, card, failovers }: RelayClient) {
  return {
    id,
    address,
    userAgent,
    username: username ?? null,
    since: createdAt,
    bytes,
    source: source < 0 ? null : source,
    card: card ?? null,
    failovers,
  };
}

function titleOf({ metadata }: RelayStream): string | undefined {
  for (const key of ['title', 'name']) {
    const title = Object.hasOwn(metadata, key) ? metadata[key] : undefined;
    if (title !== undefined && title !== '') return title.slice(0, longestTitle);
  }
  return undefined;
}

function fits(stream: RelayStream, wanted: string): boolean {
  return wanted === '' || stream.id.includes(wanted) || (titleOf(stream)?.toLowerCase().includes(wanted) ?? false);
}
