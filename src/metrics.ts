import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Control, Observer } from './control';
import type { RoutePush } from './control/push';
import { intentKinds } from './control/views';
import type { Directory, ServerView } from './directory';
import type { CourierStats, EventLogStats, StreamEvents, ViewerEvents } from './events';
import type { HttpServer } from './http';
import type { PeersServer } from './peers';
import type { DecisionStats } from './router/decision-stats';
import type { SpoeServer } from './spoe';
import type { Lease, Store } from './store';
import type { TimeHistogram } from './time-histogram';
import { version } from './version';
import type { TablePoll, Viewers } from './viewers';
import type { LoadWatch } from './watch-load';

/**
 * Everything that is measured. Components count in plain numbers and know nothing of this; the numbers are read when
 * somebody scrapes, so that a hot path pays for an addition and nothing more.
 */
export interface Metrics {
  /** Each `add` names the one source of its kind; a second call replaces the first. */
  addSpoe(source: Pick<SpoeServer, 'stats'>): void;
  addHttp(source: Pick<HttpServer, 'stats'>): void;
  addDirectory(source: DirectorySource): void;
  addObserver(source: Pick<Observer, 'stats'>): void;
  /** In place of an observer: it has several. */
  addControl(source: Pick<Control, 'stats'>): void;
  /** One for each HAProxy. */
  addRoutePushes(sources: readonly Pick<RoutePush, 'stats' | 'view'>[]): void;
  addEvents(source: EventSource): void;
  addViewers(source: ViewerSource): void;
  addStore(source: StoreSource): void;
  addLoad(source: Pick<LoadWatch, 'requests'>): void;
  /** The page for Prometheus (text format 0.0.4). Without a source its metrics are 0, or have no samples. */
  render(): Promise<{ contentType: string; body: string }>;
  /** Every metric, in the order of the page. */
  list(): MetricDescription[];
}

/** What a metric is, without its samples. */
export interface MetricDescription {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labels: readonly string[];
}

type DirectorySource = Pick<
  Directory,
  'stats' | 'servers' | 'streamCount' | 'conflictCount' | 'lookupsKept' | 'hasEvidence'
>;

interface ViewerSource {
  readonly viewers: Pick<Viewers, 'stats' | 'total' | 'server'>;
  /** One of both: the link over which HAProxy tells its tables, or what reads them. */
  readonly peers: Pick<PeersServer, 'stats'> | undefined;
  readonly polls: readonly Pick<TablePoll, 'stats'>[];
}

interface EventSource {
  readonly log: EventLogStats;
  readonly streams: StreamEvents['stats'];
  /** Undefined before the viewers are watched. */
  readonly audience: { readonly stats: ViewerEvents['stats'] | undefined };
  /** By name, of which the configuration has some; none while another agent delivers. */
  readonly delivery: { readonly stats: ReadonlyMap<string, CourierStats> };
}

interface StoreSource {
  readonly store: Pick<Store, 'isUp'>;
  readonly lease: Pick<Lease, 'isHeld' | 'changes'>;
}

/** Values of labels. Never the name of a stream or a viewer: those are not bounded. Servers are bounded by the fleet. */
type Labels = Readonly<Record<string, string | number>>;
type Read = (set: (labels: Labels, value: number) => void) => void;

const eventLoopResolutionMs = 20;

