import * as z from 'zod';
import { eventTypes } from '../events';
import { hlsKeys } from './hls-settings';
import {
  apiUrlKey,
  choiceKey,
  choicesKey,
  durationKey,
  fileKey,
  filePathKey,
  folderKey,
  haproxyNameKey,
  headerKey,
  hostNamesKey,
  hostPortKey,
  listenKey,
  listKey,
  namedMapKey,
  networksKey,
  numberKey,
  optionalListenKey,
  optionalMapFileKey,
  optionalSocketListenKey,
  ownSocketKey,
  playerPathKey,
  redisUrlKey,
  rootPathKey,
  secretFileKey,
  secretKey,
  serverMapKey,
  socketKey,
  sourceMatchKey,
  storePrefixKey,
  streamPatternKey,
  templateUrlKey,
  usernameKey,
  webhookSecretKey,
  webhookUrlKey,
  yesNoKey,
} from './keys';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

const staticServer = z.strictObject({
  name: haproxyNameKey("The server's name, the same as in haproxy.cfg."),
  address: hostPortKey('Its HLS server.'),
  api: apiUrlKey('Its Control API. Without it, `mediamtx.api`.', 'plain').optional(),
});

const serverOverride = z.strictObject({
  api: apiUrlKey("This server's Control API, instead of `mediamtx.api`.", 'plain').optional(),
  username: usernameKey('User for this server, instead of `mediamtx.username`.').optional(),
  password: secretKey('Password for this server, instead of `mediamtx.password`.').optional(),
  passwordFile: secretFileKey('File that holds this password.').optional(),
});

const haproxyNode = z.strictObject({
  name: haproxyNameKey('Name of this HAProxy in logs, metrics and answers.'),
  socket: socketKey('Its `stats socket`, with `level admin`.'),
});

const webhook = z.strictObject({
  url: webhookUrlKey('Where each event is POSTed, as CloudEvents 1.0 in JSON. Any 2xx answer accepts it.'),
  types: choicesKey('Only events of these types. Without it, all.', eventTypes).default([]),
  streams: streamPatternKey('Only events of streams whose names match, as in `holders`.').optional(),
  token: secretKey('Sent as `Authorization: Bearer`.').optional(),
  tokenFile: secretFileKey('File that holds the token.').optional(),
  secret: webhookSecretKey(
    'Signs every event by the rules of Standard Webhooks, so that the receiver knows who sent it.',
  ).optional(),
  secretFile: secretFileKey('File that holds this secret.').optional(),
  timeout: durationKey('Deadline of one attempt.', 100, minuteMs).default(10_000),
  giveUpAfter: durationKey(
    'Age at which an event that could not be delivered goes to the dead letters.',
    minuteMs,
    30 * 24 * hourMs,
  ).default(24 * hourMs),
});

const holderRule = z.strictObject({
  match: streamPatternKey(
    'Names of streams: `*` matches any characters within one part of the path, `**` any characters.',
  ),
  policy: choiceKey(
    '`auto`: servers that pull the stream (MediaMTX `source: rtsp://…`) have copies of it, and its sessions are spread over the publisher and the copies; of two publishers, the newest wins. `newest`: whoever came last wins, publisher or copy. `spread`: all holders are replicas, sessions are spread.',
    ['auto', 'newest', 'spread'],
  ),
});

const account = z.strictObject({
  match: sourceMatchKey(
    'Which URLs belong to the account: those of a host, of a host and port, or those that begin like this. Of several, the longest counts.',
  ),
  maxConnections: numberKey('Most connections to the provider at a time, live, VOD and HLS together.', 1, 10_000),
});

const template = z.strictObject({
  path: playerPathKey(
    'Where players ask, such as `/ace/getstream`. Several templates may share a path, if their URLs have other parameters.',
  ),
  url: templateUrlKey(
    'Its source, such as `http://127.0.0.1:6878/ace/manifest.m3u8?id={id}`: what is in braces is the parameter of that name, which each request must give. Private addresses need `relay.allow`, as for every source.',
  ),
  maxStreams: numberKey(
    'Most streams that requests make of it. For a new one that nobody has played for longest goes; while all are in use, requests get 503.',
    1,
    10_000,
  ).default(100),
});

