import { z } from 'zod';
import { eventTypes } from '../events/event';
import {
  apiUrlKey,
  choiceKey,
  choicesKey,
  durationKey,
  filePathKey,
  folderKey,
  haproxyNameKey,
  hostPortKey,
  listenKey,
  listKey,
  namedMapKey,
  numberKey,
  optionalListenKey,
  optionalMapFileKey,
  optionalSocketListenKey,
  ownSocketKey,
  redisUrlKey,
  secretFileKey,
  secretKey,
  serverMapKey,
  socketKey,
  storePrefixKey,
  streamPatternKey,
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
  api: apiUrlKey('Its Control API. Without it: `mediamtx.api`.', 'plain').optional(),
});

const serverOverride = z.strictObject({
  api: apiUrlKey("This server's Control API, instead of `mediamtx.api`.", 'plain').optional(),
  username: usernameKey('User for this server, instead of `mediamtx.username`.').optional(),
  password: secretKey('Password for this server, instead of `mediamtx.password`.').optional(),
  passwordFile: secretFileKey('File that holds this password.').optional(),
});

const haproxyNode = z.strictObject({
  name: haproxyNameKey('What this HAProxy is called in logs, metrics and answers.'),
  socket: socketKey('Its `stats socket`, with `level admin`.'),
});

const webhook = z.strictObject({
  url: webhookUrlKey('Where each event is POSTed, as CloudEvents 1.0 in JSON. Every answer 2xx is a yes.'),
  types: choicesKey('Only events of these types. Without it: all.', eventTypes).default([]),
  streams: streamPatternKey('Only events of streams whose names fit, as in `holders`.').optional(),
  token: secretKey('Sent as `Authorization: Bearer`.').optional(),
  tokenFile: secretFileKey('File that holds the token.').optional(),
  secret: webhookSecretKey(
    'Signs every event by the rules of Standard Webhooks, so that the receiver knows who sent it.',
  ).optional(),
  secretFile: secretFileKey('File that holds this secret.').optional(),
  timeout: durationKey('Deadline of one attempt.', 100, minuteMs).default(10_000),
  giveUpAfter: durationKey(
    'Age at which an event that could not be delivered is laid among the dead letters.',
    minuteMs,
    30 * 24 * hourMs,
  ).default(24 * hourMs),
});

const holderRule = z.strictObject({
  match: streamPatternKey(
    'Names of streams: `*` stands for any characters within one part of the path, `**` for any characters.',
  ),
  policy: choiceKey(
    '`newest`: the newest publisher has the stream. `spread`: all holders are replicas, sessions are spread.',
    ['newest', 'spread'],
  ),
});

/**
 * Every key of the configuration with its type, bounds, default and meaning. Error messages, flags, environment variables, `mtxpilot config`
 * and the configuration reference are all made from this.
 */