/** Makes the metrics of this process. */
export function createMetrics(): Metrics {
  const register = new Registry();
  let spoe: Pick<SpoeServer, 'stats'> | undefined;
  let http: Pick<HttpServer, 'stats'> | undefined;
  let directory: DirectorySource | undefined;
  let observer: { readonly stats: Readonly<Observer['stats']> } | undefined;
  let control: Pick<Control, 'stats'> | undefined;
  let pushes: readonly Pick<RoutePush, 'stats' | 'view'>[] = [];

  let events: EventSource | undefined;
  let watch: ViewerSource | undefined;
  let kept: StoreSource | undefined;
  let load: Pick<LoadWatch, 'requests'> | undefined;

  const counter = (name: string, help: string, labelNames: string[], read: Read): void => {
    new Counter({
      name,
      help,
      labelNames,
      registers: [register],
      collect() {
        this.reset();
        read((labels, value) => this.inc(labels, value));
      },
    });
  };
  const gauge = (name: string, help: string, labelNames: string[], read: Read): void => {
    new Gauge({
      name,
      help,
      labelNames,
      registers: [register],
      collect() {
        this.reset();
        read((labels, value) => this.set(labels, value));
      },
    });
  };
  const total = (name: string, help: string, read: () => number | undefined): void =>
    counter(name, help, [], (set) => set({}, read() ?? 0));
  const level = (name: string, help: string, read: () => number | undefined): void =>
    gauge(name, help, [], (set) => set({}, read() ?? 0));

  /** The bridges that run, with what both count. */
  const bridges = (): { bridge: string; decisions: DecisionStats; waiting: number }[] => {
    const running = [];
    if (spoe !== undefined) running.push({ bridge: 'spoe', ...spoe.stats });
    if (http !== undefined) running.push({ bridge: 'http', ...http.stats, waiting: http.stats.waitingRequests });
    return running;
  };
  const byServer = (read: (server: ServerView) => number | undefined): Read => {
    return (set) => {
      for (const server of directory?.servers() ?? []) {
        const value = read(server);
        if (value !== undefined) set({ server: server.name }, value);
      }
    };
  };

  // Decisions
  counter(
    'mtxpilot_decisions_total',
    'Decisions given to HAProxy. state=located: a server has the stream; placed: nobody has it, this is where it should start; unknown: not enough evidence.',
    ['bridge', 'state'],
    (set) => {
      for (const { bridge, decisions } of bridges()) {
        for (const [state, count] of Object.entries(decisions.byState)) set({ bridge, state }, count);
      }
    },
  );
  gauge(
    'mtxpilot_decisions_waiting',
    'Questions (SPOE frames, HTTP requests) that wait for a lookup now.',
    ['bridge'],
    (set) => {
      for (const { bridge, waiting } of bridges()) set({ bridge }, waiting);
    },
  );
  total(
    'mtxpilot_stale_answers_total',
    'Decisions that rested on the last good list of a server whose Control API fails.',
    () => directory?.stats.staleAnswers,
  );

  // Lookups
  counter(
    'mtxpilot_lookups_total',
    'Lookups of streams that no list has. result=hit: found; miss: found nowhere; error: a server that may have it did not answer; over_budget: not asked, because too many were asked for.',
    ['result'],
    (set) => {
      if (directory === undefined) return;
      const { hit, miss, error, overBudget } = directory.stats.lookups;
      for (const [result, count] of Object.entries({ hit, miss, error, over_budget: overBudget }))
        set({ result }, count);
    },
  );
  total(
    'mtxpilot_lookup_deadlines_total',
    'Lookups that were ended by their deadline, before every server had answered.',
    () => directory?.stats.lookups.deadline,
  );
  total(
    'mtxpilot_lookup_shares_total',
    'Questions that joined a lookup of the same stream that was under way (single flight).',
    () => directory?.stats.lookups.shared,
  );
  counter(
    'mtxpilot_lookup_cache_answers_total',
    'Questions answered by an earlier lookup. age=stale: older than lookup.ttl, given while the servers were asked again.',
    ['age'],
    (set) => {
      if (directory === undefined) return;
      set({ age: 'fresh' }, directory.stats.lookups.cached);
      set({ age: 'stale' }, directory.stats.lookups.stale);
    },
  );
  level('mtxpilot_lookup_cache_entries', 'Results of lookups that are kept now.', () => directory?.lookupsKept);
  level('mtxpilot_lookups_waiting', 'Lookups under way now.', () => directory?.stats.lookups.waiting);

  // Servers and streams
  level('mtxpilot_ready', '1 when /readyz says yes: at least one server has told what it has, else 0.', () =>
    directory?.hasEvidence() === true ? 1 : 0,
  );
  level('mtxpilot_servers', 'Servers in the fleet.', () => directory?.servers().length);
  level('mtxpilot_streams', 'Live streams known, each counted once.', () => directory?.streamCount);
  gauge(
    'mtxpilot_server_up',
    '1 when HAProxy calls a server UP, 0 when it calls it DOWN; no sample while it does not say.',
    ['server'],
    byServer(({ operational }) => (operational === 'UNKNOWN' ? undefined : operational === 'UP' ? 1 : 0)),
  );
  gauge(
    'mtxpilot_server_state',
    "HAProxy's administrative state of a server: 1 at the one of ready, drain and maint that it has, 0 at the others.",
    ['server', 'state'],
    (set) => {
      for (const { name, administrative } of directory?.servers() ?? []) {
        for (const state of intentKinds) set({ server: name, state }, administrative === state ? 1 : 0);
      }
    },
  );
  gauge(
    'mtxpilot_server_streams',
    'Live streams of a server.',
    ['server'],
    byServer(({ streams }) => streams),
  );
  gauge(
    'mtxpilot_server_readers',
    'Readers of a server by RTSP, RTMP, SRT, WebRTC and other ways than HLS, as it counts them.',
    ['server'],
    byServer(({ readers }) => readers),
  );
  gauge(
    'mtxpilot_inventory_age_seconds',
    "Age of the list of a server's streams that is in use. It grows while its Control API fails; no sample when there is none.",
    ['server'],
    byServer(({ api }) => (api.inventoryAgeMs === undefined ? undefined : api.inventoryAgeMs / 1000)),
  );
  gauge(
    'mtxpilot_api_up',
    "1 when a server's Control API answered the last question for its list, else 0.",
    ['server'],
    byServer(({ api }) => (api.health === 'ok' ? 1 : 0)),
  );
  counter(
    'mtxpilot_api_calls_total',
    'Calls to the Control APIs by how they ended. not_found is an answer; the others but ok are failures. A result appears when it has happened.',
    ['server', 'call', 'result'],
    (set) => {
      for (const [server, { outcomes }] of directory?.stats.apiCalls ?? []) {
        for (const [call, results] of Object.entries(outcomes)) {
          // Always `ok`, so that a rate can be drawn from the start; all results of all servers would fill the page.
          for (const [result, count] of Object.entries({ ok: 0, ...results })) set({ server, call, result }, count);
        }
      }
    },
  );
  level(
    'mtxpilot_streams_in_conflict',
    'Streams with publishers on several servers now, unless they are replicated on purpose.',
    () => directory?.conflictCount,
  );
  total(
    'mtxpilot_stream_conflicts_total',
    'Times that a stream was found with publishers on several servers.',
    () => directory?.stats.conflicts,
  );
  total(
    'mtxpilot_streams_refused_total',
    'Listed streams that were not taken in because directory.maxStreams was reached, counted in every list.',
    () => directory?.stats.refusedStreams,
  );
  total(
    'mtxpilot_stream_names_ignored_total',
    'Listed names that no stream can have, counted in every list.',
    () => directory?.stats.ignoredNames,
  );

  // SPOE
  level('mtxpilot_spoe_open_connections', 'SPOE connections that are open now.', () => spoe?.stats.connectionsOpen);
  total(
    'mtxpilot_spoe_connections_total',
    "SPOE connections accepted, HAProxy's health checks included.",
    () => spoe?.stats.connectionsTotal,
  );
  total(
    'mtxpilot_spoe_connections_refused_total',
    'SPOE connections closed at once, because spoe.maxConnections were open.',
    () => spoe?.stats.connectionsRefused,
  );
  total('mtxpilot_spoe_healthchecks_total', 'Health checks by HAProxy.', () => spoe?.stats.healthchecks);
  counter(
    'mtxpilot_spoe_frames_total',
    'SPOE frames. direction=in: from HAProxy; type=other: skipped ones.',
    ['direction', 'type'],
    (set) => {
      if (spoe === undefined) return;
      for (const [type, count] of Object.entries(spoe.stats.framesIn))
        set({ direction: 'in', type: snake(type) }, count);
      for (const [type, count] of Object.entries(spoe.stats.framesOut))
        set({ direction: 'out', type: snake(type) }, count);
    },
  );
  counter(
    'mtxpilot_spoe_disconnects_total',
    'DISCONNECT frames by status; direction=out: sent by the agent. Everything but normal tells of an error.',
    ['direction', 'status'],
    (set) => {
      if (spoe === undefined) return;
      const { disconnectsReceived, disconnectsSent } = spoe.stats;
      for (const [status, count] of Object.entries(disconnectsReceived))
        set({ direction: 'in', status: snake(status) }, count);
      for (const [status, count] of Object.entries(disconnectsSent))
        set({ direction: 'out', status: snake(status) }, count);
    },
  );
  counter(
    'mtxpilot_spoe_errors_total',
    'Errors outside the protocol. kind=socket: a connection broke; unanswerable: a question without stream and session (does spoe.cfg fit?); decide_failure: a bug, see the log.',
    ['kind'],
    (set) => {
      if (spoe === undefined) return;
      const { socketErrors, unanswerable, decideFailures } = spoe.stats;
      set({ kind: 'socket' }, socketErrors);
      set({ kind: 'unanswerable' }, unanswerable);
      set({ kind: 'decide_failure' }, decideFailures);
    },
  );

  // HTTP
  counter(
    'mtxpilot_http_requests_total',
    'HTTP requests by endpoint and status code; path=other: anything that is no endpoint.',
    ['path', 'code'],
    (set) => {
      for (const [path, byStatus] of http?.stats.answers ?? []) {
        for (const [code, count] of byStatus) set({ path, code }, count);
      }
    },
  );
  level('mtxpilot_http_open_connections', 'HTTP connections that are open now.', () => http?.stats.connectionsOpen);
  total('mtxpilot_http_connections_total', 'HTTP connections accepted.', () => http?.stats.connectionsTotal);
  total(
    'mtxpilot_http_connections_refused_total',
    'HTTP connections closed at once, because too many were open.',
    () => http?.stats.connectionsRefused,
  );
  counter(
    'mtxpilot_changes_total',
    'Changes that operators asked for. result=done: carried out; failed: not possible as asked; refused: not allowed to change anything.',
    ['result'],
    (set) => {
      for (const [result, count] of Object.entries(http?.stats.changes ?? {})) set({ result }, count);
    },
  );
  counter(
    'mtxpilot_hook_reports_total',
    "Reports of MediaMTX's hooks and authentication. result=asked: the servers were asked; ignored: not about a publisher; dropped: too many at once.",
    ['result'],
    (set) => {
      if (http === undefined) return;
      const { passedOn, ignored, dropped } = http.stats.reports;
      set({ result: 'asked' }, passedOn);
      set({ result: 'ignored' }, ignored);
      set({ result: 'dropped' }, dropped);
    },
  );
  level(
    'mtxpilot_event_streams_open',
    'Clients that follow events over HTTP now.',
    () => http?.stats.eventStreams.open,
  );
  total(
    'mtxpilot_event_streams_cut_total',
    'Clients that followed events and were cut, because they did not read them.',
    () => http?.stats.eventStreams.cut,
  );

  // Viewers
  level('mtxpilot_viewers', 'Viewers now, over all HAProxys.', () => watch?.viewers.total().viewers);
  gauge(
    'mtxpilot_server_viewers',
    'Viewers whose session is bound to a server.',
    ['server'],
    byServer(({ name }) => watch && (watch.viewers.server(name)?.viewers ?? 0)),
  );
  total(
    'mtxpilot_viewer_joins_total',
    'Viewers that came; who returns after viewers.goneAfter counts again.',
    () => watch?.viewers.stats.joins,
  );
  total(
    'mtxpilot_viewer_leaves_total',
    'Viewers that went: not seen for viewers.goneAfter.',
    () => watch?.viewers.stats.leaves,
  );
  counter(
    'mtxpilot_viewer_moves_total',
    'Viewers that went on elsewhere. to=server: bound to another server; haproxy: over another HAProxy.',
    ['to'],
    (set) => {
      if (watch === undefined) return;
      set({ to: 'server' }, watch.viewers.stats.serverMoves);
      set({ to: 'haproxy' }, watch.viewers.stats.nodeMoves);
    },
  );
  counter(
    'mtxpilot_viewers_ignored_total',
    "Entries of HAProxy's table that were not taken in. reason=strange: not the key of a viewer; full: too many viewers.",
    ['reason'],
    (set) => {
      if (watch === undefined) return;
      set({ reason: 'strange' }, watch.viewers.stats.strangeKeys);
      set({ reason: 'full' }, watch.viewers.stats.overflow);
    },
  );
  counter(
    'mtxpilot_table_polls_total',
    "Times that HAProxy's table of sessions was read (peers.listen: off), by result.",
    ['result'],
    (set) => {
      const polls = watch?.polls ?? [];
      if (polls.length === 0) return;
      const sum = (read: (stats: TablePoll['stats']) => number) =>
        polls.reduce((all, { stats }) => all + read(stats), 0);
      set(
        { result: 'ok' },
        sum((stats) => stats.polls - stats.failures),
      );
      set(
        { result: 'failed' },
        sum((stats) => stats.failures),
      );
    },
  );

  // Peers
  const peers = () => watch?.peers?.stats;
  level(
    'mtxpilot_peers_nodes',
    'HAProxys whose tables are known and whose touches come as they happen.',
    () => peers()?.nodesUp,
  );
  level('mtxpilot_peers_open_connections', 'Peers connections that are open now.', () => peers()?.connectionsOpen);
  total('mtxpilot_peers_connections_total', 'Peers connections accepted.', () => peers()?.connectionsTotal);
  counter(
    'mtxpilot_peers_updates_total',
    "Updates of HAProxy's tables. kind=live: used just now; dump, backlog: told after a connect; stale: from a process that another has replaced.",
    ['kind'],
    (set) => {
      for (const [kind, count] of Object.entries(peers()?.updates ?? {})) set({ kind }, count);
    },
  );
  counter(
    'mtxpilot_peers_dumps_total',
    'Dumps of all tables by HAProxy. result=partial: it was not in sync itself, and is asked again.',
    ['result'],
    (set) => {
      for (const [result, count] of Object.entries(peers()?.dumps ?? {})) set({ result }, count);
    },
  );
  total(
    'mtxpilot_peers_resyncs_total',
    'Times that HAProxy asked the agent for tables and was answered.',
    () => peers()?.resyncsAnswered,
  );
  counter(
    'mtxpilot_peers_closed_total',
    'Peers connections that the agent closed, by reason. refused: too many; bad_hello: whoever it was did not greet as HAProxy does.',
    ['reason'],
    (set) => {
      const stats = peers();
      if (stats === undefined) return;
      for (const [reason, count] of Object.entries(stats.closed)) set({ reason: snake(reason) }, count);
      set({ reason: 'refused' }, stats.connectionsRefused);
      set({ reason: 'bad_hello' }, stats.badHellos);
    },
  );

  // HAProxy
  total('mtxpilot_haproxy_polls_total', 'Times that HAProxy was asked for its servers.', () => observer?.stats.polls);
  total(
    'mtxpilot_haproxy_poll_failures_total',
    'Times that HAProxy did not answer with what was asked; the last known servers stay in use.',
    () => observer?.stats.failures,
  );
  total(
    'mtxpilot_haproxy_reloads_total',
    'Times that another HAProxy process than before answered.',
    () => observer?.stats.reloads,
  );
  total(
    'mtxpilot_haproxy_fleet_changes_total',
    "Changes of HAProxy's servers: their addresses, states or number.",
    () => observer?.stats.changes,
  );

  gauge(
    'mtxpilot_haproxy_up',
    '1 when a HAProxy answered the last time that it was asked for its servers, else 0.',
    ['node'],
    (set) => {
      for (const [node, { isUp }] of control?.stats.nodes ?? []) set({ node }, isUp ? 1 : 0);
    },
  );
  total(
    'mtxpilot_haproxy_requests_total',
    'Requests that HAProxy passed on to the servers, by its own counters; 0 where it cannot be asked.',
    () => load?.requests(),
  );

  // Control
  counter(
    'mtxpilot_control_commands_total',
    'Commands given to HAProxy. command=set_state, set_weight: of a server; clear_entries: forget the sessions and streams of a server in maintenance. result=failed: without a good answer, HAProxy is looked at again.',
    ['node', 'command', 'result'],
    (set) => {
      for (const [node, { commands }] of control?.stats.nodes ?? []) {
        for (const [command, { done, failed }] of Object.entries(commands)) {
          set({ node, command: snake(command), result: 'done' }, done);
          set({ node, command: snake(command), result: 'failed' }, failed);
        }
      }
    },
  );
  counter(
    'mtxpilot_control_actions_total',
    'States and weights set in HAProxy, by why. reason=intent: an operator; deadline: of a drain; api_suspect, api_recovered: control.onApiFailure; load: control.weights; undo: what is no longer wanted.',
    ['reason'],
    (set) => {
      for (const [reason, count] of Object.entries(control?.stats.actions ?? {})) set({ reason: snake(reason) }, count);
    },
  );
  total(
    'mtxpilot_control_guard_holds_total',
    'Times that a server was not drained although its Control API fails, because half of the servers were out already.',
    () => control?.stats.guardHolds,
  );
  level(
    'mtxpilot_control_held_back_servers',
    'Servers that the guard keeps from being drained now.',
    () => control?.stats.heldBack,
  );
  level(
    'mtxpilot_control_external_servers',
    'Servers whose state somebody else set in HAProxy, which is left alone.',
    () => control?.stats.external,
  );

  // Routes
  const byNode = (read: (push: Pick<RoutePush, 'stats' | 'view'>) => number): Read => {
    return (set) => {
      for (const push of pushes) set({ node: push.view().node }, read(push));
    };
  };
  gauge(
    'mtxpilot_routes',
    'Entries of routes.map in HAProxy.',
    ['node'],
    byNode((push) => push.view().entries),
  );
  gauge(
    'mtxpilot_routes_waiting',
    'Changes of routes.map that wait to be sent, or are under way.',
    ['node'],
    byNode((push) => push.view().waiting),
  );
  gauge(
    'mtxpilot_routes_refused',
    '1 while HAProxy has no routes.map, cannot be reached or refuses what is sent: it asks the agent instead, and it is tried again.',
    ['node'],
    byNode((push) => (push.view().state === 'refused' ? 1 : 0)),
  );
  counter(
    'mtxpilot_route_changes_total',
    'Entries of routes.map that were sent. change=added, changed, removed; repaired: of these, because they were not as they had been left.',
    ['node', 'change'],
    (set) => {
      for (const { stats, view } of pushes) {
        const { added, changed, removed, repaired } = stats;
        for (const [change, count] of Object.entries({ added, changed, removed, repaired }))
          set({ node: view().node, change }, count);
      }
    },
  );
  counter(
    'mtxpilot_route_map_operations_total',
    'What was done with routes.map as a whole. operation=replace: all entries at once; read: read back; overflow: more changes at once than are kept, so all were compared; failure: a command had no good answer.',
    ['node', 'operation'],
    (set) => {
      for (const { stats, view } of pushes) {
        const { replacements: replace, reads: read, overflows: overflow, failures: failure } = stats;
        for (const [operation, count] of Object.entries({ replace, read, overflow, failure }))
          set({ node: view().node, operation }, count);
      }
    },
  );
  counter(
    'mtxpilot_route_memories_cleared_total',
    'Entries of the table streams that were cleared because their stream had moved.',
    ['node'],
    byNode(({ stats }) => stats.cleared),
  );

  // Events
  counter('mtxpilot_events_total', 'Events that happened, by type.', ['type'], (set) => {
    for (const [type, count] of Object.entries(events?.log.byType ?? {})) set({ type }, count);
  });
  level('mtxpilot_store_up', '1 while the store answers.', () => (kept?.store.isUp === true ? 1 : 0));
  level(
    'mtxpilot_leader',
    'Of the agents that share a store, one is the leader (1): it tells and delivers events. An agent alone is always.',
    () => (kept?.lease.isHeld === true ? 1 : 0),
  );
  total(
    'mtxpilot_leader_changes_total',
    'Times that this agent became the leader, or ceased to be.',
    () => kept?.lease.changes,
  );
  level('mtxpilot_events_waiting', 'Events that are not in the store yet.', () => events?.log.waiting);
  total(
    'mtxpilot_events_lost_total',
    'Events that are in no log: too many waited for a store that failed, or they were too large.',
    () => events?.log.dropped,
  );
  total(
    'mtxpilot_event_log_failures_total',
    'Times that the store could not keep events; it is tried again.',
    () => events?.log.failures,
  );
  level('mtxpilot_event_log_events', 'Events that are kept.', () => events?.log.kept);
  level(
    'mtxpilot_stream_events_pending',
    'Streams of which something is told unless it passes (events.endGrace), or when there is time.',
    () => events?.streams.pending,
  );
  level(
    'mtxpilot_streams_watched',
    'Streams that are watched, as the events tell.',
    () => events?.audience.stats?.watched,
  );
  total(
    'mtxpilot_viewers_not_told_total',
    'Viewers that joined or left without an event (events.viewers: true), because the log had too much to do.',
    () => events?.audience.stats?.viewersNotTold,
  );

  // Webhooks
  const byWebhook = (read: (stats: CourierStats) => number): Read => {
    return (set) => {
      for (const [webhook, stats] of events?.delivery.stats ?? []) set({ webhook }, read(stats));
    };
  };
  counter(
    'mtxpilot_deliveries_total',
    'Attempts to deliver an event. result=ok: the receiver took it; gone (410), bad_status, timeout, tls, unreachable: it is tried again.',
    ['webhook', 'result'],
    (set) => {
      for (const [webhook, { attempts }] of events?.delivery.stats ?? []) {
        for (const [result, count] of Object.entries(attempts)) set({ webhook, result }, count);
      }
    },
  );
  gauge(
    'mtxpilot_outbox_events',
    'Events that a receiver has yet to get.',
    ['webhook'],
    byWebhook(({ depth }) => depth),
  );
  gauge(
    'mtxpilot_outbox_age_seconds',
    'Age of the oldest event that a receiver has yet to get.',
    ['webhook'],
    byWebhook(({ oldestAgeMs }) => oldestAgeMs / 1000),
  );
  gauge(
    'mtxpilot_webhook_open',
    '1 while nothing is sent to a receiver: it failed several times in a row, or said that it is gone.',
    ['webhook'],
    byWebhook(({ circuit, isDisabled }) => (isDisabled || circuit !== 'closed' ? 1 : 0)),
  );
  counter(
    'mtxpilot_dead_letters_total',
    'Events that were given up after events.webhooks.NAME.giveUpAfter and laid among the dead letters.',
    ['webhook'],
    byWebhook(({ deadLetters }) => deadLetters),
  );
  counter(
    'mtxpilot_outbox_overtaken_total',
    'Times that events were removed from the log (events.keep) before a receiver had got them.',
    ['webhook'],
    byWebhook(({ overtaken }) => overtaken),
  );

  const histograms: readonly ForeignHistogram[] = [
    {
      name: 'mtxpilot_decision_duration_seconds',
      help: 'Time from the arrival of a question to its answer, waiting for lookups included.',
      label: 'bridge',
      rows: () => bridges().map(({ bridge, decisions }) => [bridge, decisions.time]),
    },
    {
      name: 'mtxpilot_api_call_duration_seconds',
      help: 'Time of calls to the Control APIs, failed ones included.',
      label: 'server',
      rows: () => [...(directory?.stats.apiCalls ?? [])].map(([server, { time }]) => [server, time]),
    },
    {
      name: 'mtxpilot_delivery_duration_seconds',
      help: 'Time of attempts to deliver an event, failed ones included.',
      label: 'webhook',
      rows: () => [...(events?.delivery.stats ?? [])].map(([webhook, { time }]) => [webhook, time]),
    },
    {
      name: 'mtxpilot_event_lag_seconds',
      help: 'Time from an event to its delivery.',
      label: 'webhook',
      rows: () => [...(events?.delivery.stats ?? [])].map(([webhook, { lag }]) => [webhook, lag]),
    },
  ];

  addProcess(register, gauge, level);

  return {
    addSpoe: (source) => {
      spoe = source;
    },
    addHttp: (source) => {
      http = source;
    },
    addDirectory: (source) => {
      directory = source;
    },
    addObserver: (source) => {
      observer = source;
    },
    addEvents: (source) => {
      events = source;
    },
    addViewers: (source) => {
      watch = source;
    },
    addStore: (source) => {
      kept = source;
    },
    addLoad: (source) => {
      load = source;
    },
    addRoutePushes: (sources) => {
      pushes = sources;
    },
    addControl: (source) => {
      control = source;
      observer = {
        get stats() {
          return source.stats.observer;
        },
      };
    },
    render: async () => ({
      contentType: register.contentType,
      body: [await register.metrics(), ...histograms.map(histogramText)].join('\n'),
    }),
    list: () => [
      ...register.getMetricsAsArray().map(describe),
      ...histograms.map(({ name, help, label }) => ({ name, type: 'histogram', help, labels: [label] })),
    ],
  };
}