/** What is read about a Redis, of the agents or of the relays. */
const redisKeys = {
  username: usernameKey('User for Redis (an ACL user). Without it, the default user.').optional(),
  password: secretKey('Password for Redis.').optional(),
  passwordFile: secretFileKey(
    'File that holds this password (a trailing newline is ignored). In a configuration file, relative to that file.',
  ).optional(),
};

/** The section of `mtxpilot relay`. */
const relay = z.strictObject({
  listen: listenKey('Where players and the API are served.').default({ host: '127.0.0.1', port: 8085 }),
  hosts: hostNamesKey(
    'Names under which the API is reached, as in `http.hosts`, while there is no `relay.token`. Players, and every caller with a token, may use any name.',
    100,
  ).default([]),
  token: secretKey(
    'What callers of the API must send, as `X-API-Token`, `?api_token=` or `Authorization: Bearer`. Without it, the API is open to everybody who can reach it. Players need none.',
  ).optional(),
  tokenFile: secretFileKey(
    'File that holds the token (a trailing newline is ignored). In a configuration file, relative to that file.',
  ).optional(),
  rootPath: rootPathKey('What may stand in front of every path. All paths are served without it as well.').default(
    '/m3u-proxy',
  ),
  userAgent: headerKey('What providers are told as `User-Agent` where a stream says nothing else.').default(
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/115.0.0.0 Safari/537.36',
  ),
  clientTimeout: durationKey(
    'How long a client may stop reading until its connection to the provider is given up.',
    1000,
    24 * hourMs,
  ).default(30_000),
  streamTimeout: durationKey(
    'How long after its last client left a stream is still shown as active.',
    0,
    24 * hourMs,
  ).default(300_000),
  timeouts: z
    .strictObject({
      connect: durationKey('How long a connection to a provider may take.', 100, minuteMs).default(3000),
      headers: durationKey("How long a provider's answer may take to begin.", 100, minuteMs).default(5000),
      stall: durationKey(
        'How long a provider may send nothing of a live stream before the next source is tried.',
        500,
        10 * minuteMs,
      ).default(4000),
    })
    .prefault({}),
  retryAfterRunning: durationKey(
    'A source that ran for so long is tried once more at once when it fails, before the next one.',
    0,
    24 * hourMs,
  ).default(30_000),
  nullPacketsAfter: durationKey(
    'How long there is nothing to send before null packets keep players waiting; never before the first packet of a stream.',
    100,
    minuteMs,
  ).default(1000),
  joinWithin: durationKey(
    'How long the next source may take to reach a keyframe. After that, it is joined at any packet.',
    0,
    minuteMs,
  ).default(2000),
  share: choiceKey(
    'Who has the connections to providers. `client`: each client of a live stream its own. `stream`: all clients of a stream read one together, for accounts with few connections.',
    ['client', 'stream'],
  ).default('client'),
  failback: choiceKey(
    '`idle`: the next client starts at the primary source again. `never`: at the source that played last.',
    ['idle', 'never'],
  ).default('idle'),
  standby: choiceKey(
    '`hot`: while a live stream is played and a connection of the account is free, its next source is read before it is needed, once for all clients, so that not even a cut shows a gap. `none`: sources are opened when they are needed.',
    ['none', 'hot'],
  ).default('none'),
  cards: z
    .strictObject({
      when: choiceKey(
        'Who is shown a card, a short clip in a loop, while a live stream has no source: `playing`, clients that have been playing; `always`, also those that come then, who get an error otherwise; `off`, nobody.',
        ['playing', 'always', 'off'],
      ).default('playing'),
      after: durationKey(
        'How long no source is on air, and every one has failed, before a card is shown to clients that have been playing.',
        0,
        hourMs,
      ).default(2000),
      down: fileKey(
        'The card, an MPEG transport stream of at most 16 MB that begins with a keyframe. Without it, colour bars and silence.',
      ).optional(),
      full: fileKey(
        'The card for when a source would be there but for its limit of connections. Without it, that of `relay.cards.down`.',
      ).optional(),
    })
    .prefault({}),
  streamMode: choiceKey(
    'What a template of `relay.templates` answers: `HLS`, the playlist of its stream; `TS`, its bytes. `POST /v1/config` changes it for requests that come from then on.',
    ['TS', 'HLS'],
  ).default('HLS'),
  hls: z.strictObject(hlsKeys).prefault({}),
  maxStreams: numberKey('Most streams stored.', 1, 100_000).default(10_000),
  maxClients: numberKey('Most clients at a time. Others get 503.', 1, 100_000).default(2000),
  allow: networksKey(
    'Private and loopback addresses, networks and hosts that providers may have. Addresses of cloud metadata are always refused.',
    1000,
    'with host names',
  ).default([]),
  trustedProxies: networksKey('Whose `X-Forwarded-For` tells the address of a client.', 1000, 'addresses only').default(
    ['127.0.0.1', '::1'],
  ),
  accounts: namedMapKey(
    'Logins at providers, by a name for logs and metrics. Relays that share a Redis count the connections of the same name together: give them the same accounts.',
    account,
    'account',
  ).default({}),
  templates: namedMapKey(
    'Paths at which a request makes its stream: players that know an id, and no stream.',
    template,
    'template',
  ).default({}),
  whenFull: choiceKey(
    "When all connections of an account are in use. `next`: try the stream's next source. `wait`: wait for `relay.waitForSlot`, then try the next source. `share`: clients of one stream read one connection of the account together from the start; beyond that, as `next`. `refuse`: answer 503. A client that changes to a channel of the same relay takes its connection along in any case.",
    ['share', 'wait', 'next', 'refuse'],
  ).default('next'),
  waitForSlot: durationKey(
    'How long a client waits for a connection of an account (`whenFull: wait`).',
    0,
    10 * minuteMs,
  ).default(15_000),
  store: z
    .strictObject({
      folder: folderKey(
        'Where streams, webhooks and events of the relay are stored across restarts. One folder serves one relay, and none serves an agent too. Without it, `$STATE_DIRECTORY` (set by systemd), else they are held in memory only.',
      ).optional(),
      redis: redisUrlKey(
        'A Redis or Valkey (7.0 or newer) that several relays share, instead of a folder: they serve the same streams under the same ids, and count the connections of accounts together.',
      ).optional(),
      ...redisKeys,
      prefix: storePrefixKey(
        'What every key in Redis begins with. Relays with the same prefix share their streams; agents need another prefix.',
      ).default('mtxpilot-relay:'),
    })
    .prefault({}),
});

