import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FlagSetting, type Loaded, loadSettings, originText } from '../../../src/config';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mtxpilot-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Loads one file's text; messages get `F` for the file's path. */
function load(yaml: string | undefined, env: NodeJS.ProcessEnv = {}, flags: readonly FlagSetting[] = []) {
  const file = join(folder, 'mtxpilot.yaml');
  if (yaml !== undefined) writeFileSync(file, yaml);
  const result = loadSettings({ file: yaml === undefined ? undefined : file, env, flags, standardFiles: [] });
  const shorten = (text: string) => text.replaceAll(file, 'F').replaceAll(folder, 'FOLDER');
  const errors = 'errors' in result ? result.errors.map(shorten) : [];
  return { result, errors, warnings: result.warnings.map(shorten) };
}

function settingsOf(yaml: string | undefined, env: NodeJS.ProcessEnv = {}, flags: readonly FlagSetting[] = []): Loaded {
  const { result, errors } = load(yaml, env, flags);
  expect(errors).toEqual([]);
  return result as Loaded;
}

const flag = (key: string, value: string): FlagSetting => ({ flag: '--set', key, value });

describe('without any configuration', () => {
  it('fits the shipped haproxy.cfg', () => {
    const { settings, origins, file, warnings } = settingsOf(undefined);
    expect(settings).toEqual({
      spoe: { listen: { host: '127.0.0.1', port: 9100 }, maxConnections: 1000 },
      http: { listen: { host: '127.0.0.1', port: 9101 }, adminSocket: 'auto', hosts: [] },
      haproxy: {
        socket: { path: '/run/haproxy/admin.sock' },
        backend: 'mtx',
        relayBackend: 'mtx_relays',
        interval: 1000,
        map: 'routes.map',
        bin: 'haproxy',
        nodes: [],
      },
      control: { onApiFailure: 'suspect', weights: 'config' },
      store: { prefix: 'mtxpilot:' },
      servers: [],
      mediamtx: { api: 'http://{address}:9997', timeout: 1000, servers: {} },
      directory: { interval: 1000, staleFor: 60_000, maxStreams: 500_000, suspectAfter: 3 },
      lookup: { deadline: 80, ttl: 2000, missTtl: 500, budget: 100 },
      peers: { listen: { host: '127.0.0.1', port: 9102 }, siblings: false },
      viewers: { goneAfter: 10_000, addresses: false },
      check: { atStart: true },
      events: {
        endGrace: 3000,
        unwatchedAfter: 5000,
        viewers: false,
        keep: { count: 100_000, age: 7 * 24 * 3_600_000 },
        webhooks: {},
      },
      holders: [],
      relay: {
        listen: { host: '127.0.0.1', port: 8085 },
        hosts: [],
        rootPath: '/m3u-proxy',
        userAgent: expect.stringContaining('Mozilla/5.0'),
        clientTimeout: 30_000,
        streamTimeout: 300_000,
        timeouts: { connect: 3000, headers: 5000, stall: 4000 },
        retryAfterRunning: 30_000,
        nullPacketsAfter: 1000,
        joinWithin: 2000,
        share: 'client',
        failback: 'idle',
        standby: 'none',
        cards: { when: 'playing', after: 2000 },
        streamMode: 'HLS',
        hls: {
          maxSegments: 20,
          initialSegments: 3,
          windowSize: 6,
          bufferReadyTimeout: 30_000,
          firstSegmentTimeout: 30_000,
          initialBufferSeconds: 10,
          maxInitialSegments: 10,
          segmentFetchInterval: 0.5,
        },
        maxStreams: 10_000,
        maxClients: 2000,
        allow: [],
        trustedProxies: ['127.0.0.1', '::1'],
        accounts: {},
        templates: {},
        whenFull: 'next',
        waitForSlot: 15_000,
        store: { prefix: 'mtxpilot-relay:' },
      },
      log: { level: 'info' },
    });
    expect({ origins, file, warnings }).toEqual({ origins: {}, file: undefined, warnings: [] });
  });

  it.each(['', '# nothing yet\n', 'spoe:\nlookup:\n  # ttl: 5s\nservers:\nholders:\nmediamtx:\n  servers:\n'])(
    'takes the defaults from a file that holds nothing but comments: %j',
    (yaml) => {
      expect(settingsOf(yaml).settings).toEqual(settingsOf(undefined).settings);
    },
  );
});

