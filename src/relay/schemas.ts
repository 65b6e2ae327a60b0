import * as z from 'zod/mini';
import { RelayConfig, RelayOverview, RelayWhy } from '../api/schemas';
import { type HlsSettingName, hlsRanges, hlsSettingNames } from '../config';
import { windowLimits } from '../measure';
import { durationPattern, parseDuration } from '../wire';
import { usersName } from './hls-settings';
import { ownHeaders } from './provider-headers';
import { maxUrlLength, parseSourceUrl } from './source-url';
import { hlsModes } from './stream';

/*
 * What the relay's API takes and answers, written once: types, checks and the OpenAPI document are made of it. Names are those that scripts for
 * m3u-proxy know, but for what the agent passes on, which has the names of its API. Bodies may hold fields that are not named here, as they may there; they are ignored.
 */

/** A schema with what is allowed, for messages, and what it means. */
export function field<T extends z.ZodMiniType>(schema: T, allowed: string, description = allowed): T {
  return schema.check(z.meta({ allowed, description }));
}

const described = <T extends z.ZodMiniType>(schema: T, description: string): T => schema.check(z.describe(description));

const text = z.string();
const textOrNull = z.nullable(text);
const flag = z.boolean();
const count = z.int().check(z.gte(0));
const seconds = z.number().check(z.gte(0));
const time = z.string().check(z.meta({ format: 'date-time' }));
const timeOrNull = z.nullable(time);
const shownUrl = described(text, 'Scheme, host and port only: the rest of a URL of a provider is never shown.');
const texts = z.record(text, text);

const sourceUrl = field(
  z.string().check(
    z.refine((given) => parseSourceUrl(given).url !== undefined),
    z.meta({ pattern: '^[Hh][Tt][Tt][Pp][Ss]?://.+$', maxLength: maxUrlLength }),
  ),
  `an http:// or https:// URL of at most ${maxUrlLength} characters`,
);
/** Left out and null are the same in a body. */
const mayMiss = <T extends z.ZodMiniType>(schema: T) => z.nullish(schema);

const mostBackups = 100;
const mostEntries = 64;
const atMost = (most: number) => z.refine<object>((given) => Object.keys(given).length <= most);

const header = z.record(
  z.string().check(z.regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/)),
  z.string().check(z.regex(/^[\t\x20-\x7e\x80-\xff]{0,4096}$/)),
);

export const streamBody = z.object({
  url: sourceUrl,
  failover_urls: mayMiss(
    field(
      z.array(sourceUrl).check(z.maxLength(mostBackups)),
      `a list of at most ${mostBackups} http:// or https:// URLs`,
      'The backups, in the order in which they are tried.',
    ),
  ),
  failover_resolver_url: mayMiss(sourceUrl),
  user_agent: mayMiss(
    field(z.string().check(z.regex(/^[\x20-\x7e]{1,500}$/)), 'a line of 1 to 500 printable ASCII characters'),
  ),
  headers: mayMiss(
    field(
      header.check(atMost(mostEntries)),
      `an object of at most ${mostEntries} header names and their values`,
      `Sent to the provider; without ${ownHeaders.join(', ')}, which the relay says itself.`,
    ),
  ),
  hls: mayMiss(
    field(
      z.enum(hlsModes),
      'channel or passthrough',
      '`channel`, the default: one fetch loop for all players, which get a playlist of the relay. `passthrough`: the playlists of the provider, each session with its own requests.',
    ),
  ),
  max_bandwidth: mayMiss(
    field(
      z.int().check(z.gte(1), z.lte(1_000_000_000)),
      'a whole number from 1 to 1000000000',
      'Bits a second: of a master playlist, a channel reads the variant with the highest bandwidth that is not above it. Without it, the highest of all.',
    ),
  ),
  metadata: mayMiss(
    field(
      z.pipe(
        z
          .record(
            z.string().check(z.maxLength(128)),
            z.union([z.string().check(z.maxLength(1024)), z.number(), z.boolean()]),
          )
          .check(atMost(mostEntries)),
        z.transform((given) => Object.fromEntries(Object.entries(given).map(([key, value]) => [key, String(value)]))),
      ),
      `an object of at most ${mostEntries} texts, numbers, or true and false`,
      'Anything, for the calls by metadata; values become texts.',
    ),
  ),
});
export type StreamBody = z.output<typeof streamBody>;