/**
 * Every key of the configuration with its type, bounds, default and meaning. Error messages, flags, environment variables, `mtxpilot config`
 * and the configuration reference are all made from this.
 */
export const settingsSchema = z.strictObject({
  spoe: z
    .strictObject({
      listen: optionalSocketListenKey(
        'Where HAProxy asks over SPOE. A Unix socket (open to everybody who can reach its folder) costs both sides less than TCP, especially on HAProxy 3.1 and newer. `off`: only the Lua bridge is used.',
      ).default({
        host: '127.0.0.1',
        port: 9100,
      }),
      maxConnections: numberKey(
        'Most SPOE connections at a time. When all are in use, a new one replaces one that has asked nothing yet, or nothing for 10s; if there is none, the new one is closed at once.',
        1,
        100_000,
      ).default(1000),
    })
    .prefault({}),
  http: z
    .strictObject({
      listen: listenKey(
        'Where the HTTP API, the metrics and the Lua bridge are served. Reading is open to everybody who can reach it.',
      ).default({ host: '127.0.0.1', port: 9101 }),
      hosts: hostNamesKey(
        "Names under which the agent is reached over TCP: a service's name, what a reverse proxy passes on as `Host`. Requests under any other name get 421, so that no web page of another site can read the agent under a name of its own (DNS rebinding). IP addresses, `localhost`, names below it and the host of `http.listen` need not be listed.",
        100,
      ).default([]),
      adminSocket: ownSocketKey(
        'Unix socket (mode 0600) that serves the same API, and where changes need no token; the command line uses it. `auto`: `/run/mtxpilot/admin.sock`, or if that cannot be created, below `$XDG_RUNTIME_DIR` or the folder for temporary files (`$TMPDIR`); if none of them can be used, the agent runs without one and logs why. A path that cannot be used is an error at start. `off`: none.',
      ).default('auto'),
      token: secretKey(
        'What `Authorization: Bearer` must hold for changes over TCP. Without a token, changes over TCP are refused.',
        16,
      ).optional(),
      tokenFile: secretFileKey(
        'File that holds the token (a trailing newline is ignored). In a configuration file, relative to that file.',
      ).optional(),
      viewersUrl: apiUrlKey(
        "Where viewers come in (HAProxy's frontend), at the URL that browsers reach, for the dashboard's previews. Without it, port 8080 of the host that the dashboard was opened on.",
        'plain',
      ).optional(),
    })
    .prefault({}),
  haproxy: z
    .strictObject({
      socket: socketKey(
        'The `stats socket` of haproxy.cfg, with `level admin`: the agent reads the servers from it, and keeps them in their desired state.',
      ).default({
        path: '/run/haproxy/admin.sock',
      }),
      nodes: listKey(
        'Every HAProxy, if there are several; instead of `haproxy.socket`. All must have the same servers under the same names.',
        haproxyNode,
        64,
      ).default([]),
      backend: haproxyNameKey('The backend of haproxy.cfg that holds the MediaMTX servers.').default('mtx'),
      relayBackend: haproxyNameKey(
        'The backend of haproxy.cfg that holds the relays, if it has one. A relay is asked at its own address and port, with the user and password of `mediamtx.servers`.',
      ).default('mtx_relays'),
      interval: durationKey("Pause between two reads of HAProxy's servers.", 100, hourMs).default(1000),
      map: optionalMapFileKey(
        'The map in haproxy.cfg that the agent keeps filled with the streams and their servers, so that HAProxy need not ask. `off`: HAProxy asks for each master playlist.',
      ).default('routes.map'),
      config: filePathKey(
        'The configuration file of HAProxy, which is checked when the agent starts and by `mtxpilot check`. Relative to the working directory.',
      ).optional(),
      bin: filePathKey('The haproxy program, for `mtxpilot check`: a path, or a name to look up in PATH.').default(
        'haproxy',
      ),
    })
    .prefault({}),
  control: z
    .strictObject({
      onApiFailure: choiceKey(
        'A server whose Control API fails while HAProxy calls it UP: `suspect` gives it no new streams, `drain` drains it as well (never more than half of the servers), until its API answers again.',
        ['suspect', 'drain'],
      ).default('suspect'),
      weights: choiceKey(
        "Servers' weights. `config`: those in haproxy.cfg. `auto`: weights follow readers and outbound bytes. They matter where HAProxy itself chooses a server.",
        ['config', 'auto'],
      ).default('config'),
    })
    .prefault({}),
  store: z
    .strictObject({
      folder: folderKey(
        "Where operators' intents and events are stored across restarts. One folder serves one agent. Without it, `$STATE_DIRECTORY` (set by systemd), else they are held in memory only.",
      ).optional(),
      redis: redisUrlKey(
        'A Redis or Valkey (7.0 or newer) that the agents of one fleet share, instead of a folder: orders given to one are carried out by all, and one of them at a time announces events.',
      ).optional(),
      ...redisKeys,
      prefix: storePrefixKey(
        'What every key in Redis begins with. Agents with the same prefix share a fleet; another fleet needs another prefix.',
      ).default('mtxpilot:'),
    })
    .prefault({}),
  servers: listKey(
    'The servers, if HAProxy cannot be asked for them. With this list, the agent does not use the socket.',
    staticServer,
    10_000,
  ).default([]),
  mediamtx: z
    .strictObject({
      api: apiUrlKey(
        'Control API of a server; `{address}` and `{name}` stand for those of the server.',
        'template',
      ).default('http://{address}:9997'),
      username: usernameKey('User for the Control APIs. Without it, no credentials are sent.').optional(),
      password: secretKey('Password for the Control APIs.').optional(),
      passwordFile: secretFileKey(
        'File that holds the password (a trailing newline is ignored). In a configuration file, relative to that file.',
      ).optional(),
      timeout: durationKey('Deadline of one call to a Control API.', 10, minuteMs).default(1000),
      servers: serverMapKey('Settings of individual servers, by name, where they differ.', serverOverride).default({}),
    })
    .prefault({}),
  directory: z
    .strictObject({
      interval: durationKey('Pause between two lists of all streams of a server.', 100, hourMs).default(1000),
      staleFor: durationKey(
        'How long the last good answer of a server is used while its API fails.',
        0,
        24 * hourMs,
      ).default(minuteMs),
      maxStreams: numberKey('Most streams held in memory.', 1, 10_000_000).default(500_000),
      suspectAfter: numberKey(
        'Consecutive failures of an API after which its server gets no new streams.',
        1,
        1000,
      ).default(3),
    })
    .prefault({}),
  lookup: z
    .strictObject({
      deadline: durationKey(
        'How long a request may wait for a stream that is not in the directory. Keep it below `timeout processing` of spoe.cfg (100ms).',
        1,
        minuteMs,
      ).default(80),
      ttl: durationKey('How long the result of a lookup is used.', 1, hourMs).default(2000),
      missTtl: durationKey('How long the result of a lookup counts when no server has the stream.', 1, hourMs).default(
        500,
      ),
      budget: numberKey(
        'Most lookups a second; beyond that, the directory alone answers. 0: no lookups.',
        0,
        1_000_000,
      ).default(100),
    })
    .prefault({}),
  peers: z
    .strictObject({
      listen: optionalListenKey(
        'Where HAProxy connects to its peer `mtxpilot`, to report who watches what. The protocol has no passwords: keep it on loopback. `off`: the agent reads the tables over `haproxy.socket` instead, every two seconds.',
      ).default({ host: '127.0.0.1', port: 9102 }),
      siblings: yesNoKey(
        'Whether the `peers` section of haproxy.cfg names other HAProxys too. A HAProxy that starts without tables then asks them as well.',
      ).default(false),
    })
    .prefault({}),
  viewers: z
    .strictObject({
      goneAfter: durationKey(
        'How long after its last request a viewer counts as gone. Keep it above the duration of a segment, and below `expire` of the table `sessions` (60s).',
        1000,
        10 * minuteMs,
      ).default(10_000),
      addresses: yesNoKey(
        'Whether viewers that are known only by their address (players that drop the query of the playlist) are shown with that address. `false`: with a pseudonym.',
      ).default(false),
    })
    .prefault({}),
  check: z
    .strictObject({
      atStart: yesNoKey(
        'Whether the agent looks at haproxy.cfg (`haproxy.config`, else the file that the running HAProxy names, if it can be read), HAProxy and the servers when it starts, and, if it is the only agent of its HAProxy, sends a canary through it. It logs what it finds.',
      ).default(true),
    })
    .prefault({}),
  events: z
    .strictObject({
      endGrace: durationKey(
        'How long a stream may be away before it counts as ended, and be published on several servers before that counts as a conflict.',
        0,
        hourMs,
      ).default(3000),
      unwatchedAfter: durationKey(
        'How long after its last viewer left a stream counts as unwatched.',
        0,
        hourMs,
      ).default(5000),
      viewers: yesNoKey('Whether each viewer that joins or leaves is an event.').default(false),
      keep: z
        .strictObject({
          count: numberKey('Most events stored.', 100, 10_000_000).default(100_000),
          age: durationKey('How long events are stored.', minuteMs, 365 * 24 * hourMs).default(7 * 24 * hourMs),
        })
        .prefault({}),
      webhooks: namedMapKey('Who receives events, by a name for logs and metrics.', webhook, 'webhook').default({}),
    })
    .prefault({}),
  holders: listKey(
    'What to do when several servers have a stream, by name. The first rule that matches counts; without one, `auto`.',
    holderRule,
    1000,
  ).default([]),
  relay: relay.prefault({}),
  log: z
    .strictObject({
      level: choiceKey('What is logged (JSON lines on standard error). `debug` has a line for each decision.', [
        'debug',
        'info',
        'warn',
        'error',
        'silent',
      ]).default('info'),
    })
    .prefault({}),
});

/**
 * The effective configuration, keys as in the file. Durations are milliseconds, addresses are taken apart, secrets are in the clear:
 * print it with printSettings only.
 */
export type Settings = z.output<typeof settingsSchema>;