/** The process: its version, how late its event loop runs, and what prom-client tells of any Node.js process. */
function addProcess(
  register: Registry,
  gauge: (name: string, help: string, labelNames: string[], read: Read) => void,
  level: (name: string, help: string, read: () => number) => void,
): void {
  gauge('mtxpilot_build_info', 'Always 1; the labels tell what runs.', ['version', 'node_version'], (set) => {
    set({ version, node_version: process.version }, 1);
  });
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: 1000 });
  // Of these, the lags contain the period of their own timer, and the others are gauges that are named like counters.
  for (const { name } of register.getMetricsAsArray()) {
    if (/^nodejs_(eventloop_lag|active_.*_total$)/.test(name)) register.removeSingleMetric(name);
  }
  const delay = monitorEventLoopDelay({ resolution: eventLoopResolutionMs });
  delay.enable();
  // The recorded time between two firings of a timer holds its period.
  const lagSeconds = (ns: number): number =>
    delay.count === 0 ? 0 : Math.max(0, ns / 1e6 - eventLoopResolutionMs) / 1000;
  level(
    'mtxpilot_event_loop_lag_p99_seconds',
    'How late the event loop ran, 99th percentile since the last scrape. Near the lookup deadline: the process needs more CPU.',
    () => lagSeconds(delay.percentile(99)),
  );
  level('mtxpilot_event_loop_lag_max_seconds', 'How late the event loop ran at most since the last scrape.', () => {
    const lag = lagSeconds(delay.max);
    delay.reset();
    return lag;
  });
}

