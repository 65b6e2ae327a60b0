import { request } from 'node:http';
import type { Settings } from '../../../src/config';
import { loadSettings } from '../../../src/config';
import { createEventLog } from '../../../src/events';
import { createMetricsPage, createTimesOf, nodeMetrics } from '../../../src/measure';
import { createAccounts } from '../../../src/relay/account-slots';
import { type ActiveStreams, createActiveStreams } from '../../../src/relay/active-streams';
import type { RelayClients } from '../../../src/relay/client';
import { createClients } from '../../../src/relay/clients';
import { configEndpoints } from '../../../src/relay/config-endpoints';
import { type HlsSettings, openHlsSettings } from '../../../src/relay/hls-settings';
import { type Hooks, openHooks } from '../../../src/relay/hooks';
import { relayMetrics } from '../../../src/relay/metrics';
import { relayOperationNames } from '../../../src/relay/operations';
import { programEndpoints } from '../../../src/relay/program-endpoints';
import type { Provider } from '../../../src/relay/provider';
import { createRemoveStreams } from '../../../src/relay/remove-streams';
import { createReports, type Reports } from '../../../src/relay/reports';
import { createRelayServer, type ServeHls, type ServeStream } from '../../../src/relay/server';
import { streamEndpoints } from '../../../src/relay/stream-endpoints';
import { streamIdOf } from '../../../src/relay/stream-id';
import type { createStreamResolvers } from '../../../src/relay/stream-resolvers';
import { openStreams, type RelayStreams } from '../../../src/relay/streams';
import { createTemplates } from '../../../src/relay/templates';
import { webhookEndpoints } from '../../../src/relay/webhook-endpoints';
import { whyEndpoints } from '../../../src/relay/why-endpoints';
import { createMemoryStore, type Store } from '../../../src/store';
import { createFakeProvider } from '../../support/fake-provider';
import { keptLog } from './fakes';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly json: unknown;
}

export interface Ask {
  readonly method?: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The relay's server in this process, its store in memory. */
export interface ApiLab {
  readonly url: string;
  readonly streams: RelayStreams;
  readonly clients: RelayClients;
  readonly reports: Reports;
  readonly active: ActiveStreams;
  readonly hooks: Hooks;
  readonly hls: HlsSettings;
  readonly store: Store;
  readonly log: ReturnType<typeof keptLog>;
  ask(path: string, ask?: Ask): Promise<Reply>;
  stop(): Promise<void>;
}

export interface LabOptions {
  readonly relay?: Partial<Settings['relay']>;
  readonly provider?: Provider;
  readonly serveStream?: ServeStream;
  readonly serveHls?: ServeHls;
  /** Without it, no stream's resolver answers. */
  readonly resolve?: ReturnType<typeof createStreamResolvers>;
  /** Unix time in ms. */
  readonly now?: () => number;
  /** Why nothing can be stored; it can be when left out. */
  readonly storeFailure?: string;
}

export function relayDefaults(): Settings['relay'] {
  const loaded = loadSettings({ env: {}, flags: [], standardFiles: [] });
  if ('errors' in loaded) throw new Error(loaded.errors.join());
  return loaded.settings.relay;
}

export async function startApiLab(options: LabOptions = {}): Promise<ApiLab> {
  const relay: Settings['relay'] = { ...relayDefaults(), ...options.relay };
  const log = keptLog();
  const store = createMemoryStore(log);
  const lease = store.lease('leader');
  const times = createTimesOf(relayOperationNames);
  const streams = await openStreams({
    store,
    idOf: (url) => streamIdOf(Buffer.alloc(32, 1), url),
    maxStreams: relay.maxStreams,
    log,
    now: options.now ?? Date.now,
  });
  const keep = { count: 1000, ageMs: 3_600_000 };
  const events = createEventLog({ store, source: '/mtxpilot/test/relay', log, keep });
  const hooks = await openHooks({ store, lease, events, log, recordAttempt: times.record.event_delivery });
  const hls = await openHlsSettings({ store, configured: { ...relay.hls, streamMode: relay.streamMode }, log });
  const active = createActiveStreams();
  const reports = createReports({
    active,
    streamOf: (id) => streams.get(id),
    clientsOf: (id) => clients.ofStream(id).length,
    emit: events.emit,
    wantsClients: () => hooks.wantsClients,
    record: times.record,
    log,
  });
  const clients = createClients({ most: relay.maxClients, reports });
  const views = {
    streams,
    clients,
    reports,
    active,
    streamTimeoutMs: relay.streamTimeout,
    startedMs: performance.now(),
  };
  const metrics = createMetricsPage([relayMetrics], nodeMetrics());
  const accounts = createAccounts(new Map(Object.entries(relay.accounts)));
  metrics.read(relayMetrics, { stats: reports.stats, clients, streams, accounts });
  let isStopping = false;
  const server = createRelayServer({
    settings: relay,
    endpoints: [
      ...streamEndpoints({
        views,
        streams,
        reports,
        active,
        resolve: options.resolve ?? (() => undefined),
        userAgent: relay.userAgent,
      }),
      ...programEndpoints({
        views,
        settings: relay,
        version: '1.2.3',
        startedAt: '2026-11-29T09:00:00.000Z',
        times,
        provider: options.provider ?? createFakeProvider(),
        storeFailure: () => options.storeFailure,
        isStopping: () => isStopping,
      }),
      ...whyEndpoints({
        ...views,
        reports,
        active,
        accounts,
        channels: { figures: () => undefined },
        failback: relay.failback,
        nowMs: () => performance.now(),
      }),
      ...webhookEndpoints(hooks),
      ...configEndpoints({ settings: relay, hls }),
    ],
    streams,
    clients,
    metrics,
    serveHls: options.serveHls ?? ((_req, res) => void res.writeHead(501).end()),
    templates: createTemplates({
      templates: relay.templates,
      streams,
      clients,
      reports,
      remove: createRemoveStreams({ streams, clients, reports, active }),
      streamMode: () => hls.current().streamMode,
      userAgent: relay.userAgent,
      now: options.now ?? Date.now,
    }),
    serveStream: options.serveStream ?? ((_req, res) => void res.writeHead(200).end()),
    version: '1.2.3',
    log,
    onStopping() {
      isStopping = true;
    },
  });
  await server.listen('127.0.0.1', 0);

  return {
    url: server.url,
    streams,
    clients,
    reports,
    active,
    hooks,
    hls,
    store,
    log,
    ask: (path, { method = 'GET', body, headers = {} } = {}) =>
      new Promise((resolve, reject) => {
        const text = body === undefined ? undefined : JSON.stringify(body);
        const sent = request(
          server.url + path,
          {
            method,
            agent: false,
            headers: {
              ...(text === undefined
                ? {}
                : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
              ...headers,
            },
          },
          (res) => {
            let got = '';
            res.setEncoding('utf8').on('data', (chunk: string) => (got += chunk));
            res.on('error', reject).on('end', () => {
              const isJson = (res.headers['content-type'] ?? '').includes('json') && got !== '';
              const json = isJson ? (JSON.parse(got) as unknown) : undefined;
              resolve({ status: res.statusCode ?? 0, headers: res.headers, text: got, json });
            });
          },
        );
        sent.on('error', reject).end(text);
      }),
    async stop() {
      await server.stop();
      await hooks.stop();
      await hls.stop();
      await events.stop();
      await streams.stop();
      await lease.release();
      await store.close();
      times.stop();
    },
  };
}
