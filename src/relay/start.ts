import { hostname } from 'node:os';
import { eventReceivers, type Settings } from '../config';
import { createEventLog, createLeasedDelivery, deliveryMetrics } from '../events';
import { httpMetrics } from '../http';
import { boundedLog, type Logger } from '../log';
import { createTimesOf } from '../measure';
import { openConfiguredStore, storeMetrics } from '../store';
import { version } from '../version';
import { createAccounts } from './account-slots';
import { createActiveStreams } from './active-streams';
import { createAddressGuard } from './address-guard';
import { openCards } from './cards';
import { channelMetrics } from './channel-metrics';
import { createChannels } from './channels';
import { createClients } from './clients';
import { configEndpoints } from './config-endpoints';
import { createAddressOf } from './forwarded';
import { createFoundType } from './found-type';
import { openHlsSettings } from './hls-settings';
import { openHooks } from './hooks';
import { createRelayMetrics, relayMetrics } from './metrics';
import { relayOperationNames } from './operations';
import { createPassthrough } from './passthrough';
import { programEndpoints } from './program-endpoints';
import { createProvider } from './provider-client';
import { readHls } from './read-hls';
import { readLive } from './read-live';
import { createRemoveStreams } from './remove-streams';
import { createReports } from './reports';
import { createResolver } from './resolver';
import { createServeChannel } from './serve-channel';
import { createServeHls } from './serve-hls';
import type { ReadStream } from './serve-live';
import { createServeStream } from './serve-stream';
import { createRelayServer } from './server';
import { createSharedFeeds } from './shared-feeds';
import { streamEndpoints } from './stream-endpoints';
import { streamIdOf } from './stream-id';
import { openStreamKey } from './stream-key';
import { createStreamResolvers } from './stream-resolvers';
import { openStreams } from './streams';
import { createTemplates } from './templates';
import { createTicker } from './ticker';
import type { ViewSource } from './views';
import { webhookEndpoints } from './webhook-endpoints';
import { whyEndpoints } from './why-endpoints';

/** The relay while it runs. */
export interface RunningRelay {
  /** Disconnects its clients, finishes what is in hand, closes everything. */
  stop(): Promise<void>;
}

/**
 * Starts the relay: streams and webhooks of its store, the API, and the streams for players.
 *
 * @throws Error when the address cannot be listened on, or the store refuses; nothing is left running then.
 */