/** The headers of a body as they are stored: names in lower case, without those that are not the stream's to say. */
export function storedHeaders(given: StreamBody['headers']): Record<string, string> {
  const all = Object.entries(given ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const);
  return Object.fromEntries(all.filter(([name]) => !ownHeaders.includes(name)));
}

export const testBody = z.object({ url: sourceUrl });

/** The names of events as users of m3u-proxy know them. */
export const hookEvents = [
  'stream_started',
  'stream_stopped',
  'stream_failed',
  'client_connected',
  'client_disconnected',
  'failover_triggered',
] as const;
const hookEvent = z.enum(hookEvents);

const isHookUrl = (given: string): boolean => {
  const { url } = parseSourceUrl(given);
  return url !== undefined && `${url.username}${url.password}${url.hash}` === '';
};
const hookUrl = field(
  z.string().check(z.maxLength(2048), z.refine(isHookUrl)),
  'an http:// or https:// URL without user, password and fragment, at most 2048 characters',
);
/** What receivers of webhooks know events as. */
export const hookShapes = ['m3u-proxy', 'orchestrator'] as const;
const hookShape = z.enum(hookShapes);
export const webhookBody = z.object({
  url: hookUrl,
  shape: mayMiss(
    field(
      hookShape,
      hookShapes.join(' or '),
      "Whose events they look like; `m3u-proxy` when left out. `orchestrator`: acestream-orchestrator's, which are POSTed to `/events/stream_started` and `/events/stream_ended` behind `url`; `events` may be these two, `stream_started` and `stream_stopped`, only.",
    ),
  ),
  events: field(
    z.array(hookEvent).check(z.minLength(1), z.maxLength(hookEvents.length)),
    `a list of some of ${hookEvents.join(', ')}`,
  ),
  headers: mayMiss(
    field(header.check(atMost(mostEntries)), `an object of at most ${mostEntries} header names and their values`),
  ),
  timeout: mayMiss(
    field(
      z.number().check(z.gte(0.1), z.lte(60)),
      'seconds, from 0.1 to 60',
      'Seconds for one attempt; 10 when left out.',
    ),
  ),
  retry_attempts: mayMiss(
    field(
      z.int().check(z.gte(0), z.lte(100)),
      'a whole number from 0 to 100',
      'Shown again, and nothing else: an event is tried for 24 hours.',
    ),
  ),
  secret: mayMiss(
    field(
      z.string().check(z.regex(/^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/)),
      'whsec_ and 24 to 64 bytes in base 64',
      'Signs every event by the rules of Standard Webhooks.',
    ),
  ),
});

/* Queries */

const word = (description: string) =>
  field(z.string().check(z.minLength(1), z.maxLength(1024)), 'given once, 1 to 1024 characters', description);
const optionalWord = (description: string) =>
  field(z.optional(z.string().check(z.maxLength(1024))), 'given once, at most 1024 characters', description);
const yes = ['true', '1', 'yes', 'on'];
const no = ['false', '0', 'no', 'off'];
const yesOrNo = (standard: boolean, description: string) =>
  field(
    z.pipe(
      z.optional(
        z.string().check(
          z.refine((given) => [...yes, ...no].includes(given.toLowerCase())),
          z.meta({ enum: ['true', 'false'], default: String(standard) }),
        ),
      ),
      z.transform((given) => (given === undefined ? standard : yes.includes(given.toLowerCase()))),
    ),
    'true or false',
    description,
  );