describe('values', () => {
  it.each([
    ['spoe: {listen: off}', 'spoe.listen', null],
    ['spoe: {listen: null}', 'spoe.listen', null],
    ['spoe: {listen: /run/mtxpilot/spoe.sock}', 'spoe.listen', { path: '/run/mtxpilot/spoe.sock' }],
    ['spoe: {listen: unix@/run/spoe.sock}', 'spoe.listen', { path: '/run/spoe.sock' }],
    ['spoe: {listen: "*:9100"}', 'spoe.listen', { host: '0.0.0.0', port: 9100 }],
    ['spoe: {listen: ":9100"}', 'spoe.listen', { host: '0.0.0.0', port: 9100 }],
    ['http: {listen: "[::1]:80"}', 'http.listen', { host: '::1', port: 80 }],
    ['http: {listen: "agent.local:80"}', 'http.listen', { host: 'agent.local', port: 80 }],
    ['http: {hosts: [agent, "*.Inside.example"]}', 'http.hosts', ['agent', '*.Inside.example']],
    ['haproxy: {socket: unix@/tmp/a.sock}', 'haproxy.socket', { path: '/tmp/a.sock' }],
    ['haproxy: {socket: 127.0.0.1:9999}', 'haproxy.socket', { host: '127.0.0.1', port: 9999 }],
    ['haproxy: {socket: ipv4@127.0.0.1:9999}', 'haproxy.socket', { host: '127.0.0.1', port: 9999 }],
    ['haproxy: {socket: "ipv6@::1:9999"}', 'haproxy.socket', { host: '::1', port: 9999 }],
    ['haproxy: {socket: "ipv6@[::1]:9999"}', 'haproxy.socket', { host: '::1', port: 9999 }],
    ['haproxy: {map: off}', 'haproxy.map', null],
    ['haproxy: {map: /etc/haproxy/routes.map}', 'haproxy.map', '/etc/haproxy/routes.map'],
    [
      'haproxy: {nodes: [{name: lb1, socket: /run/lb1.sock}, {name: lb2, socket: "10.0.0.2:9999"}]}',
      'haproxy.nodes',
      [
        { name: 'lb1', socket: { path: '/run/lb1.sock' } },
        { name: 'lb2', socket: { host: '10.0.0.2', port: 9999 } },
      ],
    ],
    ['control: {onApiFailure: drain, weights: auto}', 'control', { onApiFailure: 'drain', weights: 'auto' }],
    ['peers: {listen: off}', 'peers.listen', null],
    ['viewers: {addresses: true}', 'viewers.addresses', true],
    ['viewers: {addresses: "false"}', 'viewers.addresses', false],
    ['check: {atStart: false}', 'check.atStart', false],
    ['store: {folder: /var/lib/mtxpilot}', 'store.folder', '/var/lib/mtxpilot'],
    ['lookup: {deadline: 80}', 'lookup.deadline', 80],
    ['lookup: {ttl: 1h}', 'lookup.ttl', 3_600_000],
    ['lookup: {ttl: 30m}', 'lookup.ttl', 1_800_000],
    ['lookup: {budget: 0}', 'lookup.budget', 0],
    ['mediamtx: {api: "https://{name}.example/api/"}', 'mediamtx.api', 'https://{name}.example/api'],
    ['holders: [{match: "live/*", policy: spread}]', 'holders', [{ match: 'live/*', policy: 'spread' }]],
    [
      'servers: [{name: mtx1, address: "[2001:db8::1]:8888", api: "http://[2001:db8::1]:9997/"}]',
      'servers',
      [{ name: 'mtx1', address: { host: '2001:db8::1', port: 8888 }, api: 'http://[2001:db8::1]:9997' }],
    ],
  ])('%s', (yaml, key, expected) => {
    const value = key
      .split('.')
      .reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], settingsOf(yaml).settings);
    expect(value).toEqual(expected);
  });
});

