import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Loaded,
  loadSettings,
  printSettings,
  renderReference,
  settingKeys,
  writtenSettings,
} from '../../../src/config';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mtxpilot-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function load(yaml: string, env: NodeJS.ProcessEnv = {}): Loaded {
  const file = join(folder, 'mtxpilot.yaml');
  writeFileSync(file, yaml);
  const loaded = loadSettings({ file, env, flags: [] });
  if ('errors' in loaded) throw new Error(loaded.errors.join('\n'));
  return loaded;
}

const everything = `
spoe: {listen: off}
http: {listen: "[::1]:9101", hosts: [agent, "*.x.example"]}
servers: [{name: mtx1, address: "[::1]:8888"}, {name: mtx2, address: "h:8888", api: "http://h:1"}]
mediamtx:
  username: u
  password: geheim
  timeout: 1500ms
  servers:
    mtx.1: {api: "http://x", username: v, password: streng}
events:
  webhooks:
    billing: {url: "https://b.example/mtx?k=1", types: [stream.started, stream.ended], streams: "live/*", token: streng}
holders:
  - {match: "a/**", policy: spread}
store: {redis: "redis://10.0.0.5:6379", password: geheim}
`;

describe('printSettings', () => {
  it('shows every value as a person writes it, with the origin of what is no default, and no secret', () => {
    const { settings, origins } = load(everything, { MTXPILOT_LOG_LEVEL: 'warn' });
    expect(printSettings(settings, origins).replaceAll(folder, '.')).toBe(`spoe:
  listen: off # from ./mtxpilot.yaml:2
  maxConnections: 1000
http:
  listen: "[::1]:9101" # from ./mtxpilot.yaml:3
  # from ./mtxpilot.yaml:3
  hosts:
    - agent
    - "*.x.example"
  adminSocket: auto
haproxy:
  socket: /run/haproxy/admin.sock
  nodes: []
  backend: mtx
  relayBackend: mtx_relays
  interval: 1s
  map: routes.map
  bin: haproxy
control:
  onApiFailure: suspect
  weights: config
store:
  redis: redis://10.0.0.5:6379 # from ./mtxpilot.yaml:16
  password: (hidden) # from ./mtxpilot.yaml:16
  prefix: "mtxpilot:"
# from ./mtxpilot.yaml:4
servers:
  - name: mtx1
    address: "[::1]:8888"
  - name: mtx2
    address: h:8888
    api: http://h:1
mediamtx:
  api: http://{address}:9997
  username: u # from ./mtxpilot.yaml:6
  password: (hidden) # from ./mtxpilot.yaml:7
  timeout: 1500ms # from ./mtxpilot.yaml:8
  servers:
    mtx.1:
      api: http://x # from ./mtxpilot.yaml:10
      username: v # from ./mtxpilot.yaml:10
      password: (hidden) # from ./mtxpilot.yaml:10
directory:
  interval: 1s
  staleFor: 1m
  maxStreams: 500000
  suspectAfter: 3
lookup:
  deadline: 80ms
  ttl: 2s
  missTtl: 500ms
  budget: 100
peers:
  listen: 127.0.0.1:9102
  siblings: false
viewers:
  goneAfter: 10s
  addresses: false
check:
  atStart: true
events:
  endGrace: 3s
  unwatchedAfter: 5s
  viewers: false
  keep:
    count: 100000
    age: 168h
  webhooks:
    billing:
      url: https://b.example/mtx?k=1 # from ./mtxpilot.yaml:13
      # from ./mtxpilot.yaml:13
      types:
        - stream.started
        - stream.ended
      streams: live/* # from ./mtxpilot.yaml:13
      token: (hidden) # from ./mtxpilot.yaml:13
      timeout: 10s
      giveUpAfter: 24h
# from ./mtxpilot.yaml:14
holders:
  - match: a/**
    policy: spread
relay:
  listen: 127.0.0.1:8085
  hosts: []
  rootPath: /m3u-proxy
  userAgent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/115.0.0.0 Safari/537.36
  clientTimeout: 30s
  streamTimeout: 5m
  timeouts:
    connect: 3s
    headers: 5s
    stall: 4s
  retryAfterRunning: 30s
  nullPacketsAfter: 1s
  joinWithin: 2s
  share: client
  failback: idle
  standby: none
  cards:
    when: playing
    after: 2s
  streamMode: HLS
  hls:
    maxSegments: 20
    initialSegments: 3
    windowSize: 6
    bufferReadyTimeout: 30s
    firstSegmentTimeout: 30s
    initialBufferSeconds: 10
    maxInitialSegments: 10
    segmentFetchInterval: 0.5
  maxStreams: 10000
  maxClients: 2000
  allow: []
  trustedProxies:
    - 127.0.0.1
    - ::1
  accounts: {}
  templates: {}
  whenFull: next
  waitForSlot: 15s
  store:
    prefix: "mtxpilot-relay:"
log:
  level: warn # from MTXPILOT_LOG_LEVEL
`);
  });

  it('prints what can be read back to the same settings', () => {
    const first = load(everything.replace(/ *,? ?(password|token): \w+/g, ''));
    const second = load(printSettings(first.settings, first.origins));
    expect(second.settings).toEqual(first.settings);
  });

  it('shows the name of a password file instead of what is in it', () => {
    writeFileSync(join(folder, 'password'), 'geheim');
    const { settings, origins } = load(
      'mediamtx: {username: u, passwordFile: password, servers: {mtx1: {passwordFile: password}}}',
    );
    expect(settings.mediamtx.password).toBe('geheim');
    expect(printSettings(settings, origins)).not.toMatch(/geheim|hidden/);
    const hook = load('events: {webhooks: {a: {url: "http://x", tokenFile: password}}}');
    expect(hook.settings.events.webhooks['a']?.token).toBe('geheim');
    expect(printSettings(hook.settings, hook.origins)).not.toMatch(/geheim|hidden/);
    expect(writtenSettings(settings)['mediamtx']).toMatchObject({
      passwordFile: 'password',
      servers: { mtx1: { passwordFile: 'password' } },
    });
  });
});

