import { type ActiveStreams, allSourcesOf } from './active-streams';
import type { RelayClient } from './client';
import { type Endpoint, endpoint, type Refused, refused } from './endpoint';
import { createRemoveStreams } from './remove-streams';
import type { Reports } from './reports';
import * as schemas from './schemas';
import { shownUrl, streamTypeOf } from './source-url';
import type { RelayStream } from './stream';
import type { createStreamResolvers } from './stream-resolvers';
import type { RelayStreams } from './streams';
import {
  clientView,
  currentSource,
  endpointOf,
  failoverIndex,
  mostCommon,
  shownTypes,
  streamView,
  type ViewSource,
} from './views';

export interface StreamEndpointsOptions {
  readonly views: ViewSource;
  readonly streams: RelayStreams;
  readonly reports: Pick<Reports, 'of' | 'forget'>;
  readonly active: Pick<ActiveStreams, 'find' | 'forget'>;
  /** Asks the resolver of a stream. */
  readonly resolve: ReturnType<typeof createStreamResolvers>;
  /** What providers are told where a stream says nothing. */
  readonly userAgent: string;
}

/** Making, listing, moving and removing streams, and the calls by metadata. */
export function streamEndpoints(options: StreamEndpointsOptions): readonly Endpoint[] {
  const { views, streams, reports, active, resolve, userAgent } = options;
  const { clients } = views;

  const withStream = <T>(id: string | undefined, use: (stream: RelayStream) => T): T | Refused => {
    const stream = streams.get(id ?? '');
    return stream === undefined ? refused('NoSuchStream', 'Stream not found', { given: id ?? '' }) : use(stream);
  };

  const removeAll = createRemoveStreams({ streams, clients, reports, active });
  /** The streams that are gone, or why they are not. */
  async function remove(ids: readonly string[]): Promise<readonly RelayStream[] | Refused> {
    const result = await removeAll(ids);
    return result.ok ? result.removed : refused('NotKept', result.detail);
  }

  /** Where the resolver wants clients to go that an operator moves. */
  async function resolveByHand(stream: RelayStream): Promise<string | undefined> {
    const playing = clients.ofStream(stream.id);
    if (playing.length === 0) return undefined;
    const index = currentSource(playing);
    const url = allSourcesOf(stream, active.find(stream.id))[index] ?? stream.url;
    const reason = 'An operator asked for it.';
    return resolve(stream, { url, index, failure: { trigger: 'manual', status: undefined, reason } });
  }

  function* matching(field: string, value: string): Generator<RelayStream> {
    for (const stream of streams.all()) if (metadataOf(stream, field) === value) yield stream;
  }

  return [
    endpoint({
      method: 'post',
      path: '/streams',
      operationId: 'createStream',
      summary: 'Make a stream, or change the one of the same URL',
      description:
        'The id follows from the URL. For a URL that is known, backups, user agent, headers and metadata become those of this request, at once.',
      body: schemas.streamBody,
      answer: schemas.Created,
      problems: ['TooManyStreams', 'NotKept'],
      async handle({ body }) {
        const headers = schemas.storedHeaders(body.headers);
        const { 'user-agent': ofHeaders, ...others } = headers;
        const result = await streams.put({
          url: body.url,
          failoverUrls: body.failover_urls ?? [],
          resolverUrl: body.failover_resolver_url ?? undefined,
          userAgent: body.user_agent ?? ofHeaders ?? userAgent,
          headers: others,
          metadata: body.metadata ?? {},
          type: streamTypeOf(body.url),
          hls: body.hls ?? 'channel',
          maxBandwidth: body.max_bandwidth ?? undefined,
        });
        if (!result.ok) return refused(result.problem === 'full' ? 'TooManyStreams' : 'NotKept', result.detail);
        const { stream, isNew } = result;
        const at = endpointOf(stream);
        const type: 'hls' | 'direct' = stream.type === 'hls' ? 'hls' : 'direct';
        return {
          body: {
            stream_id: stream.id,
            primary_url: shownUrl(stream.url),
            failover_urls: stream.failoverUrls.map(shownUrl),
            user_agent: stream.userAgent,
            stream_type: type,
            stream_endpoint: at,
            playlist_url: at,
            direct_url: at,
            message: `Stream ${isNew ? 'created' : 'updated'} successfully (${type})`,
            metadata: stream.metadata,
          },
        };
      },
    }),
    endpoint({
      method: 'get',
      path: '/streams',
      operationId: 'listStreams',
      isLong: true,
      summary: 'All streams',
      answer: schemas.StreamList,
      handle: () => ({ body: { streams: streamViews(views), total: streams.count } }),
    }),
    endpoint({
      method: 'get',
      path: '/streams/by-metadata',
      operationId: 'streamsByMetadata',
      isLong: true,
      summary: 'Streams whose metadata has this value',
      query: schemas.byMetadataQuery,
      answer: schemas.Matching,
      handle({ query: { field, value, active_only } }) {
        const found = [...matching(field, value)]
          .map((stream) => ({ stream, playing: clients.ofStream(stream.id) }))
          .filter(({ playing }) => !active_only || playing.length > 0);
        return {
          body: {
            filter: { field, value },
            active_only,
            matching_streams: found.map(({ stream }) => {
              const view = streamView(stream, views);
              const { stream_id, client_count, metadata, last_access, is_active, current_url: url, stream_type } = view;
              return { stream_id, client_count, metadata, last_access, is_active, url, stream_type };
            }),
            total_matching: found.length,
            total_clients: found.reduce((sum, { playing }) => sum + playing.length, 0),
          },
        };
      },
    }),
    endpoint({
      method: 'get',
      path: '/streams/counts-by-metadata',
      operationId: 'countsByMetadata',
      summary: 'How many streams have each value of a key of the metadata',
      query: schemas.countsQuery,
      answer: schemas.Counts,
      handle({ query: { field, values, active_only } }) {
        const asked = values === undefined || values === '' ? undefined : values.split(',').map((one) => one.trim());
        const counts = new Map((asked ?? []).map((value) => [value, 0]));
        for (const stream of streams.all()) {
          const value = metadataOf(stream, field);
          if (value === undefined || (asked !== undefined && !counts.has(value))) continue;
          if (active_only && clients.ofStream(stream.id).length === 0) continue;
          counts.set(value, (counts.get(value) ?? 0) + 1);
        }
        return { body: { field, active_only, counts: Object.fromEntries(counts) } };
      },
    }),
    endpoint({
      method: 'delete',
      path: '/streams/by-metadata',
      operationId: 'deleteByMetadata',
      summary: 'Delete streams by their metadata',
      query: schemas.deleteByMetadataQuery,
      answer: schemas.Deleted,
      problems: ['NotKept'],
      async handle({ query: { field, value, exclude_channel_id, client_id, force } }) {
        const wanted: string[] = [];
        const skipped: { readonly stream_id: string; readonly reason: string }[] = [];
        const leaving: RelayClient[] = [];
        for (const stream of matching(field, value)) {
          const playing = clients.ofStream(stream.id);
          const own = playing.filter(({ id }) => id === client_id);
          const skip = (reason: string): void => void skipped.push({ stream_id: stream.id, reason });
          if (isExcluded(stream, exclude_channel_id)) skip('excluded_by_channel_id');
          else if (client_id !== undefined && own.length === 0) skip('not_played_by_client');
          else if (client_id !== undefined && playing.length > own.length && !force) {
            leaving.push(...own);
            skip('played_by_other_clients');
          } else wanted.push(stream.id);
        }
        const removed = await remove(wanted);
        if ('problem' in removed) return removed;
        for (const client of leaving) client.disconnect();
        const deleted = removed.map(({ id }) => id);
        return {
          body: {
            message: `Deleted ${deleted.length} stream(s) matching ${field}=${value}`,
            deleted_streams: deleted,
            skipped_streams: skipped,
            deleted_count: deleted.length,
          },
        };
      },
    }),
    endpoint({
      method: 'delete',
      path: '/streams/oldest-by-metadata',
      operationId: 'deleteOldestByMetadata',
      summary: 'Delete the stream that has been played for longest, of those with this metadata',
      description: 'It makes room for another one: streams that nobody plays take none, and stay.',
      query: schemas.oldestByMetadataQuery,
      answer: schemas.OldestDeleted,
      problems: ['NotKept'],
      async handle({ query: { field, value, exclude_channel_id } }) {
        const played = [...matching(field, value)]
          .filter((stream) => !isExcluded(stream, exclude_channel_id))
          .flatMap(({ id }) => {
            const since = clients.ofStream(id).map(({ createdAt }) => Date.parse(createdAt));
            return since.length === 0 ? [] : [{ id, sinceMs: Math.min(...since) }];
          });
        const [oldest] = played.sort((a, b) => a.sinceMs - b.sinceMs);
        const removed = oldest === undefined ? [] : await remove([oldest.id]);
        if ('problem' in removed) return removed;
        if (oldest === undefined || removed.length === 0) {
          const message = `No streams found matching ${field}=${value}`;
          return { body: { message, deleted_stream: null, stream_age_seconds: null, deleted_count: 0 } };
        }
        return {
          body: {
            message: `Deleted oldest stream matching ${field}=${value}`,
            deleted_stream: oldest.id,
            stream_age_seconds: Math.max(0, Date.now() - oldest.sinceMs) / 1000,
            deleted_count: 1,
          },
        };
      },
    }),
    endpoint({
      method: 'get',
      path: '/streams/{stream_id}',
      operationId: 'stream',
      isLong: true,
      summary: 'One stream and its clients',
      answer: schemas.StreamDetails,
      problems: ['NoSuchStream'],
      handle: ({ names }) =>
        withStream(names.get('stream_id'), (stream) => {
          const playing = clients.ofStream(stream.id);
          const body = {
            stream: streamView(stream, views),
            clients: playing.map(clientView),
            client_count: playing.length,
          };
          return { body };
        }),
    }),
    endpoint({
      method: 'delete',
      path: '/streams/{stream_id}',
      operationId: 'deleteStream',
      summary: 'Delete a stream and disconnect its clients',
      answer: schemas.Message,
      problems: ['NoSuchStream', 'NotKept'],
      handle: ({ names }) =>
        withStream(names.get('stream_id'), async ({ id }) => {
          const removed = await remove([id]);
          return 'problem' in removed ? removed : { body: { message: `Stream ${id} deleted` } };
        }),
    }),
    endpoint({
      method: 'post',
      path: '/streams/{stream_id}/failover',
      operationId: 'failover',
      summary: "Move each of a stream's clients to its next source, once",
      description:
        '`new_url` and `failover_index` are of the source that most of them try first. Where it does not work they go on to the next one; where none does, the old one plays on.',
      answer: schemas.FailoverDone,
      problems: ['NoSuchStream', 'NoBackups', 'NotMoved'],
      handle: ({ names }) =>
        withStream(names.get('stream_id'), async (stream) => {
          if (stream.failoverUrls.length === 0 && stream.resolverUrl === undefined) {
            return refused('NoBackups', 'No failover mechanism configured for this stream');
          }
          const named = await resolveByHand(stream);
          const playing = clients.ofStream(stream.id);
          const sources = allSourcesOf(stream, active.find(stream.id));
          const moved = playing.map((client) => client.failover(named)).filter((to) => to !== undefined);
          if (playing.length > 0 && moved.length === 0) {
            return refused('NotMoved', 'Failover failed: its clients are being moved already, or cannot be moved');
          }
          const to = mostCommon(moved) ?? 0;
          return {
            body: {
              message:
                moved.length === 0
                  ? 'It has no clients: there is nothing to move'
                  : 'Failover triggered successfully - all clients will seamlessly reconnect',
              new_url: shownUrl(sources[to] ?? stream.url),
              failover_index: failoverIndex(to),
              failover_attempts: reports.of(stream.id).failovers,
              active_clients: moved.length,
              stream_type: shownTypes[stream.type],
            },
          };
        }),
    }),
  ];
}

export function* streamViews(views: ViewSource): Generator<ReturnType<typeof streamView>> {
  for (const stream of views.streams.all()) yield streamView(stream, views);
}

function metadataOf({ metadata }: RelayStream, field: string): string | undefined {
  return Object.hasOwn(metadata, field) ? metadata[field] : undefined;
}

function isExcluded(stream: RelayStream, channelId: string | undefined): boolean {
  return channelId !== undefined && channelId !== '' && metadataOf(stream, 'id') === channelId;
}