describe('precedence', () => {
  it('is defaults, file, environment, flags; and each value knows its origin', () => {
    const { settings, origins } = settingsOf(
      'lookup: {deadline: 10ms, ttl: 10s}\nlog:\n  level: error\nmediamtx:\n  servers:\n    a.b: {username: file, api: "http://file"}\n',
      { MTXPILOT_LOOKUP_TTL: '20s', MTXPILOT_LOG_LEVEL: 'warn', MTXPILOT_SPOE_LISTEN: '', PATH: '/bin' },
      [flag('log.level', 'debug'), flag('mediamtx.servers.a.b.username', 'flag'), flag('lookup.budget', '7')],
    );
    expect(settings.lookup).toEqual({ deadline: 10, ttl: 20_000, missTtl: 500, budget: 7 });
    expect(settings.log.level).toBe('debug');
    expect(settings.mediamtx.servers).toEqual({ 'a.b': { username: 'flag', api: 'http://file' } });
    const file = join(folder, 'mtxpilot.yaml');
    expect(Object.fromEntries(Object.entries(origins).map(([key, origin]) => [key, originText(origin)]))).toEqual({
      'lookup.deadline': `${file}:1`,
      'lookup.ttl': 'MTXPILOT_LOOKUP_TTL',
      'lookup.budget': '--set',
      'log.level': '--set',
      'mediamtx.servers.a.b.username': '--set',
      'mediamtx.servers.a.b.api': `${file}:6`,
    });
  });

  it('replaces a list as a whole', () => {
    const env = { MTXPILOT_HOLDERS: '[{"match": "b", "policy": "newest"}]' };
    expect(settingsOf('holders: [{match: a, policy: spread}]', env).settings.holders).toEqual([
      { match: 'b', policy: 'newest' },
    ]);
  });

  it.each([
    ['10.0.0.0/8', ['10.0.0.0/8']],
    ['10.0.0.0/8, fd00::/8,provider.example', ['10.0.0.0/8', 'fd00::/8', 'provider.example']],
    ['[10.0.0.0/8, fd00::/8]', ['10.0.0.0/8', 'fd00::/8']],
  ])('takes a list without brackets too: %s', (text, expected) => {
    expect(settingsOf('', { MTXPILOT_RELAY_ALLOW: text }).settings.relay.allow).toEqual(expected);
  });

  it('finds the file that MTXPILOT_CONFIG names, else the first standard file that exists', () => {
    const [named, standard] = [join(folder, 'named.yaml'), join(folder, 'standard.yaml')];
    writeFileSync(named, 'log: {level: warn}');
    writeFileSync(standard, 'log: {level: error}');
    const standardFiles = [join(folder, 'absent.yaml'), standard];
    const level = (env: NodeJS.ProcessEnv) => {
      const loaded = loadSettings({ env, flags: [], standardFiles }) as Loaded;
      return [loaded.settings.log.level, loaded.file];
    };
    expect(level({ MTXPILOT_CONFIG: named })).toEqual(['warn', named]);
    expect(level({})).toEqual(['error', standard]);
    expect(loadSettings({ env: { MTXPILOT_CONFIG: join(folder, 'absent.yaml') }, flags: [] })).toEqual({
      errors: [`${join(folder, 'absent.yaml')}: no such file`],
      warnings: [],
    });
  });
});