describe('renderReference', () => {
  it('has a row for every key, with its default and variable', () => {
    const rows = renderReference().split('\n');
    for (const { key, variable } of settingKeys) {
      expect(rows.filter((row) => row.startsWith(`| \`${key}\` |`) && row.includes(`\`${variable}\``))).toHaveLength(1);
    }
    expect(rows).toContain(
      '| `lookup.missTtl` | duration | `1ms` to `1h` | `500ms` | `MTXPILOT_LOOKUP_MISS_TTL` | How long the result of a lookup counts when no server has the stream. |',
    );
  });

  it('says what is allowed, and of keys inside lists and maps what holds when they are left out', () => {
    const rows = renderReference()
      .split('\n')
      .map((row) => row.split(' | '));
    const allowedAndDefault = (key: string) => rows.find(([cell]) => cell === `| \`${key}\``)?.slice(2, 4);
    expect(allowedAndDefault('spoe.maxConnections')).toEqual(['`1` to `100000`', '`1000`']);
    expect(allowedAndDefault('control.weights')).toEqual(['`config`, `auto`', '`config`']);
    expect(allowedAndDefault('peers.siblings')).toEqual(['`true`, `false`', '`false`']);
    expect(allowedAndDefault('spoe.listen')).toEqual(["`HOST:PORT`, a Unix socket's path, `off`", '`127.0.0.1:9100`']);
    expect(allowedAndDefault('events.webhooks.NAME.timeout')).toEqual(['`100ms` to `1m`', '`10s`']);
    expect(allowedAndDefault('events.webhooks.NAME.types')?.[1]).toBe('`[]`');
    expect(allowedAndDefault('events.webhooks.NAME.token')?.[1]).toBe('–');
    expect(allowedAndDefault('holders[].policy')).toEqual(['`auto`, `newest`, `spread`', 'needed']);
  });

  it('is a well-formed table: the same number of cells in every row', () => {
    const [keys = '', inside = ''] = renderReference().split('\n\n');
    for (const table of [keys, inside]) {
      const widths = table
        .trimEnd()
        .split('\n')
        .map((row) => row.split(/(?<!\\)\|/).length);
      expect(new Set(widths).size).toBe(1);
    }
  });
});
