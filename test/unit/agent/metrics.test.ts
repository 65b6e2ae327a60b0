import { loadMetrics } from '../../../src/agent/haproxy-load';
import { createMetrics } from '../../../src/agent/metrics';
import { createApiStats } from '../../../src/api/api-stats';
import { controlMetrics, routeMetrics } from '../../../src/control';
import { directoryMetrics, lookupMetrics } from '../../../src/directory';
import { httpMetrics } from '../../../src/http';
import { countAnswer } from '../../../src/http/http-stats';
import { type Collector, createTimeHistogram, type MetricsPage, observeSeconds } from '../../../src/measure';
import { controlApiMetrics } from '../../../src/mediamtx';
import { peersMetrics } from '../../../src/peers';
import { createPeersStats } from '../../../src/peers/stats';
import { decisionMetrics } from '../../../src/router';
import { countDecision } from '../../../src/router/decision-stats';
import { spoeMetrics } from '../../../src/spoe';
import { createSpoeStats } from '../../../src/spoe/stats';
import { createViewers, viewerMetrics } from '../../../src/viewers';
import { longestTurnMs } from '../../support/longest-turn';
import { until } from '../../support/until';
import { serverView } from '../api/lab';

type SourceOf<C> = C extends Collector<infer Source> ? Source : never;
type DirectorySource = SourceOf<typeof directoryMetrics>;

interface Family {
  readonly help: string;
  readonly type: string;
  /** By the sample's name and labels as they were written. */
  readonly samples: Map<string, number>;
}

/** Reads the text format 0.0.4 and refuses what a scraper would refuse. */
function parse(body: string): Map<string, Family> {
  const families = new Map<string, Family>();
  const helps = new Map<string, string>();
  for (const line of body.split('\n')) {
    if (line === '') continue;
    const help = /^# HELP (\S+) (.+)$/.exec(line);
    if (help !== null) {
      expect(helps.has(help[1] ?? '')).toBe(false);
      helps.set(help[1] ?? '', help[2] ?? '');
      continue;
    }
    const type = /^# TYPE (\S+) (counter|gauge|histogram|summary)$/.exec(line);
    if (type !== null) {
      const name = type[1] ?? '';
      families.set(name, { help: helps.get(name) ?? '', type: type[2] ?? '', samples: new Map() });
      continue;
    }
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (\S+)$/.exec(line);
    if (sample === null) throw new Error(`not a sample: ${line}`);
    const [, name = '', labels = '', value = ''] = sample;
    const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''));
    if (family === undefined || family.samples.has(name + labels)) throw new Error(`orphan or duplicate: ${line}`);
    family.samples.set(name + labels, Number(value));
  }
  return families;
}

function directory(): DirectorySource {
  const time = createTimeHistogram([0.001, 0.01, 0.1]);
  observeSeconds(time, 0.0005, 2);
  observeSeconds(time, 0.01);
  observeSeconds(time, 5);
  const outcomes = {
    'paths/list': { ok: 7, timeout: 2 },
    'paths/get': { not_found: 1 },
    'config/paths/list': {},
    info: {},
  };
  return {
    hasEvidence: () => true,
    streamCount: 12,
    conflictCount: 1,
    lookupsKept: 9,
    pathsKept: 9,
    servers: () => [
      serverView('mtx1', { inventoryAgeMs: 1500 }),
      serverView('we"ird\\\nname', { health: 'suspect', inventoryAgeMs: undefined }),
    ],
    stats: {
      lookups: { hit: 1, miss: 2, error: 3, deadline: 4, overBudget: 5, shared: 6, cached: 7, stale: 8, waiting: 9 },
      apiCalls: new Map([
        ['mtx1', { outcomes, time }],
        [
          'we"ird\\\nname',
          { outcomes: { 'paths/list': { unreachable: 4 }, 'paths/get': {}, 'config/paths/list': {}, info: {} }, time },
        ],
      ]),
      conflicts: 3,
      staleAnswers: 4,
      refusedStreams: 5,
      ignoredNames: 6,
    },
  };
}

function readDirectory(metrics: MetricsPage, source: DirectorySource): void {
  metrics.read(lookupMetrics, source);
  metrics.read(directoryMetrics, source);
  metrics.read(controlApiMetrics, source.stats.apiCalls);
}