describe('mistakes in a file', () => {
  it.each([
    [
      'lookup:\n  ttl: 80 parsecs',
      'F:2: lookup.ttl: "80 parsecs" is not allowed, expected a duration from 1ms to 1h, such as 80ms, 2s, 30m or 1h (a bare number is milliseconds)',
    ],
    [
      'lookup: {deadline: 0}',
      'F:1: lookup.deadline: 0 is not allowed, expected a duration from 1ms to 1m, such as 80ms, 2s, 30m or 1h (a bare number is milliseconds)',
    ],
    ['lookup:\n\n  budget: 1.5', 'F:3: lookup.budget: 1.5 is not allowed, expected a whole number from 0 to 1000000'],
    [
      'spoe:\n  maxConnections: "5"',
      'F:2: spoe.maxConnections: "5" is not allowed, expected a whole number from 1 to 100000',
    ],
    ['lookup:\n  dedline: 80ms', 'F:2: lookup.dedline: unknown key, did you mean lookup.deadline?'],
    ['deadline: 80ms', 'F:1: deadline: unknown key, did you mean lookup.deadline?'],
    ['lokup: {}', 'F:1: lokup: unknown key, did you mean lookup?'],
    [
      'listen: x',
      'F:1: listen: unknown key, at the top there are spoe, http, haproxy, control, store, servers, mediamtx, directory, lookup, peers, viewers, check, events, holders, relay, log',
    ],
    ['log: {"a\\u001b[2J": 1}', 'F:1: "a\\u001b[2J": unknown key, in log there are level'],
    ['log: loud', 'F:1: log: "loud" is not allowed, expected a section with the keys level'],
    ['log: {level: loud}', 'F:1: log.level: "loud" is not allowed, expected debug, info, warn, error or silent'],
    ['log: {level: }', 'F:1: log.level: nothing is not allowed, expected debug, info, warn, error or silent'],
    [
      'http: {listen: 9101}',
      'F:1: http.listen: 9101 is not allowed, expected HOST:PORT, such as 127.0.0.1:9101, [::1]:9101, or *:9101 for every IPv4 address',
    ],
    [
      'http: {listen: "127.0.0.1:99999"}',
      'F:1: http.listen: "127.0.0.1:99999" is not allowed, expected HOST:PORT, such as 127.0.0.1:9101, [::1]:9101, or *:9101 for every IPv4 address',
    ],
    [
      'http: {listen: "300.0.0.1:80"}',
      'F:1: http.listen: "300.0.0.1:80" is not allowed, expected HOST:PORT, such as 127.0.0.1:9101, [::1]:9101, or *:9101 for every IPv4 address',
    ],
    [
      'haproxy: {socket: admin.sock}',
      'F:1: haproxy.socket: "admin.sock" is not allowed, expected the path of a Unix socket, such as /run/haproxy/admin.sock, or HOST:PORT, such as 127.0.0.1:9999 (unix@, ipv4@ and ipv6@ may stand in front)',
    ],
    [
      'haproxy: {backend: "mtx;shutdown"}',
      'F:1: haproxy.backend: "mtx;shutdown" is not allowed, expected a name as in haproxy.cfg: letters, digits and _ . : -, at most 255',
    ],
    [
      'servers:\n  - name: a\n    adress: 10.0.0.1:8888',
      [
        'F:2: servers[0].address: is missing, expected HOST:PORT, such as 10.0.0.11:8888 or [2001:db8::11]:8888',
        'F:3: servers[0].adress: unknown key, did you mean servers[0].address?',
      ],
    ],
    [
      'servers:\n  - {name: a, address: "h:1"}\n  - {name: a, address: "h:2"}',
      'F:1: servers: servers[1].name: "a" is the name of servers[0] already',
    ],
    [
      'servers: mtx1',
      'F:1: servers: "mtx1" is not allowed, expected a list of at most 10000, each with the keys name, address, api',
    ],
    [
      'holders:\n  - match: live/***\n    policy: newest',
      'F:2: holders[0].match: "live/***" is not allowed, expected a pattern of stream names: letters, digits and _ - / . ~, with * within one part of the path and ** across slashes, at most three of them, at most 200 characters',
    ],
    [
      'holders: [{match: a, policy: oldest}]',
      'F:1: holders[0].policy: "oldest" is not allowed, expected auto, newest or spread',
    ],
    [
      'haproxy:\n  nodes:\n    - {name: a, socket: /a}\n    - {name: a, socket: /b}\n    - {name: c, socket: /b}',
      [
        'F:2: haproxy.nodes: haproxy.nodes[1].name: "a" is the name of haproxy.nodes[0] already',
        'F:2: haproxy.nodes: haproxy.nodes[2].socket: "/b" is the socket of haproxy.nodes[1] already',
      ],
    ],
    ['control: {weights: load}', 'F:1: control.weights: "load" is not allowed, expected config or auto'],
    ['holders: [5]', 'F:1: holders[0]: 5 is not allowed, expected a section with the keys match, policy'],
    [
      'mediamtx: {api: "ftp://{address}"}',
      'F:1: mediamtx.api: "ftp://{address}" is not allowed, expected an http:// or https:// URL without user, password and query, in which {address} and {name} stand for those of a server',
    ],
    [
      'mediamtx: {api: "http://u:geheim@{address}"}',
      'F:1: mediamtx.api: "http://(hidden)@{address}" is not allowed, expected an http:// or https:// URL without user, password and query, in which {address} and {name} stand for those of a server',
    ],
    [
      'mediamtx: {username: u, password: 0815}',
      'F:1: mediamtx.password: a number is not allowed, expected a text of 1 to 1024 characters in one line (a number needs quotes)',
    ],
    [
      'mediamtx: {username: u, password: "ge\\nheim"}',
      'F:1: mediamtx.password: this text is not allowed, expected a text of 1 to 1024 characters in one line (a number needs quotes)',
    ],
    ['mediamtx:\n  password: geheim', 'F:2: mediamtx.password: there is no mediamtx.username that it belongs to'],
    [
      'mediamtx:\n  username: u\n  password: geheim\n  passwordFile: f',
      'F:4: mediamtx.passwordFile: there is a password too, give one of the two',
    ],
    [
      'http: {hosts: agent}',
      'F:1: http.hosts: "agent" is not allowed, expected a list of at most 100 host names without ports, such as [agent.internal, "*.example.com"]',
    ],
    [
      'http: {hosts: ["agent:9101"]}',
      'F:1: http.hosts[0]: "agent:9101" is not allowed, expected a host name without a port, such as agent.internal or "*.example.com"',
    ],
    [
      'http: {hosts: ["*"]}',
      'F:1: http.hosts[0]: "*" is not allowed, expected a host name without a port, such as agent.internal or "*.example.com"',
    ],
    [
      'http: {hosts: ["a.*.example"]}',
      'F:1: http.hosts[0]: "a.*.example" is not allowed, expected a host name without a port, such as agent.internal or "*.example.com"',
    ],
    [
      'http: {hosts: ["http://agent"]}',
      'F:1: http.hosts[0]: "http://agent" is not allowed, expected a host name without a port, such as agent.internal or "*.example.com"',
    ],
    [
      'http: {token: short}',
      'F:1: http.token: this text is not allowed, expected a text of 16 to 1024 characters in one line (a number needs quotes)',
    ],
    [
      'http:\n  token: 0123456789abcdef\n  tokenFile: f',
      'F:3: http.tokenFile: there is a token too, give one of the two',
    ],
    [
      'store: {redis: "redis://pilot:geheim@10.0.0.5:6379"}',
      'F:1: store.redis: "redis://(hidden)@10.0.0.5:6379" is not allowed, expected a redis:// or rediss:// (TLS) URL without user and password, such as redis://10.0.0.5:6379 or rediss://redis.example:6380/2',
    ],
    [
      'store: {redis: "http://10.0.0.5:6379"}',
      'F:1: store.redis: "http://10.0.0.5:6379" is not allowed, expected a redis:// or rediss:// (TLS) URL without user and password, such as redis://10.0.0.5:6379 or rediss://redis.example:6380/2',
    ],
    [
      'store: {redis: "redis://10.0.0.5/my-db"}',
      'F:1: store.redis: "redis://10.0.0.5/my-db" is not allowed, expected a redis:// or rediss:// (TLS) URL without user and password, such as redis://10.0.0.5:6379 or rediss://redis.example:6380/2',
    ],
    [
      'store:\n  folder: state\n  redis: "redis://10.0.0.5"',
      'F:3: store.redis: there is a store.folder too (F:2), give one of the two',
    ],
    ['store: {password: geheim}', 'F:1: store.password: there is no store.redis that it belongs to'],
    [
      'store:\n  username: pilot\n  redis: "redis://10.0.0.5"',
      'F:2: store.username: there is no store.password that belongs to it',
    ],
    [
      'store: {prefix: "{a}"}',
      'F:1: store.prefix: "{a}" is not allowed, expected a text of at most 64 letters, digits and _ . : -',
    ],
    [
      'http: {adminSocket: run/admin.sock}',
      'F:1: http.adminSocket: "run/admin.sock" is not allowed, expected the path of a Unix socket, such as /run/mtxpilot/admin.sock, at most 107 characters, or auto, or off',
    ],
    [
      'mediamtx: {servers: {"mtx 2": {}}}',
      `F:1: mediamtx.servers: "mtx 2" is not the name of a server, expected a map of servers' names as in haproxy.cfg, each with some of the keys api, username, password, passwordFile`,
    ],
    [
      'mediamtx: {servers: {__proto__: {api: "http://x"}}}',
      'F:1: mediamtx.servers: "__proto__" is not the name of a server',
    ],
    [
      'events: {webhooks: {"a b": {url: "http://x"}}}',
      'F:1: events.webhooks: "a b" is not the name of a webhook, expected a map of names (letters, digits and -, at most 40), each with some of the keys url, types, streams, token, tokenFile, secret, secretFile, timeout, giveUpAfter',
    ],
    [
      'events:\n  webhooks:\n    a: {types: [stream.start]}\n    b: {url: "ftp://x"}\n    c: {url: "http://u:geheim@x"}',
      [
        'F:3: events.webhooks.a.url: is missing, expected an http:// or https:// URL without user, password and fragment, at most 2048 characters',
        'F:3: events.webhooks.a.types: a list is not allowed, expected a list of some of stream.started, stream.ended, stream.moved, stream.conflict, stream.watched, stream.unwatched, viewer.joined, viewer.left, server.up, server.down, server.suspect, server.intent, haproxy.reloaded, agent.started, stream.failover, stream.failed',
        'F:4: events.webhooks.b.url: "ftp://x" is not allowed, expected an http:// or https:// URL without user, password and fragment, at most 2048 characters',
        'F:5: events.webhooks.c.url: "http://(hidden)@x" is not allowed, expected an http:// or https:// URL without user, password and fragment, at most 2048 characters',
      ],
    ],
    [
      'events:\n  webhooks:\n    a:\n      url: http://x\n      secret: whsec_c2hvcnQ=\n    b: {url: "http://x", token: a, tokenFile: f}',
      [
        'F:5: events.webhooks.a.secret: this text is not allowed, expected whsec_ and 24 to 64 bytes in base 64 (echo whsec_$(head -c 32 /dev/urandom | base64))',
        'F:6: events.webhooks.b.tokenFile: there is a token too, give one of the two',
      ],
    ],
    [
      '__proto__: {level: debug}',
      'F:1: __proto__: unknown key, at the top there are spoe, http, haproxy, control, store, servers, mediamtx, directory, lookup, peers, viewers, check, events, holders, relay, log',
    ],
    [
      'spoe:\n  listen: 127.0.0.1:9101',
      'F:2: spoe.listen: 127.0.0.1:9101 is taken by http.listen (the default), give each its own',
    ],
    [
      'spoe:\n  listen: "*:7000"\nhttp:\n  listen: 127.0.0.1:7000',
      'F:4: http.listen: 127.0.0.1:7000 is taken by spoe.listen (F:2), give each its own',
    ],
    [
      'peers:\n  listen: 127.0.0.1:9100',
      'F:2: peers.listen: 127.0.0.1:9100 is taken by spoe.listen (the default), give each its own',
    ],
    [
      'spoe:\n  listen: /run/one.sock\nhttp:\n  adminSocket: unix@/run/one.sock',
      'F:4: http.adminSocket: /run/one.sock is taken by spoe.listen (F:2), give each its own',
    ],
    ['viewers: {addresses: yes}', 'F:1: viewers.addresses: "yes" is not allowed, expected true or false'],
    [
      '- a',
      'F:1: a list is not allowed, expected the keys spoe, http, haproxy, control, store, servers, mediamtx, directory, lookup, peers, viewers, check, events, holders, relay, log',
    ],
    ['log: {level: info}\nlog: {level: warn}', 'F:2:1: not valid YAML: Map keys must be unique'],
    ['log:\n\tlevel: info', 'F:2:1: not valid YAML: Tabs are not allowed as indentation'],
    ['log: {level: info}\n---\nlog: {level: warn}', 'F:2:1: not valid YAML: a second document begins'],
    [
      'holders:\n  - match: **/a',
      'F: not valid YAML: Unresolved alias (the anchor must be set before the alias): */a (a text that begins with * needs quotes)',
    ],
  ])('%j', (yaml, expected) => {
    expect(load(yaml).errors).toEqual([expected].flat());
  });

  it('are all told at once, in the order of the lines, and with those of the environment and the flags', () => {
    const yaml = 'log: {level: loud}\nlookup:\n  budget: many\n  dedline: 80ms\n';
    const { errors } = load(yaml, { MTXPILOT_LOOKUP_TTL: 'soon' }, [flag('lookup.ttl', '0')]);
    expect(errors.map((error) => error.split(' ', 2).join(' '))).toEqual([
      'F:1: log.level:',
      'F:3: lookup.budget:',
      'F:4: lookup.dedline:',
      'MTXPILOT_LOOKUP_TTL: lookup.ttl:',
      '--set: lookup.ttl:',
    ]);
  });

  it('are told even where a flag would override the value', () => {
    expect(load('log: {level: loud}', {}, [flag('log.level', 'info')]).errors).toHaveLength(1);
  });

  it.each([
    ['no such file', () => join(folder, 'absent.yaml')],
    ['is a directory', () => folder],
  ])('%s', (reason, path) => {
    expect(loadSettings({ file: path(), env: {}, flags: [] })).toEqual({
      errors: [`${path()}: ${reason}`],
      warnings: [],
    });
  });

  it('survives aliases that would grow without end', () => {
    const levels = Array.from(
      { length: 12 },
      (_, n) => `l${n + 1}: &a${n + 1} [${Array(9).fill(`*a${n}`).join(', ')}]`,
    );
    expect(load(['l0: &a0 [x]', ...levels].join('\n')).errors).toEqual([
      expect.stringContaining('F: not valid YAML: Excessive alias count'),
    ]);
  });
});

