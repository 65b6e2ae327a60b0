import type { Settings } from '../config';
import { durationsOf, type OperationTimes } from '../measure';
import { type Endpoint, endpoint, refused } from './endpoint';
import { type RelayOperation, relayOperationNames } from './operations';
import type { Provider } from './provider';
import * as schemas from './schemas';
import { shownUrl } from './source-url';
import { streamViews } from './stream-endpoints';
import { clientView, pathView, proxyStats, type ViewSource } from './views';

export interface ProgramEndpointsOptions {
  readonly views: ViewSource;
  readonly settings: Settings['relay'];
  readonly version: string;
  /** When the relay started, RFC 3339. */
  readonly startedAt: string;
  readonly times: Pick<OperationTimes<RelayOperation>, 'read'>;
  readonly provider: Provider;
  /** Why streams cannot be stored now; undefined when they can. */
  readonly storeFailure: () => string | undefined;
  readonly isStopping: () => boolean;
}

/** Clients, figures, health, and what the agent's directory asks. */
export function programEndpoints(options: ProgramEndpointsOptions): readonly Endpoint[] {
  const { views, settings, version, startedAt, times, provider, storeFailure, isStopping } = options;
  const { clients, streams, reports } = views;
  const uptimeSeconds = (): number => (performance.now() - views.startedMs) / 1000;
  const durations = () => ({
    operations: relayOperationNames.map((name) => durationsOf(times, name, schemas.standardWindowMs)),
  });
  const pool = () => ({ open: clients.all().filter(({ source }) => source >= 0).length });
  const failovers = () => counted(reports.stats.failovers);
  const errors = () =>
    counted(Object.fromEntries(Object.entries(reports.stats.connects).filter(([result]) => result !== 'ok')));
  const clientList = () => ({ body: { total_clients: clients.count, clients: clients.all().map(clientView) } });

  const disconnect = (streamId: string | undefined, clientId: string) => {
    const found = (streamId === undefined ? clients.all() : clients.ofStream(streamId)).filter(
      ({ id }) => id === clientId,
    );
    if (found.length === 0) return refused('NoSuchClient', 'Client not found', { given: clientId });
    for (const client of found) client.disconnect();
    return { body: { message: `Client ${clientId} disconnected` } };
  };

  return [
    endpoint({
      method: 'delete',
      path: '/hls/{stream_id}/clients/{client_id}',
      operationId: 'disconnectClientOfStream',
      summary: 'Disconnect a client of a stream',
      answer: schemas.Message,
      problems: ['NoSuchClient'],
      handle: ({ names }) => disconnect(names.get('stream_id'), names.get('client_id') ?? ''),
    }),
    endpoint({
      method: 'get',
      path: '/clients',
      operationId: 'clients',
      isLong: true,
      summary: 'All clients',
      answer: schemas.ClientList,
      handle: clientList,
    }),
    endpoint({
      method: 'get',
      path: '/clients/{client_id}',
      operationId: 'client',
      summary: 'One client',
      answer: schemas.Client,
      problems: ['NoSuchClient'],
      handle({ names }) {
        const given = names.get('client_id') ?? '';
        const client = clients.all().find(({ id }) => id === given);
        return client === undefined
          ? refused('NoSuchClient', 'Client not found', { given })
          : { body: clientView(client) };
      },
    }),
    endpoint({
      method: 'delete',
      path: '/clients/{client_id}',
      operationId: 'disconnectClient',
      summary: 'Disconnect a client',
      answer: schemas.Message,
      problems: ['NoSuchClient'],
      handle: ({ names }) => disconnect(undefined, names.get('client_id') ?? ''),
    }),
    endpoint({
      method: 'get',
      path: '/stats',
      operationId: 'stats',
      isLong: true,
      summary: 'Totals, streams and clients',
      answer: schemas.Stats,
      handle: () => ({
        body: { ...proxyStats(views), streams: streamViews(views), clients: clients.all().map(clientView) },
      }),
    }),
    endpoint({
      method: 'get',
      path: '/stats/detailed',
      operationId: 'detailedStats',
      summary: 'Totals, failovers, errors and durations',
      answer: schemas.DetailedStats,
      handle: () => ({
        body: {
          proxy_stats: proxyStats(views),
          connection_pool_stats: pool(),
          failover_stats: failovers(),
          performance_metrics: durations(),
          error_stats: errors(),
          stream_count: streams.count,
          client_count: clients.count,
        },
      }),
    }),
    endpoint({
      method: 'get',
      path: '/stats/performance',
      operationId: 'performanceStats',
      summary: 'Failovers, errors and durations',
      answer: schemas.PerformanceStats,
      handle: () => ({
        body: {
          connection_pool: pool(),
          performance_metrics: durations(),
          failover_stats: failovers(),
          error_stats: errors(),
          timestamp: new Date().toISOString(),
        },
      }),
    }),
    endpoint({
      method: 'get',
      path: '/stats/streams',
      operationId: 'streamStats',
      isLong: true,
      summary: 'All streams, as in /streams',
      answer: schemas.StreamStats,
      handle: () => ({ body: { total_streams: streams.count, streams: streamViews(views) } }),
    }),
    endpoint({
      method: 'get',
      path: '/stats/clients',
      operationId: 'clientStats',
      isLong: true,
      summary: 'All clients, as in /clients',
      answer: schemas.ClientList,
      handle: clientList,
    }),
    endpoint({
      method: 'get',
      path: '/',
      operationId: 'root',
      summary: 'That it runs, and totals',
      answer: schemas.Root,
      handle: () => ({
        body: {
          status: 'running' as const,
          message: 'mtxpilot relay is running',
          version,
          uptime: Math.floor(uptimeSeconds()),
          stats: proxyStats(views),
        },
      }),
    }),
    endpoint({
      method: 'get',
      path: '/health',
      operationId: 'health',
      summary: 'That it is healthy, and totals',
      answer: schemas.Health,
      handle() {
        const stats = proxyStats(views);
        const { uptime_seconds, active_streams, active_clients, total_bytes_served } = stats;
        return {
          body: {
            status: 'healthy' as const,
            root_path: settings.rootPath,
            version,
            uptime_seconds,
            active_streams,
            active_clients,
            total_bytes_served,
            stats,
          },
        };
      },
    }),
    endpoint({
      method: 'get',
      path: '/info',
      operationId: 'info',
      summary: 'What it can do, and how it is set',
      answer: schemas.Info,
      handle: () => ({
        body: {
          version,
          hardware_acceleration: { enabled: false, type: null, device: null, ffmpeg_args: [] },
          redis: { enabled: settings.store.redis !== undefined, pooling_enabled: false },
          transcoding: { enabled: false, profiles: {} },
          configuration: {
            default_user_agent: settings.userAgent,
            client_timeout: settings.clientTimeout / 1000,
            stream_timeout: settings.streamTimeout / 1000,
            max_streams: settings.maxStreams,
            max_clients: settings.maxClients,
            max_retries: 1,
          },
          worker: { worker_id: 'single', multi_worker_mode: false },
        },
      }),
    }),
    endpoint({
      method: 'post',
      path: '/test-connection',
      operationId: 'testConnection',
      summary: 'Whether the relay can reach a URL',
      description: 'It is asked as a source would be: the same addresses are refused.',
      body: schemas.testBody,
      answer: schemas.Tested,
      async handle({ body: { url } }) {
        const shown = shownUrl(url);
        const signal = AbortSignal.timeout(settings.timeouts.connect + settings.timeouts.headers);
        const { source, failure } = await provider.open({
          url,
          method: 'GET',
          headers: { 'user-agent': settings.userAgent },
          signal,
        });
        if (failure === undefined) {
          source.close();
          const message = `Successfully connected to ${shown}`;
          return { body: { success: true, message, status_code: source.status, error: null, url_tested: shown } };
        }
        const { status, reason } = failure;
        const message = status === undefined ? `Connection failed: ${reason}` : 'URL returned non-200 status code';
        return { body: { success: false, message, status_code: status ?? null, error: reason, url_tested: shown } };
      },
    }),
    endpoint({
      method: 'get',
      path: '/metrics/performance',
      operationId: 'performance',
      summary: 'How long things took lately',
      isOpen: true,
      query: schemas.performanceQuery,
      answer: schemas.Performance,
      problems: ['NoSuchOperation'],
      handle({ query: { operation, window } }) {
        if (operation === undefined || operation === '') {
          return { body: { operations: relayOperationNames.map((name) => durationsOf(times, name, window)) } };
        }
        const known = relayOperationNames.find((name) => name === operation);
        if (known !== undefined) return { body: durationsOf(times, known, window) };
        const detail = 'The durations of that are not kept.';
        return refused('NoSuchOperation', detail, { given: operation, allowed: relayOperationNames.join(', ') });
      },
    }),
    endpoint({
      method: 'get',
      path: '/healthz',
      operationId: 'healthz',
      summary: 'The process runs, and is not about to end',
      isOpen: true,
      answer: schemas.Alive,
      problems: ['Stopping'],
      handle: () =>
        isStopping()
          ? refused('Stopping', 'Its clients are being disconnected; ask another relay.')
          : { body: { status: 'ok' as const, version, uptimeSeconds: uptimeSeconds() } },
    }),
    endpoint({
      method: 'get',
      path: '/readyz',
      operationId: 'readyz',
      summary: 'Streams can be served and stored',
      isOpen: true,
      answer: schemas.Ready,
      problems: ['NotReady', 'Stopping'],
      handle() {
        if (isStopping()) return refused('Stopping', 'Its clients are being disconnected; ask another relay.');
        const failure = storeFailure();
        return failure === undefined
          ? { body: { status: 'ready' as const } }
          : refused('NotReady', `Streams are served, but none can be stored: ${failure}`);
      },
    }),
    endpoint({
      method: 'get',
      path: '/v3/info',
      operationId: 'serverInfo',
      summary: "Version and start, as MediaMTX's Control API has them",
      answer: schemas.ServerInfo,
      handle: () => ({ body: { version: `mtxpilot-${version}`, started: startedAt } }),
    }),
    endpoint({
      method: 'get',
      path: '/v3/paths/list',
      operationId: 'paths',
      isLong: true,
      summary: "Streams as paths, as MediaMTX's Control API lists them",
      query: schemas.pathsQuery,
      answer: schemas.PathList,
      handle({ query: { itemsPerPage, page } }) {
        const perPage = Math.max(1, Number(itemsPerPage ?? 100));
        const from = perPage * Number(page ?? 0);
        return {
          body: {
            pageCount: Math.ceil(streams.count / perPage),
            itemCount: streams.count,
            items: pathsFrom(views, from, perPage),
          },
        };
      },
    }),
    endpoint({
      method: 'get',
      path: '/v3/paths/get/{name}',
      operationId: 'path',
      summary: 'One stream as a path',
      answer: schemas.Path,
      problems: ['NoSuchStream'],
      handle({ names }) {
        const stream = streams.get(names.get('name') ?? '');
        return stream === undefined
          ? refused('NoSuchStream', 'Stream not found', { error: 'path not found' })
          : { body: pathView(stream, views) };
      },
    }),
  ];
}

function* pathsFrom(views: ViewSource, from: number, most: number): Generator<ReturnType<typeof pathView>> {
  let at = 0;
  for (const stream of views.streams.all()) {
    if (at >= from + most) return;
    if (at >= from) yield pathView(stream, views);
    at++;
  }
}

function counted(byTrigger: Readonly<Record<string, number>>) {
  return { total: Object.values(byTrigger).reduce((sum, one) => sum + one, 0), by_trigger: byTrigger };
}