async function render(metrics: MetricsPage): Promise<(sample: string) => number | undefined> {
  const families = parse((await metrics.render()).body);
  const samples = new Map([...families.values()].flatMap((family) => [...family.samples]));
  return (sample) => samples.get(sample);
}

describe('the page', () => {
  it('renders without any source, and is of the type that scrapers expect', async () => {
    const { contentType, body } = await createMetrics().render();
    expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
    const families = parse(body);
    expect(families.get('mtxpilot_streams')?.samples.get('mtxpilot_streams')).toBe(0);
    expect(families.get('mtxpilot_decisions_total')?.samples.size).toBe(0);
  });

  it('has conventional names and units, and tells what each metric means', async () => {
    const metrics = createMetrics();
    readDirectory(metrics, directory());
    metrics.read(spoeMetrics, { stats: createSpoeStats() });
    metrics.read(httpMetrics, { stats: createApiStats() });
    const families = parse((await metrics.render()).body);
    const own = [...families].filter(([name]) => name.startsWith('mtxpilot_'));
    expect(own.length).toBeGreaterThan(35);
    for (const [name, { help, type }] of own) {
      expect(name).toMatch(/^[a-z]+(_[a-z0-9]+)+$/);
      expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
      expect(name).not.toMatch(/_(ms|milliseconds|kb|megabytes|count)(_|$)/);
      expect([name, help.length > 20, help.endsWith('.')]).toEqual([name, true, true]);
    }
    for (const [name, { type }] of families)
      if (name.endsWith('_total')) expect([name, type]).toEqual([name, 'counter']);
    expect(families.has('process_cpu_seconds_total')).toBe(true);
    expect(families.has('process_resident_memory_bytes')).toBe(true);
    expect([...families.keys()].filter((name) => name.includes('eventloop_lag'))).toEqual([]);
  });

  it('of 500 servers is written in turns that are short enough for decisions to go between', async () => {
    const metrics = createMetrics();
    const one = directory();
    const names = Array.from({ length: 500 }, (_, i) => `mtx${i}`);
    const outcomes = { 'paths/list': { ok: 7 }, 'paths/get': {}, 'config/paths/list': {}, info: {} };
    const time = createTimeHistogram([0.001, 0.01, 0.1, 0.5, 1, 5]);
    readDirectory(metrics, {
      ...one,
      servers: () => names.map((name) => serverView(name, { inventoryAgeMs: 1500 })),
      stats: { ...one.stats, apiCalls: new Map(names.map((name) => [name, { outcomes, time }])) },
    });
    let body = '';
    const longest = await longestTurnMs(async () => {
      ({ body } = await metrics.render());
    }, 20);
    expect(longest).toBeLessThan(20);
    expect(parse(body).get('mtxpilot_api_calls_total')?.samples.size).toBe(2000);
  });

  it('has labels of fixed sets and of servers only', async () => {
    const metrics = createMetrics();
    readDirectory(metrics, directory());
    metrics.read(spoeMetrics, { stats: createSpoeStats() });
    const http = createApiStats();
    countAnswer(http, '/v1/route', 200);
    metrics.read(httpMetrics, { stats: http });
    metrics.read(decisionMetrics, [{ name: 'http', decisions: http.decisions, waiting: () => 0 }]);
    const { body } = await metrics.render();
    const labels = new Set(
      [...body.matchAll(/^mtxpilot_.*\{(.*)\}/gm)].flatMap(([, inner = '']) =>
        [...inner.matchAll(/(\w+)="/g)].map(([, name]) => name),
      ),
    );
    expect([...labels].sort()).toEqual([
      'age',
      'bridge',
      'call',
      'code',
      'direction',
      'kind',
      'le',
      'node_version',
      'path',
      'result',
      'server',
      'state',
      'status',
      'type',
      'version',
    ]);
  });
});

describe('the sources', () => {
  it('decisions come by bridge and state, with their times', async () => {
    const metrics = createMetrics();
    const spoe = createSpoeStats();
    const http = createApiStats();
    metrics.read(decisionMetrics, [
      { name: 'spoe', decisions: spoe.decisions, waiting: () => spoe.waiting },
      { name: 'http', decisions: http.decisions, waiting: () => http.waitingRequests },
    ]);
    countDecision(spoe.decisions, 'located', 0.00002);
    countDecision(spoe.decisions, 'placed', 0.03);
    countDecision(spoe.decisions, 'unknown', 7);
    countDecision(http.decisions, 'located', 0.00001);
    spoe.waiting = 3;
    http.waitingRequests = 4;
    const sample = await render(metrics);
    expect(sample('mtxpilot_decisions_total{bridge="spoe",state="located"}')).toBe(1);
    expect(sample('mtxpilot_decisions_total{bridge="spoe",state="placed"}')).toBe(1);
    expect(sample('mtxpilot_decisions_total{bridge="http",state="located"}')).toBe(1);
    expect(sample('mtxpilot_decisions_total{bridge="http",state="unknown"}')).toBe(0);
    const bucket = (bridge: string, le: string) =>
      sample(`mtxpilot_decision_duration_seconds_bucket{bridge="${bridge}",le="${le}"}`);
    expect(['0.00001', '0.000025', '0.025', '0.05', '1', '+Inf'].map((le) => bucket('spoe', le))).toEqual([
      0, 1, 1, 2, 2, 3,
    ]);
    expect(bucket('http', '0.00001')).toBe(1);
    expect(sample('mtxpilot_decision_duration_seconds_count{bridge="spoe"}')).toBe(3);
    expect(sample('mtxpilot_decision_duration_seconds_sum{bridge="spoe"}')).toBeCloseTo(7.03002);
    expect(sample('mtxpilot_decisions_waiting{bridge="spoe"}')).toBe(3);
    expect(sample('mtxpilot_decisions_waiting{bridge="http"}')).toBe(4);
  });

  it('counters are read at each scrape, and never added up', async () => {
    const metrics = createMetrics();
    const spoe = createSpoeStats();
    metrics.read(decisionMetrics, [{ name: 'spoe', decisions: spoe.decisions, waiting: () => spoe.waiting }]);
    countDecision(spoe.decisions, 'located', 0.001);
    await metrics.render();
    countDecision(spoe.decisions, 'located', 0.001);
    const sample = await render(metrics);
    expect(sample('mtxpilot_decisions_total{bridge="spoe",state="located"}')).toBe(2);
    expect(sample('mtxpilot_decision_duration_seconds_count{bridge="spoe"}')).toBe(2);
  });

  it('viewers by server of the fleet, and the link over which they are known', async () => {
    const metrics = createMetrics();
    readDirectory(metrics, directory());
    const viewers = createViewers({ goneAfterMs: 10_000, showAddresses: false, nowMs: 0 });
    const see = (key: string, node: string, serverName: string) =>
      viewers.see({ key, node, serverName, idleMs: 0, live: true, bytesOut: undefined }, 0);
    see('live/a|s1', 'lb1', 'mtx1');
    see('live/a|s2', 'lb1', 'mtx1');
    see('live/a|s3', 'lb1', 'not-of-the-fleet');
    see('live/a|s3', 'lb1', 'mtx1');
    see('nobody', 'lb1', 'mtx1');
    const stats = createPeersStats();
    stats.updates.live = 5;
    stats.closed['dump-timeout'] = 2;
    stats.badHellos = 3;
    const fleet = () => directory().servers();
    metrics.read(viewerMetrics, { viewers, polls: [], servers: fleet });
    metrics.read(peersMetrics, { stats });
    const sample = await render(metrics);
    expect(sample('mtxpilot_viewers')).toBe(3);
    expect(sample('mtxpilot_server_viewers{server="mtx1"}')).toBe(3);
    expect(sample('mtxpilot_viewer_joins_total')).toBe(3);
    expect(sample('mtxpilot_viewer_moves_total{to="server"}')).toBe(1);
    expect(sample('mtxpilot_viewers_ignored_total{reason="strange"}')).toBe(1);
    expect(sample('mtxpilot_peers_updates_total{kind="live"}')).toBe(5);
    expect(sample('mtxpilot_peers_closed_total{reason="dump_timeout"}')).toBe(2);
    expect(sample('mtxpilot_peers_closed_total{reason="bad_hello"}')).toBe(3);
    expect((await metrics.render()).body).not.toMatch(/not-of-the-fleet|live\/a|mtxpilot_table_polls_total\{/);
    const byPolls = createMetrics();
    byPolls.read(viewerMetrics, { viewers, polls: [{ stats: { polls: 9, failures: 2 } }], servers: fleet });
    const polled = await render(byPolls);
    expect(polled('mtxpilot_table_polls_total{result="ok"}')).toBe(7);
    expect(polled('mtxpilot_table_polls_total{result="failed"}')).toBe(2);
    expect(polled('mtxpilot_peers_nodes')).toBe(0);
  });

  it('lookups, streams and servers', async () => {
    const metrics = createMetrics();
    readDirectory(metrics, directory());
    const sample = await render(metrics);
    const results = ['hit', 'miss', 'error', 'over_budget'].map((result) =>
      sample(`mtxpilot_lookups_total{result="${result}"}`),
    );
    expect(results).toEqual([1, 2, 3, 5]);
    expect(sample('mtxpilot_lookup_deadlines_total')).toBe(4);
    expect(sample('mtxpilot_lookup_shares_total')).toBe(6);
    expect(sample('mtxpilot_lookup_cache_answers_total{age="fresh"}')).toBe(7);
    expect(sample('mtxpilot_lookup_cache_answers_total{age="stale"}')).toBe(8);
    expect(sample('mtxpilot_lookup_cache_entries')).toBe(9);
    expect(sample('mtxpilot_lookups_waiting')).toBe(9);
    expect(sample('mtxpilot_streams')).toBe(12);
    expect(sample('mtxpilot_servers')).toBe(2);
    expect(sample('mtxpilot_streams_in_conflict')).toBe(1);
    expect(sample('mtxpilot_stream_conflicts_total')).toBe(3);
    expect(sample('mtxpilot_stale_answers_total')).toBe(4);
    expect(sample('mtxpilot_streams_refused_total')).toBe(5);
    expect(sample('mtxpilot_stream_names_ignored_total')).toBe(6);
    expect(sample('mtxpilot_server_streams{server="mtx1"}')).toBe(1);
    expect(sample('mtxpilot_server_readers{server="mtx1"}')).toBe(2);
    expect(sample('mtxpilot_inventory_age_seconds{server="mtx1"}')).toBe(1.5);
    expect(sample('mtxpilot_api_up{server="mtx1"}')).toBe(1);
  });

  it('calls by server, call and result, and their time', async () => {
    const metrics = createMetrics();
    readDirectory(metrics, directory());
    const sample = await render(metrics);
    const calls = (labels: string) => sample(`mtxpilot_api_calls_total{server="mtx1",${labels}}`);
    expect(calls('call="paths/list",result="ok"')).toBe(7);
    expect(calls('call="paths/list",result="timeout"')).toBe(2);
    expect(calls('call="paths/get",result="not_found"')).toBe(1);
    expect(calls('call="info",result="ok"')).toBe(0);
    const bucket = (le: string) => sample(`mtxpilot_api_call_duration_seconds_bucket{server="mtx1",le="${le}"}`);
    expect(['0.001', '0.01', '0.1', '+Inf'].map(bucket)).toEqual([2, 3, 3, 4]);
    expect(sample('mtxpilot_api_call_duration_seconds_sum{server="mtx1"}')).toBeCloseTo(5.011);
  });

  it("a server's name is escaped everywhere, and what is not known of it has no sample", async () => {
    const metrics = createMetrics();
    readDirectory(metrics, directory());
    const sample = await render(metrics);
    const name = 'we\\"ird\\\\\\nname';
    expect(sample(`mtxpilot_api_up{server="${name}"}`)).toBe(0);
    expect(sample(`mtxpilot_api_calls_total{server="${name}",call="paths/list",result="unreachable"}`)).toBe(4);
    expect(sample(`mtxpilot_api_call_duration_seconds_count{server="${name}"}`)).toBe(4);
    expect(sample(`mtxpilot_inventory_age_seconds{server="${name}"}`)).toBeUndefined();
  });

  it('a server that has left has no samples', async () => {
    const metrics = createMetrics();
    readDirectory(metrics, directory());
    await metrics.render();
    readDirectory(metrics, { ...directory(), servers: () => [], stats: { ...directory().stats, apiCalls: new Map() } });
    expect((await metrics.render()).body).not.toContain('mtx1');
  });

  it('SPOE connections, frames, disconnects and errors', async () => {
    const metrics = createMetrics();
    const stats = createSpoeStats();
    metrics.read(spoeMetrics, { stats });
    Object.assign(stats, { connectionsOpen: 2, connectionsTotal: 5, connectionsRefused: 1, healthchecks: 3 });
    Object.assign(stats, { socketErrors: 4, unanswerable: 6, decideFailures: 7 });
    stats.framesIn.notify = 100;
    stats.framesOut.ack = 99;
    stats.framesIn.haproxyHello = 5;
    stats.disconnectsSent['frame-too-big'] = 2;
    stats.disconnectsReceived.normal = 1;
    const sample = await render(metrics);
    expect(sample('mtxpilot_spoe_open_connections')).toBe(2);
    expect(sample('mtxpilot_spoe_connections_total')).toBe(5);
    expect(sample('mtxpilot_spoe_connections_refused_total')).toBe(1);
    expect(sample('mtxpilot_spoe_healthchecks_total')).toBe(3);
    expect(sample('mtxpilot_spoe_frames_total{direction="in",type="notify"}')).toBe(100);
    expect(sample('mtxpilot_spoe_frames_total{direction="in",type="haproxy_hello"}')).toBe(5);
    expect(sample('mtxpilot_spoe_frames_total{direction="out",type="ack"}')).toBe(99);
    expect(sample('mtxpilot_spoe_disconnects_total{direction="out",status="frame_too_big"}')).toBe(2);
    expect(sample('mtxpilot_spoe_disconnects_total{direction="in",status="normal"}')).toBe(1);
    const errors = ['socket', 'unanswerable', 'decide_failure'].map((kind) =>
      sample(`mtxpilot_spoe_errors_total{kind="${kind}"}`),
    );
    expect(errors).toEqual([4, 6, 7]);
  });

  it('HTTP requests and connections, HAProxy polls', async () => {
    const metrics = createMetrics();
    const stats = createApiStats();
    countAnswer(stats, '/v1/streams/{name}', 404);
    countAnswer(stats, '/v1/streams/{name}', 404);
    Object.assign(stats, { connectionsOpen: 1, connectionsTotal: 2, connectionsRefused: 3 });
    metrics.read(httpMetrics, { stats });
    const observer = { polls: 10, failures: 2, reloads: 1, changes: 3, isUp: true };
    const none = { intent: 0, deadline: 0, 'api-suspect': 0, 'api-recovered': 0, load: 0, undo: 0 };
    const control = {
      observer,
      nodes: new Map(),
      actions: none,
      guardHolds: 0,
      heldBack: 0,
      external: 0,
      emptySlots: 0,
    };
    metrics.read(controlMetrics, { stats: control });
    const sample = await render(metrics);
    expect(sample('mtxpilot_http_requests_total{path="/v1/streams/{name}",code="404"}')).toBe(2);
    expect(sample('mtxpilot_http_open_connections')).toBe(1);
    expect(sample('mtxpilot_http_connections_total')).toBe(2);
    expect(sample('mtxpilot_http_connections_refused_total')).toBe(3);
    expect(sample('mtxpilot_haproxy_polls_total')).toBe(10);
    expect(sample('mtxpilot_haproxy_poll_failures_total')).toBe(2);
    expect(sample('mtxpilot_haproxy_reloads_total')).toBe(1);
    expect(sample('mtxpilot_haproxy_fleet_changes_total')).toBe(3);
  });

  it('whether HAProxy, the servers and the agent are there', async () => {
    const metrics = createMetrics();
    const before = await render(metrics);
    expect(before('mtxpilot_ready')).toBe(0);
    expect(before('mtxpilot_haproxy_requests_total')).toBe(0);
    const server = serverView('mtx1');
    readDirectory(metrics, {
      ...directory(),
      hasEvidence: () => true,
      servers: () => [
        server,
        { ...server, name: 'mtx2', operational: 'DOWN', administrative: 'drain' },
        { ...server, name: 'mtx3', operational: 'UNKNOWN', administrative: 'maint' },
      ],
    });
    const observer = { polls: 1, failures: 0, reloads: 0, changes: 1, isUp: true };
    const counted = { done: 2, failed: 1 };
    const commands = { 'set-state': counted, 'set-weight': counted, 'clear-entries': counted };
    metrics.read(controlMetrics, {
      stats: {
        observer,
        nodes: new Map([
          ['edge-1', { ...observer, commands }],
          ['edge-2', { ...observer, isUp: false, commands }],
        ]),
        actions: { intent: 1, deadline: 2, 'api-suspect': 3, 'api-recovered': 4, load: 5, undo: 6 },
        guardHolds: 7,
        heldBack: 8,
        external: 9,
        emptySlots: 0,
      },
    });
    metrics.read(loadMetrics, { requests: () => 1234 });
    const sample = await render(metrics);
    expect(sample('mtxpilot_ready')).toBe(1);
    expect(sample('mtxpilot_haproxy_requests_total')).toBe(1234);
    expect(['edge-1', 'edge-2'].map((node) => sample(`mtxpilot_haproxy_up{node="${node}"}`))).toEqual([1, 0]);
    const up = ['mtx1', 'mtx2', 'mtx3'].map((name) => sample(`mtxpilot_server_up{server="${name}"}`));
    expect(up).toEqual([1, 0, undefined]);
    const states = ['mtx1', 'mtx2', 'mtx3'].map((name) =>
      ['ready', 'drain', 'maint'].map((state) => sample(`mtxpilot_server_state{server="${name}",state="${state}"}`)),
    );
    expect(states).toEqual([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]);
    expect(sample('mtxpilot_control_commands_total{node="edge-1",command="set_state",result="failed"}')).toBe(1);
    expect(sample('mtxpilot_control_actions_total{reason="api_suspect"}')).toBe(3);
    expect(sample('mtxpilot_control_guard_holds_total')).toBe(7);
    expect(sample('mtxpilot_control_held_back_servers')).toBe(8);
    expect(sample('mtxpilot_control_external_servers')).toBe(9);
  });

  it('lists what it serves, with the labels that samples have', async () => {
    const metrics = createMetrics();
    readDirectory(metrics, directory());
    const families = parse((await metrics.render()).body);
    expect(
      metrics
        .list()
        .map(({ name }) => name)
        .sort(),
    ).toEqual([...families.keys()].sort());
    for (const { name, type, help, labels } of metrics.list()) {
      const family = families.get(name);
      expect({ name, type, help }).toEqual({ name, type: family?.type, help: family?.help });
      for (const sample of family?.samples.keys() ?? []) {
        const used = [...sample.matchAll(/[{,]([a-z_]+)=/g)]
          .map(([, label]) => label)
          .filter((label) => label !== 'le');
        for (const label of used) expect([name, ...labels]).toContain(label);
      }
    }
  });

  it('routes, by HAProxy', async () => {
    const metrics = createMetrics();
    const stats = {
      added: 5,
      changed: 2,
      removed: 1,
      replacements: 3,
      reads: 4,
      repaired: 6,
      failures: 7,
      overflows: 8,
      cleared: 9,
    };
    const view = { map: 'routes.map', file: 'routes.map', entries: 12, waiting: 3, error: undefined };
    metrics.read(routeMetrics, [
      { stats, view: () => ({ ...view, node: 'edge-1', state: 'right' }) },
      { stats, view: () => ({ ...view, node: 'edge-2', state: 'refused', entries: 0 }) },
    ]);
    const sample = await render(metrics);
    expect(sample('mtxpilot_routes{node="edge-1"}')).toBe(12);
    expect(sample('mtxpilot_routes{node="edge-2"}')).toBe(0);
    expect(sample('mtxpilot_routes_waiting{node="edge-1"}')).toBe(3);
    expect(sample('mtxpilot_routes_refused{node="edge-1"}')).toBe(0);
    expect(sample('mtxpilot_routes_refused{node="edge-2"}')).toBe(1);
    const changes = ['added', 'changed', 'removed', 'repaired'].map((change) =>
      sample(`mtxpilot_route_changes_total{node="edge-1",change="${change}"}`),
    );
    expect(changes).toEqual([5, 2, 1, 6]);
    const operations = ['replace', 'read', 'overflow', 'failure'].map((operation) =>
      sample(`mtxpilot_route_map_operations_total{node="edge-1",operation="${operation}"}`),
    );
    expect(operations).toEqual([3, 4, 8, 7]);
    expect(sample('mtxpilot_route_memories_cleared_total{node="edge-1"}')).toBe(9);
  });

  it('a blocked event loop shows as lag, once', async () => {
    const metrics = createMetrics();
    const lag = async () => (await render(metrics))('mtxpilot_event_loop_lag_max_seconds') ?? 0;
    const block = async () => {
      const end = performance.now() + 150;
      while (performance.now() < end);
      // The second one comes after the next look at the timers, where the monitor's late one fires.
      for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve));
    };
    await until('the lag', async () => {
      // After a scrape the monitor's first firing only sets its clock; the second is late by the second block.
      await block();
      await block();
      return (await lag()) > 0.1;
    });
    await until('the lag to be over', async () => (await lag()) < 0.1);
  });
});