describe('mistakes elsewhere', () => {
  it.each([
    [
      { MTXPILOT_LOG_LEVEL: 'loud' },
      'MTXPILOT_LOG_LEVEL: log.level: "loud" is not allowed, expected debug, info, warn, error or silent',
    ],
    [
      { MTXPILOT_LOOKUP_BUDGET: '1e3' },
      'MTXPILOT_LOOKUP_BUDGET: lookup.budget: "1e3" is not allowed, expected a whole number from 0 to 1000000',
    ],
    [
      { MTXPILOT_SERVERS: '[' },
      'MTXPILOT_SERVERS: servers: "[" is not valid YAML, expected a list of at most 10000, each with the keys name, address, api',
    ],
    [
      { MTXPILOT_SERVERS: '[{name: a}]' },
      'MTXPILOT_SERVERS: servers[0].address: is missing, expected HOST:PORT, such as 10.0.0.11:8888 or [2001:db8::11]:8888',
    ],
  ])('%j', (env, expected) => {
    expect(load(undefined, env).errors).toEqual([expected]);
  });

  it.each([
    [
      'lookup',
      '--set: lookup is a section, give one of its keys: lookup.deadline, lookup.ttl, lookup.missTtl, lookup.budget',
    ],
    ['lookup.tlt', '--set: lookup.tlt: unknown key, did you mean lookup.ttl?'],
    ['servers.0', '--set: servers.0: unknown key, did you mean servers?'],
    [
      'mediamtx.servers.mtx.2.apo',
      '--set: mediamtx.servers.mtx.2.apo: unknown key, did you mean mediamtx.servers.mtx.2.api?',
    ],
    [
      '__proto__.x',
      '--set: __proto__.x: unknown key, at the top there are spoe, http, haproxy, control, store, servers, mediamtx, directory, lookup, peers, viewers, check, events, holders, relay, log',
    ],
    ['mediamtx.servers.__proto__.api', '--set: mediamtx.servers: "__proto__" is not the name of a server'],
    [
      '',
      '--set: "": unknown key, at the top there are spoe, http, haproxy, control, store, servers, mediamtx, directory, lookup, peers, viewers, check, events, holders, relay, log',
    ],
  ])('--set %s', (key, expected) => {
    expect(load(undefined, {}, [flag(key, 'http://x')]).errors).toEqual([expected]);
    expect(({} as Record<string, unknown>)['api']).toBeUndefined();
  });
});

