import { eventTypes } from '../../../src/events';
import { createHttpStats } from '../../../src/http/http-stats';
import { createMetrics, type Metrics } from '../../../src/metrics';
import { createPeersStats } from '../../../src/peers/stats';
import { createSpoeStats } from '../../../src/spoe/stats';
import { createTimeHistogram } from '../../../src/time-histogram';
import { createViewers } from '../../../src/viewers';
import { serverView } from '../http/lab';

/** Metrics of an agent with one of everything, so that each has samples with every value of its labels that is not a name. */
export function populatedMetrics(): Metrics {
  const metrics = createMetrics();
  const time = createTimeHistogram([0.1]);
  const http = createHttpStats();
  http.answers.set('/healthz', new Map([[200, 1]]));
  metrics.addSpoe({ stats: createSpoeStats() });
  metrics.addHttp({ stats: http });
  metrics.addDirectory({
    hasEvidence: () => true,
    streamCount: 1,
    conflictCount: 0,
    lookupsKept: 0,
    servers: () => [serverView('mtx1')],
    stats: {
      lookups: { hit: 0, miss: 0, error: 0, deadline: 0, overBudget: 0, shared: 0, cached: 0, stale: 0, waiting: 0 },
      apiCalls: new Map([
        ['mtx1', { outcomes: { 'paths/list': {}, 'paths/get': { not_found: 1, timeout: 1 }, info: {} }, time }],
      ]),
      conflicts: 0,
      staleAnswers: 0,
      refusedStreams: 0,
      ignoredNames: 0,
    },
  });
  const observer = { polls: 1, failures: 0, reloads: 0, changes: 1, isUp: true };
  const counted = { done: 0, failed: 0 };
  metrics.addControl({
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
    },
  });
  const pushed = { added: 0, changed: 0, removed: 0, replacements: 0, reads: 0 };
  metrics.addRoutePushes([
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
    overtaken: 0,
    depth: 0,
    oldestAgeMs: 0,
    circuit: 'closed',
    isDisabled: false,
    trouble: undefined,
    lag: time,
    time,
  } as const;
  const byType = Object.fromEntries(eventTypes.map((type) => [type, 0])) as Record<(typeof eventTypes)[number], number>;
  metrics.addEvents({
    log: { byType, waiting: 0, dropped: 0, failures: 0, kept: 1, cutThrough: undefined },
    streams: { streams: 1, pending: 0 },
    audience: { stats: { watched: 0, viewersNotTold: 0 } },
    delivery: { stats: new Map([['billing', delivered]]) },
  });
  const viewers = createViewers({ goneAfterMs: 10_000, showAddresses: false, nowMs: 0 });
  metrics.addViewers({
    viewers,
    peers: { stats: createPeersStats() },
    polls: [{ stats: { polls: 1, failures: 0 } }],
  });
  metrics.addStore({ store: { isUp: true }, lease: { isHeld: true, changes: 1 } });
  metrics.addLoad({ requests: () => 1 });
  return metrics;
}