export async function runRelay(settings: Settings, log: Logger): Promise<RunningRelay> {
  const { relay } = settings;
  const startedAt = new Date().toISOString();
  const startedMs = performance.now();
  let isStopping = false;
  const cards = await openCards(relay.cards);
  const store = await openConfiguredStore(relay.store, process.env, log);
  if (!store.isDurable) {
    log.warn('streams are kept in memory only, until the relay ends: set relay.store.folder or relay.store.redis');
  }
  const times = createTimesOf(relayOperationNames);
  const metrics = createRelayMetrics();
  const closers: (() => void | Promise<void>)[] = [() => store.close(), () => times.stop()];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const key = await openStreamKey(store);
    const streams = await openStreams({
      store,
      idOf: (url) => streamIdOf(key, url),
      maxStreams: relay.maxStreams,
      log,
    });
    closers.push(() => streams.stop());
    const hls = await openHlsSettings({ store, configured: { ...relay.hls, streamMode: relay.streamMode }, log });
    closers.push(() => hls.stop());
    // Of the relays that share a store, who has it delivers events.
    const lease = store.lease('leader');
    closers.push(() => lease.release());
    const { count, age: ageMs } = settings.events.keep;
    const events = createEventLog({
      store,
      source: `/mtxpilot/${hostname()}/relay`,
      log,
      keep: { count, ageMs },
      lease,
    });
    closers.push(() => events.stop());
    const delivering = { store, events, lease, log, recordAttempt: times.record.event_delivery };
    const delivery = createLeasedDelivery({ webhooks: eventReceivers(settings), ...delivering });
    closers.push(() => delivery.stop());
    await delivery.start();
    const hooks = await openHooks(delivering);
    closers.push(() => hooks.stop());

    const active = createActiveStreams();
    const reports = createReports({
      active,
      streamOf: (id) => streams.get(id),
      clientsOf: (id) => clients.ofStream(id).length,
      emit: events.emit,
      wantsClients: () => settings.events.viewers || hooks.wantsClients,
      record: times.record,
      log,
    });
    const clients = createClients({ most: relay.maxClients, reports });
    const views: ViewSource = { streams, clients, reports, active, streamTimeoutMs: relay.streamTimeout, startedMs };
    const accounts = createAccounts(
      new Map(Object.entries(relay.accounts)),
      store.isShared ? { quotaOf: (name) => store.quota(`account-${name}`), log } : undefined,
    );
    closers.push(() => accounts.stop());

    metrics.read(relayMetrics, { stats: reports.stats, clients, streams, accounts });
    metrics.read(storeMetrics, { store, lease });
    metrics.read(deliveryMetrics, {
      get stats() {
        return new Map([...delivery.stats, ...hooks.stats]);
      },
    });

    const guard = createAddressGuard({ allow: relay.allow });
    const resolve = createStreamResolvers({
      resolver: createResolver({ guard }),
      active,
      log: boundedLog(log),
      nowMs: () => performance.now(),
    });
    const asking = { guard, connectTimeoutMs: relay.timeouts.connect, headersTimeoutMs: relay.timeouts.headers };
    const provider = createProvider(asking);
    const hlsProvider = createProvider({ ...asking, keepAlive: true });
    closers.push(() => hlsProvider.close());
    const foundType = createFoundType({ streams, rootPath: relay.rootPath, log: boundedLog(log) });
    const addressOf = createAddressOf(relay.trustedProxies);
    const policy = { whenFull: relay.whenFull, waitForSlotMs: relay.waitForSlot };
    const ticker = createTicker(100);
    const nowMs = () => performance.now();
    const serving = {
      find: (id: string) => streams.get(id),
      addressOf,
      provider,
      accounts,
      policy,
      times: {
        stallMs: relay.timeouts.stall,
        nullPacketsAfterMs: relay.nullPacketsAfter,
        joinWithinMs: relay.joinWithin,
        retryAfterRunningMs: relay.retryAfterRunning,
        pausedMs: relay.clientTimeout,
      },
      resolve,
      failback: relay.failback,
      streams: active,
      clients,
      reports,
      ticker,
      foundType,
      nowMs,
    };
    const shared = createSharedFeeds();
    const reading = { ...serving, shared, cards, standby: relay.standby };
    const readTs: ReadStream = (stream, reader, reads) => readLive(stream, reader, reads, reading);
    const passthrough = createPassthrough({
      ...serving,
      key,
      provider: hlsProvider,
      times: { ...serving.times, clientTimeoutMs: relay.clientTimeout },
      log: boundedLog(log),
    });
    const channels = createChannels({
      ...serving,
      pooled: hlsProvider,
      readLive: readTs,
      settings: () => hls.current(),
      record: times.record,
      log: boundedLog(log),
    });
    metrics.read(channelMetrics, channels);
    const serveChannel = createServeChannel({
      ...serving,
      channels,
      passthrough,
      clientTimeoutMs: relay.clientTimeout,
    });
    const following = {
      ...serving,
      channels,
      shared,
      initialSegments: () => hls.current().initialSegments,
      nullPacketsAfterMs: relay.nullPacketsAfter,
    };
    const serveStream = createServeStream({
      ...serving,
      share: relay.share,
      readLive: readTs,
      readHls: (stream, reader, reads) => readHls(stream, reader, reads, following),
      log,
    });
    const server = createRelayServer({
      settings: relay,
      endpoints: [
        ...streamEndpoints({ views, streams, reports, active, resolve, userAgent: relay.userAgent }),
        ...programEndpoints({
          views,
          settings: relay,
          version,
          startedAt,
          times,
          provider,
          storeFailure: () => (store.isUp ? undefined : (store.failure ?? 'it cannot be reached')),
          isStopping: () => isStopping,
        }),
        ...whyEndpoints({ ...views, reports, active, accounts, channels, failback: relay.failback, nowMs }),
        ...webhookEndpoints(hooks),
        ...configEndpoints({ settings: relay, hls }),
      ],
      streams,
      clients,
      metrics,
      templates: createTemplates({
        templates: relay.templates,
        streams,
        clients,
        reports,
        remove: createRemoveStreams({ streams, clients, reports, active }),
        streamMode: () => hls.current().streamMode,
        userAgent: relay.userAgent,
      }),
      serveStream,
      serveHls: createServeHls({ channel: serveChannel, passthrough }),
      version,
      log,
      onStopping() {
        isStopping = true;
      },
    });
    metrics.read(httpMetrics, server);
    closers.push(() => server.stop());
    const { host, port } = relay.listen;
    await server.listen(host, port);
    if (relay.token === undefined && !isLoopback(host)) {
      log.warn(
        { listen: relay.listen },
        'the API is open to everybody who can reach this address: set relay.token (API_TOKEN) or relay.tokenFile',
      );
    }
    log.info({ version, listen: server.url, streams: streams.count }, 'mtxpilot relay is running');
    return { stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function isLoopback(host: string): boolean {
  return host === '::1' || host.startsWith('127.') || host.toLowerCase() === 'localhost';
}