describe('warnings', () => {
  it.each([
    [
      'lookup: {deadline: 100ms}',
      {},
      'F:1: lookup.deadline: 100ms is not below "timeout processing 100ms" of the shipped spoe.cfg: HAProxy gives up before an answer that takes that long',
    ],
    [
      'directory: {staleFor: 500ms}',
      {},
      'F:1: directory.staleFor: 500ms is shorter than directory.interval (1s): streams are forgotten between two lists',
    ],
    ['', { MTXPILOT_LOG_LEVL: 'info' }, 'MTXPILOT_LOG_LEVL: no such setting, did you mean MTXPILOT_LOG_LEVEL?'],
    ['', { MTXPILOT_WHATEVER: '1' }, 'MTXPILOT_WHATEVER: no such setting'],
    [
      'haproxy: {socket: /a}\nservers: [{name: a, address: "h:1"}]',
      {},
      'F:1: haproxy.socket: not used, because servers lists the servers (F:2)',
    ],
    [
      'haproxy:\n  socket: /a\n  nodes: [{name: a, socket: /b}]',
      {},
      'F:2: haproxy.socket: not used, because haproxy.nodes lists the sockets (F:3)',
    ],
    [
      'mediamtx:\n  servers:\n    mtx1: {api: "http://x"}\n    mxt2: {api: "http://x"}\nservers: [{name: mtx1, address: "h:1"}, {name: mtx2, address: "h:2"}]',
      {},
      'F:4: mediamtx.servers.mxt2: servers has no server of that name, did you mean mtx2?',
    ],
  ])('%j %j', (yaml, env, expected) => {
    const { errors, warnings } = load(yaml, env);
    expect({ errors, warnings }).toEqual({ errors: [], warnings: [expected] });
  });

  it('are not given for what Kubernetes sets beside a service called mtxpilot', () => {
    const env = {
      MTXPILOT_SERVICE_HOST: '10.0.0.1',
      MTXPILOT_SERVICE_PORT_HTTP: '9101',
      MTXPILOT_PORT: 'tcp://10.0.0.1:9101',
      MTXPILOT_PORT_9101_TCP_ADDR: '10.0.0.1',
      MTXPILOT_URL: 'http://10.0.0.1:9101',
    };
    expect(load(undefined, env).warnings).toEqual([]);
  });

  it('tell that a secret on a command line is no secret', () => {
    const { warnings } = load('mediamtx: {username: u}', {}, [flag('mediamtx.password', 'geheim')]);
    expect(warnings).toEqual([
      '--set: mediamtx.password on a command line can be read by every user of this machine, use mediamtx.passwordFile',
    ]);
  });
});

