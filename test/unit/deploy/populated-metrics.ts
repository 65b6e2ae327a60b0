import { loadMetrics } from '../../../src/agent/haproxy-load';
import { createMetrics } from '../../../src/agent/metrics';
import { apiMetrics } from '../../../src/api';
import { createApiStats } from '../../../src/api/api-stats';
import { controlMetrics, routeMetrics } from '../../../src/control';
import { directoryMetrics, lookupMetrics } from '../../../src/directory';
import { deliveryMetrics, eventMetrics, eventTypes } from '../../../src/events';
import { httpMetrics } from '../../../src/http';
import { createTimeHistogram, type MetricsPage } from '../../../src/measure';
import { controlApiMetrics } from '../../../src/mediamtx';
import { peersMetrics } from '../../../src/peers';
import { createPeersStats } from '../../../src/peers/stats';
import { decisionMetrics } from '../../../src/router';
import { spoeMetrics } from '../../../src/spoe';
import { createSpoeStats } from '../../../src/spoe/stats';
import { storeMetrics } from '../../../src/store';
import { createViewers, viewerMetrics } from '../../../src/viewers';
import { serverView } from '../api/lab';

/** Metrics of an agent with one of everything, so that each has samples with every value of its labels that is not a name. */
export function populatedMetrics(): MetricsPage {
  const metrics = createMetrics();
  const time = createTimeHistogram([0.1]);
  const http = createApiStats();
  http.answers.set('/healthz', new Map([[200, 1]]));
  const spoe = createSpoeStats();
  metrics.read(spoeMetrics, { stats: spoe });
  metrics.read(httpMetrics, { stats: http });
  metrics.read(apiMetrics, { stats: http });
  metrics.read(decisionMetrics, [
    { name: 'spoe', decisions: spoe.decisions, waiting: () => 0 },
    { name: 'http', decisions: http.decisions, waiting: () => 0 },
  ]);
  const directory = {
    hasEvidence: () => true,
    streamCount: 1,
    conflictCount: 0,
    lookupsKept: 0,
    pathsKept: 9,
    servers: () => [serverView('mtx1')],
    stats: {
      lookups: { hit: 0, miss: 0, error: 0, deadline: 0, overBudget: 0, shared: 0, cached: 0, stale: 0, waiting: 0 },
      apiCalls: new Map([
        [
          'mtx1',
          {
            outcomes: {
              'paths/list': {},
              'paths/get': { not_found: 1, timeout: 1 },
              'config/paths/list': {},
              info: {},
            },
            time,
          },
        ],
      ]),
      conflicts: 0,
      staleAnswers: 0,
      refusedStreams: 0,
      ignoredNames: 0,
    },
  };
  metrics.read(lookupMetrics, directory);
  metrics.read(directoryMetrics, directory);
  metrics.read(controlApiMetrics, directory.stats.apiCalls);
  const observer = { polls: 1, failures: 0, reloads: 0, changes: 1, isUp: true };
  const counted = { done: 0, failed: 0 };
  metrics.read(controlMetrics, {
    stats: {
      observer,
      nodes: new Map([
        [
          'edge-1',
          { ...observer, commands: { 'set-state': counted, 'set-weight': counted, 'clear-entries': counted } },
        ],
      ]),
      actions: { intent: 0, deadline: 0, 'api-suspect': 0, 'api-recovered': 0, load: 0, undo: 0 },
      guardHolds: 0,
      heldBack: 0,
      external: 0,
      emptySlots: 0,
    },
  });
  const pushed = { added: 0, changed: 0, removed: 0, replacements: 0, reads: 0 };
  metrics.read(routeMetrics, [
    {
      stats: { ...pushed, repaired: 0, failures: 0, overflows: 0, cleared: 0 },
      view: () => ({
        node: 'edge-1',
        map: 'routes.map',
        file: 'routes.map',
        state: 'right',
        entries: 1,
        waiting: 0,
        error: undefined,
      }),
    },
  ]);
  const delivered = {
    attempts: { ok: 1, gone: 0, bad_status: 0, timeout: 0, tls: 0, unreachable: 0 },
    deadLetters: 0,
    trimmed: 0,
    depth: 0,
    oldestAgeMs: 0,
    circuit: 'closed',
    isDisabled: false,
    lastError: undefined,
    lag: time,
    time,
  } as const;
  const byType = Object.fromEntries(eventTypes.map((type) => [type, 0])) as Record<(typeof eventTypes)[number], number>;
  metrics.read(eventMetrics, {
    log: { byType, waiting: 0, dropped: 0, failures: 0, stored: 1, trimmedThrough: undefined },
    streams: { streams: 1, pending: 0 },
    audience: { stats: { watched: 0, viewersUnannounced: 0 } },
  });
  metrics.read(deliveryMetrics, { stats: new Map([['billing', delivered]]) });
  const viewers = createViewers({ goneAfterMs: 10_000, showAddresses: false, nowMs: 0 });
  metrics.read(viewerMetrics, {
    viewers,
    polls: [{ stats: { polls: 1, failures: 0 } }],
    servers: () => directory.servers(),
  });
  metrics.read(peersMetrics, { stats: createPeersStats() });
  metrics.read(storeMetrics, { store: { isUp: true }, lease: { isHeld: true, changes: 1 } });
  metrics.read(loadMetrics, { requests: () => 1 });
  return metrics;
}