export const settingsSchema = z.strictObject({
  spoe: z
    .strictObject({
      listen: optionalSocketListenKey(
        'Where HAProxy asks over SPOE. A Unix socket (everybody who reaches its folder may use it) costs both less than TCP, most on HAProxy 3.1 and newer. `off` when only the Lua bridge is used.',
      ).default({
        host: '127.0.0.1',
        port: 9100,
      }),
      maxConnections: numberKey('SPOE connections at a time; more are closed at once.', 1, 100_000).default(1000),
    })
    .prefault({}),
  http: z
    .strictObject({
      listen: listenKey(
        'Where the HTTP API, the metrics and the Lua bridge are served. Reading is open to everybody who reaches it.',
      ).default({ host: '127.0.0.1', port: 9101 }),
      adminSocket: ownSocketKey(
        'Unix socket (mode 0600) with the same API, over which changes need no token; the command line uses it. `auto`: `/run/mtxpilot/admin.sock`, or where that cannot be made, below `$XDG_RUNTIME_DIR` or the folder for temporary files. `off`: none.',
      ).default('auto'),
      token: secretKey(
        'What `Authorization: Bearer` must hold for changes over TCP. Without it they are refused there.',
        16,
      ).optional(),
      tokenFile: secretFileKey(
        'File that holds the token (a line end at its end is dropped). In a configuration file, relative to that file.',
      ).optional(),
      viewersUrl: apiUrlKey(
        "Where viewers come in (HAProxy's frontend) as browsers reach it, for the dashboard's previews. Without it: port 8080 of the host that the dashboard was opened on.",
        'plain',
      ).optional(),
    })
    .prefault({}),
  haproxy: z
    .strictObject({
      socket: socketKey(
        'The `stats socket` of haproxy.cfg, with `level admin`: the servers are read from it, and kept as they should be.',
      ).default({
        path: '/run/haproxy/admin.sock',
      }),
      nodes: listKey(
        'Every HAProxy, where there are several; instead of `haproxy.socket`. Each knows the same servers by the same names.',
        haproxyNode,
        64,
      ).default([]),
      backend: haproxyNameKey('The backend of haproxy.cfg that holds the MediaMTX servers.').default('mtx'),
      interval: durationKey("Pause between two looks at HAProxy's servers.", 100, hourMs).default(1000),
      map: optionalMapFileKey(
        'The map of haproxy.cfg that is kept filled with the streams and their servers, so that HAProxy need not ask. `off`: it asks for each master playlist.',
      ).default('routes.map'),
      config: filePathKey(
        'The configuration of HAProxy, which is checked when the agent starts and by `mtxpilot check`. Relative to where the program is started.',
      ).optional(),
      bin: filePathKey('The haproxy program, for `mtxpilot check`: a path, or a name to be found in PATH.').default(
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
        '`config`: those of haproxy.cfg. `auto`: they follow readers and outbound bytes; they count where HAProxy itself chooses a server.',
        ['config', 'auto'],
      ).default('config'),
    })
    .prefault({}),
  store: z
    .strictObject({
      folder: folderKey(
        "Where operators' intents and events outlive a restart. One folder serves one agent. Without it: `$STATE_DIRECTORY` (set by systemd), else they are kept in memory only.",
      ).optional(),
      redis: redisUrlKey(
        'A Redis or Valkey (7.0 or newer) that the agents of one fleet share, instead of a folder: orders given to one are carried out by all, and one of them at a time tells events.',
      ).optional(),
      username: usernameKey('User for Redis (an ACL user). Without it: the default user.').optional(),
      password: secretKey('Password for Redis.').optional(),
      passwordFile: secretFileKey(
        'File that holds this password (a line end at its end is dropped). In a configuration file, relative to that file.',
      ).optional(),
      prefix: storePrefixKey(
        'What every key in Redis begins with. Agents with the same prefix share a fleet; another fleet needs another one.',
      ).default('mtxpilot:'),
    })
    .prefault({}),
  servers: listKey(
    'The servers, where HAProxy cannot be asked for them. With this list the socket is not used.',
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
        'File that holds the password (a line end at its end is dropped). In a configuration file, relative to that file.',
      ).optional(),
      timeout: durationKey('Deadline of one call to a Control API.', 10, minuteMs).default(1000),
      servers: serverMapKey('What differs for single servers, by name.', serverOverride).default({}),
    })
    .prefault({}),
  directory: z
    .strictObject({
      interval: durationKey('Pause between two lists of all streams of a server.', 100, hourMs).default(1000),
      staleFor: durationKey(
        'How long the last good answer of a server counts when its API fails.',
        0,
        24 * hourMs,
      ).default(minuteMs),
      maxStreams: numberKey('Streams that are kept in memory at most.', 1, 10_000_000).default(500_000),
      suspectAfter: numberKey('Failures of an API in a row until its server gets no new streams.', 1, 1000).default(3),
    })
    .prefault({}),
  lookup: z
    .strictObject({
      deadline: durationKey(
        'How long a request may wait for a stream that is not in the directory. Keep it below `timeout processing` of spoe.cfg (100ms).',
        1,
        minuteMs,
      ).default(80),
      ttl: durationKey('How long the result of a lookup counts.', 1, hourMs).default(2000),
      missTtl: durationKey('How long it counts that nobody has a stream.', 1, hourMs).default(500),
      budget: numberKey(
        'Lookups a second at most; above, the directory alone answers. 0: no lookups.',
        0,
        1_000_000,
      ).default(100),
    })
    .prefault({}),
  peers: z
    .strictObject({
      listen: optionalListenKey(
        'Where HAProxy connects to its peer `mtxpilot`, over which it tells who watches what. The protocol has no passwords: keep it on loopback. `off`: the tables are read over `haproxy.socket` instead, every two seconds.',
      ).default({ host: '127.0.0.1', port: 9102 }),
      siblings: yesNoKey(
        'Whether the `peers` section of haproxy.cfg names other HAProxys too. A HAProxy that starts without tables then asks them as well.',
      ).default(false),
    })
    .prefault({}),
  viewers: z
    .strictObject({
      goneAfter: durationKey(
        'How long after its last request a viewer is gone. Keep it above the length of the segments, and below `expire` of the table `sessions` (60s).',
        1000,
        10 * minuteMs,
      ).default(10_000),
      addresses: yesNoKey(
        'Whether viewers that are known by their address (players that leave out the query of the playlist) are shown with it. `false`: a made-up word stands for it.',
      ).default(false),
    })
    .prefault({}),
  check: z
    .strictObject({
      atStart: yesNoKey(
        'Whether the agent looks at haproxy.cfg (`haproxy.config`, else what the running HAProxy names, where it can be read), HAProxy and the servers when it starts, and sends a canary through HAProxy where it is its only agent; what it finds becomes log lines.',
      ).default(true),
    })
    .prefault({}),
  events: z
    .strictObject({
      endGrace: durationKey(
        'How long a stream may be away before it has ended, and be published on several servers before that is a conflict.',
        0,
        hourMs,
      ).default(3000),
      unwatchedAfter: durationKey('How long after its last viewer left a stream is unwatched.', 0, hourMs).default(
        5000,
      ),
      viewers: yesNoKey('Whether each viewer that joins and leaves is an event.').default(false),
      keep: z
        .strictObject({
          count: numberKey('Events that are kept at most.', 100, 10_000_000).default(100_000),
          age: durationKey('How long events are kept.', minuteMs, 365 * 24 * hourMs).default(7 * 24 * hourMs),
        })
        .prefault({}),
      webhooks: namedMapKey('Who is told of events, by a name for logs and metrics.', webhook, 'webhook').default({}),
    })
    .prefault({}),
  holders: listKey(
    'What to do when several servers have a stream, by name; the first rule that matches counts, `newest` without one.',
    holderRule,
    1000,
  ).default([]),
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