const byMetadata = {
  field: word('A key of the metadata.'),
  value: word('Its value.'),
};
const excluded = optionalWord('Streams whose metadata `id` is this are left alone.');
export const byMetadataQuery = z.object({
  ...byMetadata,
  active_only: yesOrNo(true, 'Only streams that have clients.'),
});
export const deleteByMetadataQuery = z.object({
  ...byMetadata,
  exclude_channel_id: excluded,
  client_id: optionalWord(
    'Only streams that this client plays. Where others play them too, only this client is disconnected.',
  ),
  force: yesOrNo(false, 'With `client_id`: delete such a stream whoever else plays it.'),
});
export const oldestByMetadataQuery = z.object({ ...byMetadata, exclude_channel_id: excluded });
export const countsQuery = z.object({
  field: byMetadata.field,
  values: optionalWord('Which values are counted, with commas; all when left out.'),
  active_only: yesOrNo(true, 'Only streams that have clients.'),
});
export const overviewQuery = z.object({
  match: optionalWord('Only streams whose id, or the `title` or `name` of whose metadata, has this in it.'),
});
export const webhookQuery = z.object({ webhook_url: word('The url of a webhook.') });
export const pathsQuery = z.object({
  itemsPerPage: field(
    z.optional(z.string().check(z.regex(/^[0-9]{1,10}$/))),
    'a whole number',
    'Paths a page; 100 when left out.',
  ),
  page: field(z.optional(z.string().check(z.regex(/^[0-9]{1,10}$/))), 'a whole number', 'From 0.'),
});

const { leastMs: shortestWindowMs, mostMs: longestWindowMs } = windowLimits;
export const standardWindowMs = 300_000;
const windowMs = (given: string): number | undefined => {
  if (given === '') return standardWindowMs;
  const asked = /^\d{1,7}$/.test(given) ? Number(given) * 1000 : parseDuration(given);
  return asked !== undefined && asked >= shortestWindowMs && asked <= longestWindowMs ? asked : undefined;
};
/** 15 to 3600. */
const bareSeconds = '1[5-9]|[2-9][0-9]|[1-9][0-9]{2}|[12][0-9]{3}|3[0-5][0-9]{2}|3600';
const windowPattern = durationPattern(shortestWindowMs, longestWindowMs, 'needed').slice(1, -1);
export const performanceQuery = z.object({
  operation: optionalWord('One of them; without it all are answered, as a list.'),
  window: field(
    z.pipe(
      z.optional(
        z.string().check(
          z.refine((given) => windowMs(given) !== undefined),
          z.meta({ pattern: `^(${windowPattern}|${bareSeconds})?$` }),
        ),
      ),
      z.transform((given) => windowMs(given ?? '') ?? standardWindowMs),
    ),
    'a duration from 15s to 1h (a bare number is seconds)',
    'How far to look back; 5m when left out. A bare number is seconds.',
  ),
});

/* Settings that may change at run time: whatever is given is taken, so that everything that is wrong can be told at once. */

const rangeOf = (name: HlsSettingName) => {
  const { unit, least: minimum, most: maximum } = hlsRanges[name];
  return { type: unit === 'segments' ? 'integer' : 'number', minimum, maximum };
};
const settingFields = (nullable: boolean) => {
  const fields = hlsSettingNames.map((name) => {
    const { type, ...range } = rangeOf(name);
    return [
      usersName(name),
      z.optional(z.unknown().check(z.meta({ type: nullable ? [type, 'null'] : type, ...range }))),
    ] as const;
  });
  const mode = z.meta({ enum: ['TS', 'HLS', ...(nullable ? [null] : [])] });
  return { ...Object.fromEntries(fields), stream_mode: z.optional(z.unknown().check(mode)) };
};
export const configQuery = z.looseObject(settingFields(false));
export const configBody = z.looseObject(settingFields(true));

/* Answers */

