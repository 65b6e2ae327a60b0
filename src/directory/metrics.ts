import { type Collector, counter, gauge, renamed } from '../measure';
import type { Directory } from './directory';
import type { ServerView } from './views';

type Source = Pick<
  Directory,
  'stats' | 'servers' | 'streamCount' | 'conflictCount' | 'lookupsKept' | 'pathsKept' | 'hasEvidence'
>;

/** A sample for each server of which something is known. */
const byServer =
  (read: (server: ServerView) => number | undefined) =>
  ({ servers }: Source): [string, number][] =>
    servers().flatMap((server) => {
      const value = read(server);
      return value === undefined ? [] : [[server.name, value]];
    });

export const lookupMetrics: Collector<Source> = {
  component: 'Lookups',
  metrics: {
    mtxpilot_lookups_total: counter(
      "Lookups of streams that are in no server's list. result=hit: found; miss: not found anywhere; error: a server that may have it did not answer; over_budget: not made, because lookup.budget was used up.",
      ['result'],
      ({ stats: { lookups } }) => [
        ['hit', lookups.hit],
        ['miss', lookups.miss],
        ['error', lookups.error],
        ['over_budget', lookups.overBudget],
      ],
    ),
    mtxpilot_lookup_deadlines_total: counter(
      'Lookups cut off by their deadline before every server had answered.',
      ({ stats }) => stats.lookups.deadline,
    ),
    mtxpilot_lookup_shares_total: counter(
      'Questions that joined a lookup of the same stream already in progress (single flight).',
      ({ stats }) => stats.lookups.shared,
    ),
    mtxpilot_lookup_cache_answers_total: counter(
      'Questions answered from the result of an earlier lookup. age=fresh: within lookup.ttl; stale: older, used while the servers were asked again.',
      ['age'],
      ({ stats: { lookups } }) => [
        ['fresh', lookups.cached],
        ['stale', lookups.stale],
      ],
    ),
    mtxpilot_lookup_cache_entries: gauge('Lookup results in the cache.', ({ lookupsKept }) => lookupsKept),
    mtxpilot_lookups_waiting: gauge('Lookups in progress at the servers.', ({ stats }) => stats.lookups.waiting),
  },
};

export const directoryMetrics: Collector<Source> = {
  component: 'Servers and streams',
  metrics: {
    mtxpilot_ready: gauge(
      '1 if /readyz succeeds (at least one server has reported its streams), else 0.',
      (directory) => (directory.hasEvidence() ? 1 : 0),
    ),
    mtxpilot_servers: gauge('Servers in the fleet.', (directory) => directory.servers().length),
    mtxpilot_idle_paths: renamed(
      'mtxpilot_paths_kept',
      gauge(
        'Paths that are not live and path configurations held in memory, over all servers. They say where a stream can start.',
        ({ pathsKept }) => pathsKept,
      ),
    ),
    mtxpilot_streams: gauge(
      'Live streams, and streams in the stores of relays, each counted once.',
      ({ streamCount }) => streamCount,
    ),
    mtxpilot_stale_answers_total: counter(
      'Decisions based on the last good list of a server whose Control API is failing.',
      ({ stats }) => stats.staleAnswers,
    ),
    mtxpilot_server_up: gauge(
      '1 if HAProxy reports the server UP, 0 if DOWN; no sample if HAProxy does not say.',
      ['server'],
      byServer(({ operational }) => (operational === 'UNKNOWN' ? undefined : operational === 'UP' ? 1 : 0)),
    ),
    mtxpilot_server_state: gauge(
      'Administrative state of the server in HAProxy: 1 for the current one of ready, drain and maint, 0 for the others.',
      ['server', 'state'],
      (directory) =>
        directory
          .servers()
          .flatMap(({ name, administrative }) =>
            ['ready', 'drain', 'maint'].map((state) => [name, state, administrative === state ? 1 : 0] as const),
          ),
    ),
    mtxpilot_server_streams: gauge(
      'Live streams on the server; of a relay, streams in its store.',
      ['server'],
      byServer(({ streams }) => streams),
    ),
    mtxpilot_server_readers: gauge(
      'Readers on the server over RTSP, RTMP, SRT, WebRTC and anything else but HLS, as MediaMTX counts them; clients of a relay.',
      ['server'],
      byServer(({ readers }) => readers),
    ),
    mtxpilot_inventory_age_seconds: gauge(
      "Age of the stream list in use for the server. It grows while the server's Control API fails; no sample if there is no list.",
      ['server'],
      byServer(({ api }) => (api.inventoryAgeMs === undefined ? undefined : api.inventoryAgeMs / 1000)),
    ),
    mtxpilot_api_up: gauge(
      "1 if the last request for the server's stream list succeeded, else 0.",
      ['server'],
      byServer(({ api }) => (api.health === 'ok' ? 1 : 0)),
    ),
    mtxpilot_streams_in_conflict: gauge(
      'Streams that have publishers on several servers right now, not counting intended replicas.',
      ({ conflictCount }) => conflictCount,
    ),
    mtxpilot_stream_conflicts_total: counter(
      'Times a stream was found to have publishers on several servers.',
      ({ stats }) => stats.conflicts,
    ),
    mtxpilot_streams_refused_total: counter(
      'Listed streams left out because directory.maxStreams was reached, counted once per list.',
      ({ stats }) => stats.refusedStreams,
    ),
    mtxpilot_stream_names_ignored_total: counter(
      'Listed names that are not valid stream names, counted once per list.',
      ({ stats }) => stats.ignoredNames,
    ),
  },
};
