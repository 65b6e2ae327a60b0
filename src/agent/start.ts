import { hostname } from 'node:os';
import { apiMetrics, createHttpServer } from '../api';
import { startUpCheck } from '../check';
import { eventReceivers, haproxyNodes, mediamtxAccess, type Settings } from '../config';
import { type ApiUrlFor, controlMetrics, createHaproxyControl, type HaproxyControl, routeMetrics } from '../control';
import { createDirectory, type Directory, directoryMetrics, type FleetServer, lookupMetrics } from '../directory';
import { createEventLog, createLeasedDelivery, deliveryMetrics, type Emit, eventMetrics } from '../events';
import { httpMetrics, openAdminSocket } from '../http';
import type { Logger } from '../log';
import { createOperationTimes } from '../measure';
import { controlApiMetrics } from '../mediamtx';
import { peersMetrics } from '../peers';
import { createRelayViews } from '../relays';
import { type Bridge, createRouter, decisionMetrics, withCanaries, withDecisionLog } from '../router';
import { createHaproxyNode, type HaproxyNode } from '../runtime';
import { createSpoeServer, spoeMetrics } from '../spoe';
import { type Lease, openConfiguredStore, type Store, storeMetrics } from '../store';
import { version } from '../version';
import { viewerMetrics } from '../viewers';
import { watchFigures } from './figures';
import { loadMetrics } from './haproxy-load';
import { createMetrics } from './metrics';
import { relayPlaces } from './relay-places';
import { watchStreams } from './watch-streams';
import { watchViewerEvents } from './watch-viewer-events';
import { watchViewers } from './watch-viewers';

/** The sidecar while it runs. */
export interface RunningAgent {
  /** Stops taking questions, finishes those in hand, closes everything. */
  stop(): Promise<void>;
}

/**
 * Starts the agent: the directory, the SPOE and HTTP servers, and the eye on HAProxy (or the static list of servers). While a store that
 * others share has not answered, it routes without: it knows no orders, takes none, and announces no events; all of that is taken up when
 * the store answers.
 *
 * @throws Error when an address cannot be listened on, or the store refuses; nothing is left running then.
 */