export const Stream = z.object({
  stream_id: text,
  original_url: shownUrl,
  current_url: described(shownUrl, 'The source that most of its clients play; the primary one while it has none.'),
  user_agent: text,
  client_count: count,
  total_bytes_served: count,
  total_segments_served: count,
  error_count: count,
  is_active: described(flag, 'It has clients, or had some within `relay.streamTimeout`.'),
  has_failover: flag,
  failover_urls: z.array(shownUrl),
  failover_resolver_url: z.nullable(shownUrl),
  current_failover_index: described(
    count,
    'Index in `failover_urls` of the current source; 0 for the primary one too.',
  ),
  failover_attempts: described(count, 'Times that a client went over to another source.'),
  last_failover_time: timeOrNull,
  stream_type: z.enum(['Live Continuous', 'VOD', 'HLS']),
  hls: described(z.enum(hlsModes), 'How HLS is given to players; without meaning for other streams.'),
  max_bandwidth: described(z.nullable(count), 'Bits a second; null: any.'),
  created_at: time,
  last_access: time,
  metadata: texts,
  headers: described(z.record(text, text), 'Their names; values may be secrets and read `(hidden)`.'),
});
export const Client = z.object({
  client_id: text,
  stream_id: text,
  user_agent: text,
  ip_address: text,
  username: textOrNull,
  bytes_served: count,
  segments_served: count,
  created_at: time,
  last_access: time,
  is_connected: flag,
  card: described(
    z.nullable(z.enum(['down', 'full'])),
    'Why it is shown a card: every source fails, or one has as many connections as it may have. Null while it plays a source.',
  ),
});
const proxyStats = {
  total_streams: count,
  active_streams: described(count, 'That have clients.'),
  total_clients: count,
  active_clients: count,
  total_bytes_served: count,
  total_segments_served: count,
  uptime_seconds: seconds,
};
export const ProxyStats = z.object(proxyStats);
export const Created = z.object({
  stream_id: text,
  primary_url: shownUrl,
  failover_urls: z.array(shownUrl),
  user_agent: text,
  stream_type: z.enum(['direct', 'hls']),
  stream_endpoint: described(text, 'Where players find it, without the root path.'),
  playlist_url: text,
  direct_url: text,
  message: text,
  metadata: texts,
});
export const StreamList = z.object({ streams: z.array(Stream), total: count });
export const StreamDetails = z.object({ stream: Stream, clients: z.array(Client), client_count: count });
export const ClientList = z.object({ total_clients: count, clients: z.array(Client) });
export const StreamStats = z.object({ total_streams: count, streams: z.array(Stream) });
export const Stats = z.object({ ...proxyStats, streams: z.array(Stream), clients: z.array(Client) });
const failoverStats = z.object({ total: count, by_trigger: z.record(text, count) });
const errorStats = z.object({ total: count, by_trigger: z.record(text, count) });
const Durations = z.object({
  operation: text,
  unit: z.literal('ms'),
  windowSeconds: seconds,
  coveredSeconds: seconds,
  count,
  errors: count,
  min: z.nullable(seconds),
  mean: z.nullable(seconds),
  p50: z.nullable(seconds),
  p95: z.nullable(seconds),
  p99: z.nullable(seconds),
  max: z.nullable(seconds),
});
const pool = z.object({ open: count });
export const DetailedStats = z.object({
  proxy_stats: ProxyStats,
  connection_pool_stats: pool,
  failover_stats: failoverStats,
  performance_metrics: z.object({ operations: z.array(Durations) }),
  error_stats: errorStats,
  stream_count: count,
  client_count: count,
});
export const PerformanceStats = z.object({
  connection_pool: pool,
  performance_metrics: z.object({ operations: z.array(Durations) }),
  failover_stats: failoverStats,
  error_stats: errorStats,
  timestamp: time,
});
export const Performance = z.union([Durations, z.object({ operations: z.array(Durations) })]);
export const Message = z.object({ message: text });
export const FailoverDone = z.object({
  message: text,
  new_url: shownUrl,
  failover_index: count,
  failover_attempts: count,
  active_clients: described(count, 'How many are moved.'),
  stream_type: Stream.shape.stream_type,
});
export const Root = z.object({
  status: z.literal('running'),
  message: text,
  version: text,
  uptime: seconds,
  stats: ProxyStats,
});
export const Health = z.object({
  status: z.literal('healthy'),
  root_path: text,
  version: text,
  uptime_seconds: seconds,
  active_streams: count,
  active_clients: count,
  total_bytes_served: count,
  stats: ProxyStats,
});
export const Info = z.object({
  version: text,
  hardware_acceleration: z.object({ enabled: flag, type: z.null(), device: z.null(), ffmpeg_args: z.array(text) }),
  redis: z.object({ enabled: flag, pooling_enabled: flag }),
  transcoding: z.object({ enabled: flag, profiles: z.record(text, text) }),
  configuration: z.object({
    default_user_agent: text,
    client_timeout: seconds,
    stream_timeout: seconds,
    max_streams: count,
    max_clients: count,
    max_retries: count,
  }),
  worker: z.object({ worker_id: text, multi_worker_mode: flag }),
});
export const Matching = z.object({
  filter: z.object({ field: text, value: text }),
  active_only: flag,
  matching_streams: z.array(
    z.object({
      stream_id: text,
      client_count: count,
      metadata: texts,
      last_access: time,
      is_active: flag,
      url: shownUrl,
      stream_type: Stream.shape.stream_type,
    }),
  ),
  total_matching: count,
  total_clients: count,
});
export const Counts = z.object({ field: text, active_only: flag, counts: z.record(text, count) });
export const Deleted = z.object({
  message: text,
  deleted_streams: z.array(text),
  skipped_streams: z.array(z.object({ stream_id: text, reason: text })),
  deleted_count: count,
});
export const OldestDeleted = z.object({
  message: text,
  deleted_stream: textOrNull,
  stream_age_seconds: z.nullable(seconds),
  deleted_count: count,
});
export const Tested = z.object({
  success: flag,
  message: text,
  status_code: z.nullable(z.int()),
  error: textOrNull,
  url_tested: shownUrl,
});
export const WebhookAdded = z.object({ message: text, webhook_url: text, events: z.array(hookEvent) });
export const WebhookList = z.object({
  webhooks: z.array(
    z.object({ url: text, shape: hookShape, events: z.array(hookEvent), timeout: seconds, retry_attempts: count }),
  ),
});
export const WebhookTested = z.object({ message: text, event_id: text });
export const Alive = z.object({ status: z.literal('ok'), version: text, uptimeSeconds: seconds });
export const Ready = z.object({ status: z.literal('ready') });
const Reader = z.object({ type: text, id: text });
export const Path = z.object({
  name: text,
  confName: text,
  source: z.nullable(z.object({ type: text, id: text })),
  ready: flag,
  readyTime: timeOrNull,
  available: flag,
  availableTime: timeOrNull,
  online: flag,
  onlineTime: timeOrNull,
  tracks: z.array(text),
  bytesReceived: count,
  bytesSent: count,
  inboundBytes: count,
  outboundBytes: count,
  readers: z.array(Reader),
});
export const PathList = z.object({ pageCount: count, itemCount: count, items: z.array(Path) });
export const ServerInfo = z.object({ version: text, started: time });
export const Problem = z.object({
  type: text,
  title: text,
  status: z.int(),
  detail: text,
  given: z.optional(text),
  allowed: z.optional(text),
  error: z.optional(text),
});