it.each([
  ['off', null],
  ['auto', 'auto'],
  ['/run/x/admin.sock', { path: '/run/x/admin.sock' }],
])('the admin socket may be %s', (text, value) => {
  expect(settingsOf(`http: {adminSocket: ${text}}`).settings.http.adminSocket).toEqual(value);
});

it.each(['redis://10.0.0.5', 'redis://redis:6379', 'rediss://redis.example:6380/2', 'redis://[::1]:6379/0'])(
  'Redis may be at %s',
  (url) => {
    expect(settingsOf(`store: {redis: "${url}"}`).settings.store.redis).toBe(url);
  },
);

describe('secret files', () => {
  it('hold the password of Redis', () => {
    writeFileSync(join(folder, 'redis-password'), 'geheim\n');
    const { settings } = settingsOf('store: {redis: "redis://10.0.0.5", passwordFile: redis-password}');
    expect(settings.store.password).toBe('geheim');
    expect(load('store: {passwordFile: redis-password}').errors).toEqual([
      'F:1: store.passwordFile: there is no store.redis that it belongs to',
    ]);
  });

  it('hold the token, which must be as long as any token', () => {
    writeFileSync(join(folder, 'token'), '0123456789abcdef\n');
    writeFileSync(join(folder, 'short-token'), 'short\n');
    expect(settingsOf('http: {tokenFile: token}').settings.http.token).toBe('0123456789abcdef');
    expect(load('http: {tokenFile: short-token}').errors).toEqual([
      'F:1: http.tokenFile: FOLDER/short-token: its content is not allowed, expected a text of 16 to 1024 characters in one line (a number needs quotes)',
    ]);
  });

  it('are read relative to the file that names them, without the line end', () => {
    writeFileSync(join(folder, 'password'), 'geheim\r\n');
    writeFileSync(join(folder, 'other'), 'anders');
    const { settings } = settingsOf(
      'mediamtx: {username: u, passwordFile: password, servers: {mtx2: {passwordFile: other}}}',
    );
    expect(settings.mediamtx.password).toBe('geheim');
    expect(settings.mediamtx.servers['mtx2']?.password).toBe('anders');
  });

  it('give way to a password of a stronger source, and the other way round', () => {
    writeFileSync(join(folder, 'password'), 'geheim');
    const fromFile = 'mediamtx: {username: u, passwordFile: password}';
    expect(settingsOf(fromFile, { MTXPILOT_MEDIAMTX_PASSWORD: '0815' }).settings.mediamtx).toMatchObject({
      password: '0815',
    });
    const strongFile = settingsOf('mediamtx: {username: u, password: alt}', {
      MTXPILOT_MEDIAMTX_PASSWORD_FILE: join(folder, 'password'),
    });
    expect(strongFile.settings.mediamtx.password).toBe('geheim');
  });

  it.each([
    ['absent', 'no such file'],
    ['empty', 'is empty'],
    ['lines', 'holds more than one line'],
    ['long', 'holds more than 4096 bytes'],
  ])('%s: %s', (name, reason) => {
    writeFileSync(join(folder, 'empty'), '\n');
    writeFileSync(join(folder, 'lines'), 'a\nb\n');
    writeFileSync(join(folder, 'long'), 'a'.repeat(4097));
    expect(load(`mediamtx:\n  username: u\n  passwordFile: ${name}`).errors).toEqual([
      `F:3: mediamtx.passwordFile: FOLDER/${name}: ${reason}`,
    ]);
  });
});