export async function runAgent(settings: Settings, log: Logger): Promise<RunningAgent> {
  const store = await openConfiguredStore(settings.store, process.env, log);
  if (!store.isDurable) {
    log.warn('orders and events are kept in memory only, until the agent ends: set store.folder or store.redis');
  }
  const times = createOperationTimes();
  const directory = createDirectory({
    intervalMs: settings.directory.interval,
    staleForMs: settings.directory.staleFor,
    suspectAfter: settings.directory.suspectAfter,
    maxStreams: settings.directory.maxStreams,
    holders: settings.holders,
    lookup: {
      deadlineMs: settings.lookup.deadline,
      ttlMs: settings.lookup.ttl,
      missTtlMs: settings.lookup.missTtl,
      perSecond: settings.lookup.budget,
    },
    apiTimeoutMs: settings.mediamtx.timeout,
    credentialsFor: ({ name, kind }) => {
      const { username, password } = mediamtxAccess(settings, { name, kind, address: '-', port: 0 });
      return { username, password };
    },
    log,
    recordLookup: times.record.stream_lookup,
    recordPoll: times.record.inventory_poll,
  });
  const router = withDecisionLog(withCanaries(createRouter(directory), directory), log);
  const metrics = createMetrics();
  const bridges: Bridge[] = [];
  const closers: (() => void | Promise<void>)[] = [() => store.close(), () => times.stop(), () => directory.stop()];
  const stop = async (): Promise<void> => {
    // Last started, first stopped: nobody asks a directory that has stopped.
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    metrics.read(decisionMetrics, bridges);
    metrics.read(lookupMetrics, directory);
    metrics.read(directoryMetrics, directory);
    metrics.read(controlApiMetrics, directory.stats.apiCalls);
    directory.start();
    // Of the agents that share a store, who has it announces and delivers events.
    const lease = store.lease('leader');
    closers.push(() => lease.release());
    const { count, age: ageMs } = settings.events.keep;
    const events = createEventLog({ store, source: `/mtxpilot/${hostname()}`, log, keep: { count, ageMs }, lease });
    closers.push(() => events.stop());
    const delivery = createLeasedDelivery({
      webhooks: eventReceivers(settings),
      store,
      events,
      lease,
      log,
      recordAttempt: times.record.event_delivery,
    });
    closers.push(() => delivery.stop());
    await delivery.start();
    const streams = await watchStreams(settings, directory, { store, events }, log);
    closers.push(() => streams.stop());
    const viewerEvents = await watchViewerEvents(settings, { store, events }, log);
    closers.push(() => viewerEvents.stop());
    metrics.read(eventMetrics, { log: events.stats, streams: streams.stats, audience: viewerEvents });
    metrics.read(deliveryMetrics, delivery);
    metrics.read(storeMetrics, { store, lease });
    const { runtime_command: recordCommand, route_decision: recordDecision } = times.record;
    const nodes = haproxyNodes(settings).map((node) => createHaproxyNode(node, recordCommand));
    const control = await controlFleet(settings, nodes, directory, { store, lease }, events.emit, log);
    if (control !== undefined) {
      closers.push(() => control.stop());
      metrics.read(controlMetrics, control);
      metrics.read(routeMetrics, control.pushes);
    }

    const watch = await watchViewers(settings, nodes, directory, store, log);
    metrics.read(viewerMetrics, { ...watch, servers: () => directory.servers() });
    if (watch.peers !== undefined) metrics.read(peersMetrics, watch.peers);
    viewerEvents.watch(watch.viewers);
    closers.push(() => watch.stop());

    const figures = watchFigures(settings, { nodes, directory, viewers: watch.viewers, bridges }, log);
    closers.push(() => figures.stop());
    metrics.read(loadMetrics, figures.load);

    const relays = createRelayViews({ relays: () => relayPlaces(settings, directory) });
    closers.push(() => relays.stop());
    const { token, viewersUrl, hosts, listen } = settings.http;
    const http = createHttpServer({
      router,
      directory,
      metrics,
      performance: times,
      recordDecision,
      log,
      version,
      token,
      hosts: [...hosts, listen.host],
      operations: control,
      events,
      webhooks: delivery,
      viewers: watch.viewers,
      relays,
      kept: { store, lease },
      dashboard: {
        ...figures,
        viewers: watch.viewers,
        viewersUrl,
        startedAt: new Date().toISOString(),
        streamCount: () => directory.streamCount,
        conflictCount: () => directory.conflictCount,
      },
    });
    const { stats } = http;
    bridges.push({ name: 'http', decisions: stats.decisions, waiting: () => stats.waitingRequests });
    metrics.read(httpMetrics, http);
    metrics.read(apiMetrics, http);
    closers.push(() => http.stop());
    await http.listen(listen.host, listen.port);
    await openAdminSocket(http, settings.http.adminSocket, process.env, log);

    if (settings.spoe.listen !== null) {
      const spoe = createSpoeServer({
        decide: (stream, session) => router.decide(stream, session),
        log,
        recordDecision,
        maxConnections: settings.spoe.maxConnections,
      });
      closers.push(() => spoe.stop());
      await spoe.listen(settings.spoe.listen);
      bridges.push({ name: 'spoe', decisions: spoe.stats.decisions, waiting: () => spoe.stats.waiting });
      metrics.read(spoeMetrics, spoe);
    }
    const { adminSocket } = http;
    log.info(
      { version, spoe: settings.spoe.listen, http: settings.http.listen, adminSocket },
      'mtxpilot agent is running',
    );
    events.emit({ type: 'agent.started', evidence: 'agent', data: { version } });
    if (settings.check.atStart) closers.push(startUpCheck({ settings, nodes, env: process.env }, log));
    return { stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Keeps the directory's fleet as HAProxy has it, and HAProxy as it should be; with a static list HAProxy is not asked. */
async function controlFleet(
  settings: Settings,
  nodes: readonly HaproxyNode[],
  directory: Directory,
  { store, lease }: { readonly store: Store; readonly lease: Lease },
  emit: Emit,
  log: Logger,
): Promise<HaproxyControl | undefined> {
  const apiUrlFor: ApiUrlFor = (server) => mediamtxAccess(settings, server).apiUrl;
  if (settings.servers.length > 0) {
    directory.setServers(settings.servers.map((server) => staticServer(server, apiUrlFor)));
    return undefined;
  }
  const { backend, relayBackend, interval, map } = settings.haproxy;
  const control = createHaproxyControl({
    nodes,
    backends: { mediamtx: backend, relay: relayBackend },
    map,
    apiUrlFor,
    directory,
    staleForMs: settings.directory.staleFor,
    store,
    emit,
    onApiFailure: settings.control.onApiFailure,
    weights: settings.control.weights,
    leads: () => lease.isHeld,
    intervalMs: interval,
    goneAfterMs: settings.viewers.goneAfter,
    log,
  });
  await control.start();
  return control;
}

function staticServer(
  { name, address: { host: address, port } }: Settings['servers'][number],
  apiUrlFor: ApiUrlFor,
): FleetServer {
  const kind = 'mediamtx';
  return {
    name,
    kind,
    address,
    port,
    apiUrl: apiUrlFor({ name, kind, address, port }) ?? '',
    operational: 'UNKNOWN',
    administrative: 'ready',
    isBackup: false,
  };
}