const configured = described(seconds, 'Seconds, as the configuration says.');
const proxyConfig = {
  stream_mode: z.enum(['TS', 'HLS']),
  hls_max_segments: count,
  hls_initial_segments: count,
  hls_window_size: count,
  hls_buffer_ready_timeout: seconds,
  hls_first_segment_timeout: seconds,
  hls_initial_buffer_seconds: seconds,
  hls_max_initial_segments: count,
  hls_segment_fetch_interval: seconds,
  connection_timeout: configured,
  initial_data_wait_timeout: configured,
  stream_timeout: configured,
};
export const ProxyConfig = z.object(proxyConfig);
export const ProxyConfigChanged = z.object({ message: text, ...proxyConfig });

export { RelayConfig, RelayOverview, RelayWhy };

/** The schemas of answers that the OpenAPI document names. */
export const contract = {
  Alive,
  Client,
  ClientList,
  Counts,
  Created,
  Deleted,
  DetailedStats,
  FailoverDone,
  Health,
  Info,
  Matching,
  Message,
  OldestDeleted,
  Path,
  PathList,
  Performance,
  PerformanceStats,
  Problem,
  ProxyConfig,
  ProxyConfigChanged,
  ProxyStats,
  Ready,
  RelayConfig,
  RelayOverview,
  RelayWhy,
  Root,
  ServerInfo,
  Stats,
  Stream,
  StreamDetails,
  StreamList,
  StreamStats,
  Tested,
  WebhookAdded,
  WebhookList,
  WebhookTested,
} as const;