/** prom-client's types leave out the names of the labels. */
function describe(metric: { name: string; help: string; type: unknown; labelNames?: unknown }): MetricDescription {
  const { name, help, type, labelNames } = metric;
  return { name, type: String(type), help, labels: Array.isArray(labelNames) ? labelNames.map(String) : [] };
}

/** A histogram that was counted elsewhere, which prom-client cannot take over. */
interface ForeignHistogram {
  readonly name: string;
  readonly help: string;
  readonly label: string;
  readonly rows: () => (readonly [labelValue: string, time: TimeHistogram])[];
}

/** As the text format has it. */
function histogramText({ name, help, label, rows }: ForeignHistogram): string {
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`];
  for (const [value, { upperBoundsSeconds, counts, sumSeconds }] of rows()) {
    const labels = `${label}="${value.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`;
    let below = 0;
    for (const [i, count] of counts.entries()) {
      below += count;
      lines.push(`${name}_bucket{${labels},le="${upperBoundsSeconds[i] ?? '+Inf'}"} ${below}`);
    }
    lines.push(`${name}_sum{${labels}} ${sumSeconds}`, `${name}_count{${labels}} ${below}`);
  }
  return `${lines.join('\n')}\n`;
}

/** `agentHello` and `io-error` as label values are written: `agent_hello`, `io_error`. */
function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replaceAll('-', '_');
}
