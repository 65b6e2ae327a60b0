import {
  type IntentKind,
  intentKinds,
  longestDeadlineMs,
  longestOperator,
  longestReason,
  shortestDeadlineMs,
} from '../control';
import { holderPolicies } from '../directory';
import { eventIdPattern, eventTypes } from '../events';
import { bodyLimitBytes, type ProblemName, problemTitles } from '../http';
import { operationNames, operations, windowLimits } from '../measure';
import { maxStreamNameLength, streamNamePattern } from '../mediamtx';
import { decisionStates, ruleNames } from '../router';
import { durationPattern, ownValue } from '../wire';
import { streamNameRule } from './bad-stream-name';
import { fieldRules, serverNames } from './bodies';
import { deadLetterCursor, pageLimit, timePattern, viewerCursor, wordLimit } from './parameters';
import { defaultWindow, windowRule } from './performance';
import { mostStreamsCounted } from './viewer-page';

/** A JSON Schema (2020-12) or a part of the document; the tests hold the contents true against real answers. */
type Json = { readonly [key: string]: unknown };

const text = { type: 'string' };
const textOrNull = { type: ['string', 'null'] };
const count = { type: 'integer', minimum: 0 };
const countOrNull = { type: ['integer', 'null'], minimum: 0 };
const time = { type: 'string', format: 'date-time', description: 'RFC 3339.' };
const flag = { type: 'boolean' };
const ageMs = { type: 'number', minimum: 0, description: 'Milliseconds.' };
const ageMsOrNull = { ...ageMs, type: ['number', 'null'] };
const msOrNull = { type: ['number', 'null'], minimum: 0 };
const evidenceSource = { enum: ['inventory', 'lookup', 'push'], description: 'How the fact became known.' };
const serverOrNull = {
  ...textOrNull,
  description: "The server's name in haproxy.cfg; null exactly when the state is `unknown`.",
};

/** An object of which every field is always there; one that is not known is null. */
const record = (properties: Json, description?: string): Json => ({
  type: 'object',
  ...(description === undefined ? {} : { description }),
  required: Object.keys(properties),
  properties,
});
/** As a record, or null. */
const recordOrNull = (properties: Json, description: string): Json => ({
  ...record(properties, description),
  type: ['object', 'null'],
});
const list = (items: Json): Json => ({ type: 'array', items });
const reference = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });

/** How many view something, and did at most. */
const counted = {
  viewers: count,
  peak: { ...count, description: 'The most that there were at a time.' },
  peakAt: {
    ...textOrNull,
    description: 'RFC 3339: when they were so many for the first time; null when there never was one.',
  },
};
const viewersOrNull = {
  ...countOrNull,
  description: 'By HLS, through HAProxy; null while no HAProxy has told who is there.',
};

const readersByProtocol = record(
  { rtsp: count, rtmp: count, srt: count, webrtc: count, other: count },
  'Readers that MediaMTX serves without HAProxy, by how they read.',
);

const schemas: Json = {
  DecisionState: {
    enum: decisionStates,
    description:
      '`located`: a server has the stream live, or shows its filler while the publisher is away. `placed`: nobody has it, the server is where it should start. ' +
      '`unknown`: there is not enough evidence, HAProxy uses its own memory.',
  },
  Route: record({ stream: text, session: text, state: reference('DecisionState'), server: serverOrNull }),
  Holder: record(
    {
      server: text,
      publisherSince: {
        ...textOrNull,
        description: 'RFC 3339, as MediaMTX gave it, but not later than when it was first seen.',
      },
      sourceType: textOrNull,
      pulled: { ...flag, description: 'The server pulls a copy from elsewhere; nobody publishes there.' },
      tracks: list(text),
      readers: { ...count, description: 'By other ways than HLS.' },
      readersByProtocol,
      bytesReceived: count,
      bytesSent: count,
      evidence: record({
        source: evidenceSource,
        ageMs,
        stale: { ...flag, description: "The server's Control API has not confirmed it lately: a last good answer." },
      }),
    },
    'One server that has the stream live.',
  ),
  Stream: record({
    name: text,
    holders: { ...list(reference('Holder')), description: 'The chosen one first; none while there is only a filler.' },
    fillers: {
      ...list(text),
      description: 'Servers on which the path is always available and the publisher is away: they show their filler.',
    },
    conflict: { ...flag, description: 'More than one publisher, without being replicated on purpose.' },
    policy: { enum: holderPolicies },
    viewers: viewersOrNull,
  }),
  StreamList: record({
    streams: { ...list(reference('Stream')), maxItems: pageLimit.max, description: 'Sorted by name.' },
    total: { ...count, description: 'How many streams match, on this page or not.' },
    next: { ...textOrNull, description: 'The `cursor` of the next page; null on the last one.' },
  }),
  Intent: recordOrNull(
    {
      kind: { enum: intentKinds },
      reason: text,
      operator: { ...text, description: 'Who asked, as he named himself.' },
      since: time,
      deadline: { ...textOrNull, description: 'Of a drain: when it turns to maint.' },
    },
    'What an operator wants of a server; null when nobody has said.',
  ),
  ControlledServer: record(
    {
      name: text,
      intent: reference('Intent'),
      wanted: {
        enum: [...intentKinds, 'external'],
        description: 'What control wants now; `external`: somebody set it by hand in HAProxy, and it is left alone.',
      },
      because: { ...text, description: 'Why, in one sentence.' },
      nodes: {
        ...list(
          record({
            node: text,
            operational: { enum: ['UP', 'DOWN', 'UNKNOWN'] },
            administrative: { enum: intentKinds },
            weight: count,
            viewers: { ...countOrNull, description: 'Sessions that point there; null while they are not known.' },
          }),
        ),
        description: 'How each HAProxy sees the server.',
      },
      api: { enum: ['unknown', 'ok', 'failing', 'suspect'] },
      viewersLeft: {
        ...countOrNull,
        description:
          "The greater of HAProxy's sessions and MediaMTX's HLS sessions, and readers by other ways; null while that is not known: nobody counted is not nobody.",
      },
      readers: count,
      onlyHere: { ...list(text), maxItems: 100, description: 'Streams that are live there and nowhere else.' },
      onlyHereCount: { ...countOrNull, description: 'How many they are, listed or not; null until they are counted.' },
      safeToStop: flag,
      notSafeBecause: { ...text, description: 'Empty when it is safe.' },
    },
    'What control knows and wants of a server.',
  ),
  Move: record({ stream: text, server: text, reason: text, operator: text, since: time }),
  MoveList: record({ moves: list(reference('Move')) }),
  StreamMove: record(
    { stream: text, move: { anyOf: [reference('Move'), { type: 'null' }] } },
    'The move in force; null when there is none.',
  ),
  Viewer: record(
    {
      stream: text,
      session: {
        ...text,
        description:
          'Tells this play of the stream from others; a made-up word where it is an address, unless viewers.addresses is set.',
      },
      server: { ...textOrNull, description: 'The server that the session is bound to.' },
      node: { ...text, description: 'The HAProxy that it used last.' },
      joined: time,
      lastSeen: time,
      watchedSeconds: { type: 'number', minimum: 0, description: 'From the first to the last request.' },
      bytes: { ...countOrNull, description: 'Sent to it since it joined; null where HAProxy does not count them.' },
      certain: { ...flag, description: 'False while its HAProxy is out of reach.' },
    },
    'One play of one stream by one player, over all HAProxys.',
  ),
  ViewerList: record({
    total: record(counted, 'All viewers, whether asked for or not.'),
    streams: {
      ...list(record({ name: text, ...counted })),
      maxItems: mostStreamsCounted,
      description:
        'The most watched ones first; with `stream`, only that one. Peaks are remembered for a while after the last viewer left.',
    },
    servers: { ...list(record({ name: text, ...counted })), description: 'With `server`, only that one.' },
    nodes: {
      ...list(record({ name: text, ...counted, up: { ...flag, description: 'Whether it is heard now.' } })),
      description: 'By HAProxy.',
    },
    readers: readersByProtocol,
    viewers: {
      ...list(reference('Viewer')),
      maxItems: pageLimit.max,
      description: 'In no order; who stays is listed once.',
    },
    next: { ...textOrNull, description: 'The `cursor` of the next page; null on the last one.' },
  }),
  Event: record(
    {
      specversion: { const: '1.0' },
      id: { ...text, description: 'Ascending as text: the cursor, and `Last-Event-ID`.' },
      time,
      source: text,
      type: { enum: eventTypes },
      subject: { ...textOrNull, description: 'The stream, or the server where there is no stream.' },
      datacontenttype: { const: 'application/json' },
      data: { type: 'object' },
    },
    'CloudEvents 1.0, JSON format.',
  ),
  EventList: record({
    events: { ...list(reference('Event')), maxItems: pageLimit.max, description: 'Oldest first.' },
    next: { ...textOrNull, description: 'The `after` with which to go on; null when there is nothing yet.' },
  }),
  Webhook: record(
    {
      name: text,
      types: { ...list({ enum: eventTypes }), description: 'Which events it wants; none listed: all.' },
      streams: { ...textOrNull, description: 'Only events of streams whose names fit.' },
      signed: flag,
      state: {
        enum: ['delivering', 'failing', 'gone', 'elsewhere'],
        description:
          '`failing`: the last attempt failed, it is tried again. `gone`: it answered 410; nothing is sent until a replay is asked for or its url changes. ' +
          '`elsewhere`: another of the agents that share a store delivers, and knows how it does.',
      },
      trouble: { ...textOrNull, description: 'Why the last attempt failed.' },
      waiting: { ...countOrNull, description: 'Events that it has yet to get; null where another agent delivers.' },
      oldestAgeMs: { ...ageMsOrNull, description: 'Age of the oldest of them, in milliseconds; 0 without one.' },
    },
    'A receiver of events, as events.webhooks names it. Its url is not shown: it may hold secrets.',
  ),
  WebhookList: record({ webhooks: list(reference('Webhook')) }),
  DeadLetter: record(
    {
      webhook: text,
      event: reference('Event'),
      attempts: count,
      reason: { ...text, description: 'Why the last attempt failed.' },
      time: { ...time, description: 'RFC 3339: when it was given up.' },
    },
    'An event that could not be delivered for longer than giveUpAfter.',
  ),
  DeadLetterList: record({
    deadLetters: { ...list(reference('DeadLetter')), maxItems: pageLimit.max, description: 'The latest events first.' },
    next: { ...textOrNull, description: 'The `cursor` of the next page; null on the last one.' },
  }),
  Redelivery: record({
    delivered: { ...count, description: 'They are dead letters no more.' },
    failed: count,
    trouble: { ...textOrNull, description: 'Why the last one failed.' },
  }),
  Report: record({
    stream: { ...textOrNull, description: 'The stream whose servers are asked now; null when there is no need to.' },
  }),
  Explanation: record({
    stream: text,
    session: textOrNull,
    state: reference('DecisionState'),
    server: serverOrNull,
    rule: { enum: ruleNames },
    because: { ...text, description: 'The rule in one sentence.' },
    evidence: list(
      record({
        server: text,
        says: { enum: ['live', 'not live', 'no answer'] },
        source: { ...evidenceSource, enum: [...evidenceSource.enum, null] },
        ageMs: ageMsOrNull,
        stale: flag,
        path: {
          enum: ['startable', 'configured', 'not configured', 'unknown', null],
          description:
            'What a server that has not got the stream could do about it: start it for a viewer, wait for its publisher, nothing; or it has not said. Null where it has the stream.',
        },
      }),
    ),
    move: { anyOf: [reference('Move'), { type: 'null' }], description: "An operator's choice that is in force." },
    haproxy: {
      type: ['array', 'null'],
      description: 'What each HAProxy holds; null where none is controlled.',
      items: record({
        node: text,
        lastServer: { ...textOrNull, description: 'The server in the stick table `streams`.' },
        route: { ...textOrNull, description: 'The server that routes.map names.' },
        sessions: { type: 'object', additionalProperties: count, description: 'Sessions of the stream, by server.' },
        error: { ...textOrNull, description: 'Why it could not be asked.' },
      }),
    },
    next: { ...list(text), description: 'What would happen next to viewers, in sentences.' },
  }),
  Server: record({
    name: text,
    address: text,
    port: { type: 'integer', minimum: 0, maximum: 65_535 },
    apiUrl: text,
    operational: { enum: ['UP', 'DOWN', 'UNKNOWN'], description: "HAProxy's operational state." },
    administrative: { enum: ['ready', 'drain', 'maint'], description: "HAProxy's administrative state." },
    backup: { ...flag, description: 'HAProxy uses it only when no other server is left.' },
    api: record({
      health: { enum: ['unknown', 'ok', 'failing', 'suspect'] },
      consecutiveFailures: count,
      lastError: textOrNull,
      inventoryAgeMs: ageMsOrNull,
      inventoryTookMs: ageMsOrNull,
      version: textOrNull,
      era: { enum: ['pre-session', 'session', null] },
    }),
    streams: count,
    readers: { ...count, description: 'By other ways than HLS.' },
    readersByProtocol,
    hlsSessions: {
      ...count,
      description:
        'HLS viewers as MediaMTX v1.18 and newer counts them; those who came through HAProxy are among `viewers`.',
    },
    viewers: viewersOrNull,
    control: {
      anyOf: [reference('ControlledServer'), { type: 'null' }],
      description: 'Null where no HAProxy is controlled.',
    },
  }),
  ServerList: record({
    servers: list(reference('Server')),
    emptySlots: {
      ...list(
        record({
          name: text,
          hostName: { ...text, description: 'What HAProxy resolves: a host name or the name of an SRV record.' },
          intent: { ...reference('Intent'), description: 'What will be wanted of the next server in the slot.' },
        }),
      ),
      description:
        'Entries of haproxy.cfg for which no HAProxy has an address, such as unused slots of a `server-template`. They are no servers: not asked, not counted.',
    },
  }),
  OperationTimes: record(
    {
      operation: { enum: operationNames },
      unit: { const: 'ms', description: 'Of every figure from `min` to `max`.' },
      windowSeconds: { type: 'number', description: 'What was asked for.' },
      coveredSeconds: {
        type: 'number',
        minimum: 0,
        description: 'What was looked at: up to 15 s more, or less while there is no more.',
      },
      count,
      errors: { ...count, description: 'Of them, those that failed.' },
      min: msOrNull,
      mean: msOrNull,
      p50: msOrNull,
      p95: msOrNull,
      p99: msOrNull,
      max: msOrNull,
    },
    'How long operations took, failed ones included; null without any. `min`, `mean` and `max` are exact; the others are within 1.6 % of the ' +
      'operation of that rank (below 1 µs: within 16 ns).',
  ),
  OperationTimesList: record({ operations: list(reference('OperationTimes')) }),
  Health: record({ status: { const: 'ok' }, version: text, uptimeSeconds: { type: 'number', minimum: 0 } }),
  Readiness: record({
    status: { const: 'ready' },
    store: recordOrNull(
      {
        up: { type: 'boolean', description: 'Whether the store keeps what is written.' },
        failure: { ...textOrNull, description: 'Why it does not.' },
        damage: {
          ...textOrNull,
          description: 'What was found damaged when the agent started, and is lost. The store works nevertheless.',
        },
        leader: { type: 'boolean', description: 'Whether this agent tells events, of those that share the store.' },
      },
      'Routing needs no store.',
    ),
  }),
  Problem: {
    type: 'object',
    description: 'RFC 9457.',
    required: ['type', 'title', 'status', 'detail'],
    properties: {
      type: { ...text, format: 'uri-reference', description: 'Points to the response in this document.' },
      title: text,
      status: { type: 'integer' },
      detail: text,
      given: { ...text, description: 'What was sent, cut when long.' },
      allowed: { ...text, description: 'What would have been right.' },
    },
  },
};

const stateHeader = {
  description: 'The state again, for callers that read no JSON.',
  schema: reference('DecisionState'),
};
const serverHeader = { description: 'The server again; absent when there is none.', schema: text };
const stoppingHeader = {
  description: 'The agent is about to end: ask another one next time. Absent otherwise.',
  schema: { type: 'string', enum: ['1'] },
};

const problemResponse = (name: ProblemName): [string, Json] => {
  const [status, title] = problemTitles[name];
  return [
    name,
    {
      description: `${status}: ${title}.`,
      content: { 'application/problem+json': { schema: reference('Problem') } },
    },
  ];
};
const problemNames = Object.keys(problemTitles) as ProblemName[];

/** Answers that every path can give. */
const everywhere: readonly ProblemName[] = ['MethodNotAllowed', 'UrlTooLong', 'UnknownHost', 'InternalError'];

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly Json[];
  /** The schema of the answer, or its whole content. */
  readonly answer: string | Json;
  /** 200 when left out. */
  readonly status?: number;
  readonly headers?: Json;
  /** The schema of the body. */
  readonly body?: Json;
  /** It may be left out. Default false. */
  readonly isBodyOptional?: boolean;
  readonly problems?: readonly ProblemName[];
}

const operation = (described: Operation): Json => {
  const { answer, status = 200, headers, body, isBodyOptional = false, problems = [], ...rest } = described;
  const content = typeof answer === 'string' ? { 'application/json': { schema: reference(answer) } } : answer;
  const ok = { description: 'Yes.', ...(headers === undefined ? {} : { headers }), content };
  const refusals = new Map<string, ProblemName>();
  for (const name of [...problems, ...everywhere]) {
    const code = String(problemTitles[name][0]);
    if (!refusals.has(code)) refusals.set(code, name);
  }
  const responses = [...refusals].map(([code, name]) => [code, { $ref: `#/components/responses/${name}` }] as const);
  return {
    ...rest,
    ...(body === undefined
      ? {}
      : { requestBody: { required: !isBodyOptional, content: { 'application/json': { schema: body } } } }),
    responses: { [status]: ok, ...Object.fromEntries(responses) },
  };
};
const get = (described: Operation): Json => ({ get: operation(described) });

/** A change: what it can meet on its way besides, and who may. */
const change = (described: Operation): Json => ({
  ...operation({
    ...described,
    problems: [
      'BadBody',
      'NotAuthorized',
      'ChangesRefused',
      ...(described.problems ?? []),
      'BodyTooLarge',
      'NotJson',
      'NotAvailable',
      'NoHaproxy',
    ],
  }),
  security: [{ token: [] }],
});

/** A body of which fields may be left out, but for those named. */
const fields = (properties: Readonly<Record<string, Json>>, required: readonly string[] = []): Json => ({
  type: 'object',
  additionalProperties: false,
  required,
  properties: Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, { description: ownValue(fieldRules, name), ...schema }]),
  ),
});
/** Whole texts only, in the syntax that ECMAScript, Python and Rust share. */
const fits = (pattern: string | RegExp): Json => ({
  type: 'string',
  pattern: typeof pattern === 'string' ? pattern : pattern.source,
});
const orNull = (schema: Json): Json => ({ ...schema, type: ['string', 'null'] });
const atMost = (maxLength: number): Json => ({ type: 'string', maxLength });
const word = atMost(wordLimit);
const breaks = '\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029';
const by = {
  reason: { ...fits(`^[^${breaks}]*$`), maxLength: longestReason },
  operator: {
    ...fits(`^[^${breaks}]*[^\\s\\ufeff${breaks}][^${breaks}]*$`),
    minLength: 1,
    maxLength: longestOperator,
  },
};
const aStream = { ...fits(streamNamePattern), minLength: 1, maxLength: maxStreamNameLength };
const aServer = fits(serverNames);
const anEvent = fits(`^${eventIdPattern}$`);
const aTime = fits(`^${timePattern}$`);
/** As a parameter of a query, which may be empty. */
const orEmpty = (pattern: string): Json => fits(`^(${pattern})?$`);

const query = (name: string, description: string, schema: Json = text, required = false): Json => ({
  name,
  in: 'query',
  description,
  required,
  schema,
});

/** How many items a page has. */
const limit = (description: string): Json =>
  query('limit', description, { type: 'integer', minimum: 1, maximum: pageLimit.max, default: pageLimit.default });
const streamName: Json = {
  name: 'name',
  in: 'path',
  required: true,
  description:
    `A stream's name: ${streamNameRule}. Its slashes may be raw or %2F. ` +
    'A last component `why` belongs to the name only when its slash is encoded: `/v1/streams/x%2Fwhy` is the stream `x/why`.',
  schema: aStream,
};
const sessionParameter = query(
  'session',
  'The viewing session, which picks one of several holders of a replicated stream.',
);

const serverName: Json = {
  name: 'name',
  in: 'path',
  required: true,
  description: "The server's name in haproxy.cfg.",
  schema: text,
};
const aDeadline: Json = {
  ...fits(durationPattern(shortestDeadlineMs, longestDeadlineMs, 'may be left out')),
  type: ['string', 'integer', 'null'],
  minimum: shortestDeadlineMs,
  maximum: longestDeadlineMs,
};
const serverChange = (kind: IntentKind, summary: string, body: Json): Json => ({
  post: change({
    operationId: kind,
    summary,
    description: 'Kept over restarts of agent and HAProxy until another one replaces it, and applied at once.',
    parameters: [serverName],
    body,
    answer: 'ControlledServer',
    problems: ['NoSuchServer'],
  }),
});

const replayed = {
  webhook: { ...orNull(word), description: 'A name of events.webhooks; all of them without it.' },
  ...by,
};
const replayAfter = { description: 'The id of an event: those after it.' };
const replaySince = { description: 'A time (RFC 3339): events from then on.' };
const aType = eventTypes.map((type) => type.replace('.', '\\.')).join('|');

const paths: Json = {
  '/v1/route': get({
    operationId: 'route',
    summary: 'Which server has this stream?',
    parameters: [query('stream', `The stream's name: ${streamNameRule}.`, aStream, true), sessionParameter],
    answer: 'Route',
    headers: { 'x-mtx-state': stateHeader, 'x-mtx-server': serverHeader, 'x-mtx-stopping': stoppingHeader },
    problems: ['BadParameter', 'BadStreamName'],
  }),
  '/v1/streams': get({
    operationId: 'streams',
    summary: 'The live streams, by name',
    parameters: [
      limit('Streams a page.'),
      query('cursor', 'The `next` of the page before.', { type: 'string', maxLength: maxStreamNameLength }),
      query('match', 'Text that the name must contain.', { type: 'string', maxLength: maxStreamNameLength }),
    ],
    answer: 'StreamList',
    problems: ['Busy', 'BadParameter'],
  }),
  '/v1/streams/{name}': get({
    operationId: 'stream',
    summary: 'One live stream and its holders',
    parameters: [streamName],
    answer: 'Stream',
    problems: ['BadStreamName', 'NoSuchStream'],
  }),
  '/v1/streams/{name}/why': get({
    operationId: 'why',
    summary: 'Why a stream is routed where it is, whether anybody has it or not',
    parameters: [streamName, sessionParameter],
    answer: 'Explanation',
    problems: ['Busy', 'BadStreamName'],
  }),
  '/v1/streams/{name}/move': {
    post: change({
      operationId: 'move',
      summary: 'Send the viewers of a stream to a server, until that is cleared or the server loses the stream',
      parameters: [streamName],
      body: fields(
        {
          server: { ...orNull(aServer), description: 'null clears the move.' },
          force: { ...flag, description: 'Also to a server that has not got the stream, or cannot be used now.' },
          moveViewers: {
            ...flag,
            description: 'Also who is watching now: their players start again. Without it they stay where they are.',
          },
          ...by,
        },
        ['server'],
      ),
      answer: 'StreamMove',
      problems: ['BadStreamName', 'NoSuchServer', 'NotMoved', 'NotAHolder'],
    }),
    delete: change({
      operationId: 'clearMove',
      summary: 'Decide again by the rules where viewers of a stream go',
      parameters: [streamName],
      body: fields(by),
      isBodyOptional: true,
      answer: 'StreamMove',
      problems: ['BadStreamName', 'NotMoved'],
    }),
  },
  '/v1/moves': get({
    operationId: 'moves',
    summary: 'The moves that are in force',
    answer: 'MoveList',
    problems: ['Busy'],
  }),
  '/v1/servers/{name}/drain': serverChange(
    'drain',
    'Send no new viewers to a server; those who play stay',
    fields({ ...by, deadline: aDeadline }),
  ),
  '/v1/servers/{name}/maint': serverChange(
    'maint',
    'Send nobody to a server; those who play are located anew',
    fields(by),
  ),
  '/v1/servers/{name}/ready': serverChange('ready', 'Use a server again', fields(by)),
  '/v1/viewers': get({
    operationId: 'viewers',
    summary: 'Who is watching what',
    description:
      'Viewers by HLS, as the stick tables of all HAProxys tell. Readers by RTSP, RTMP, SRT and WebRTC go to MediaMTX itself and are told ' +
      'apart, by its own lists: `readers` counts those of what was asked for.',
    parameters: [
      query('stream', 'Only viewers of this stream.', word),
      query('server', 'Only viewers that are bound to this server.', word),
      limit('Viewers a page.'),
      query('cursor', 'The `next` of the page before.', fits(viewerCursor)),
    ],
    answer: 'ViewerList',
    problems: ['Busy', 'BadParameter', 'NotAvailable'],
  }),
  '/v1/events': get({
    operationId: 'events',
    summary: 'What happened',
    description:
      'With `Accept: text/event-stream` the events are sent as they happen, each with its id; a client that comes again with ' +
      '`Last-Event-ID` misses none. Without `after` the list has the newest events.',
    parameters: [
      query('after', 'The id after which to go on; `next` of the page before.', orEmpty(eventIdPattern)),
      query(
        'since',
        'Instead of an id: the time from which on events are wanted, RFC 3339. With both, the later one counts.',
        orEmpty(timePattern),
      ),
      limit('Events a page.'),
      query('type', `One or several of ${eventTypes.join(', ')}, with commas.`, fits(`^(${aType})(,(${aType}))*$`)),
      query('stream', 'Only events of this stream.', word),
      query('server', 'Only events of this server.', word),
      {
        name: 'Last-Event-ID',
        in: 'header',
        description: 'Of a stream of events: the last one that was read.',
        required: false,
        schema: orEmpty(eventIdPattern),
      },
    ],
    answer: {
      'application/json': { schema: reference('EventList') },
      'text/event-stream': { schema: text },
    },
    problems: ['BadParameter', 'NotAvailable', 'TooManyStreams', 'Busy'],
  }),
  '/v1/events/replay': {
    post: change({
      operationId: 'replay',
      summary: 'Deliver events again, from an id or a time on',
      description:
        'Each under its old id, in order for each stream, and only those that the webhook wants. What it has yet to get besides is not ' +
        'forgotten. A receiver that answered 410 is asked again. When this answers, a restart of the agent does not stop it.',
      body: {
        // Either of them.
        oneOf: [
          fields({ ...replayed, after: { ...anEvent, ...replayAfter }, since: { type: 'null' } }, ['after']),
          fields({ ...replayed, after: { type: 'null' }, since: { ...aTime, ...replaySince } }, ['since']),
        ],
      },
      answer: 'WebhookList',
      problems: ['NoSuchWebhook', 'NotDelivering'],
    }),
  },
  '/v1/events/dead': get({
    operationId: 'deadLetters',
    summary: 'Events that could not be delivered and were given up',
    parameters: [
      query('webhook', 'Only those of this one.', word),
      limit('Dead letters a page.'),
      query('cursor', 'The `next` of the page before.', fits(deadLetterCursor)),
    ],
    answer: 'DeadLetterList',
    problems: ['BadParameter', 'NotAvailable', 'NotKept'],
  }),
  '/v1/events/dead/redeliver': {
    post: change({
      operationId: 'redeliver',
      summary: 'Try to deliver the dead letters once more',
      description:
        'One attempt with each, the earliest first; it stops at a receiver that cannot be reached, and after 15 seconds. Those that arrive, late ' +
        'and so out of order, are dead letters no more.',
      body: fields({
        webhook: { ...orNull(word), description: 'A name of events.webhooks; all of them without it.' },
        ...by,
      }),
      answer: 'Redelivery',
      problems: ['NoSuchWebhook', 'NotDelivering'],
    }),
  },
  '/v1/webhooks': get({ operationId: 'webhooks', summary: 'The receivers of events', answer: 'WebhookList' }),
  '/v1/hooks/mediamtx': {
    post: operation({
      operationId: 'report',
      summary: 'A MediaMTX tells that a publisher came or went',
      description:
        'For the hooks runOnReady and runOnNotReady (since v1.19.3 runOnAvailable and runOnUnavailable), and for a copy of what MediaMTX asks ' +
        'with authMethod http. It needs no token: a report only makes the agent ask the server, within its budget of lookups. ' +
        'To MediaMTX, 202 as an answer to an authentication question means "allowed": use this as authHTTPAddress only where everybody may publish and read. ' +
        'A hook is the better report: an authentication question comes before the stream, by RTMP up to two seconds, and then the next list finds it.',
      parameters: [query('server', "The reporting server's name in haproxy.cfg; without it all servers are asked.")],
      body: {
        anyOf: [
          fields(
            {
              stream: aStream,
              server: orNull(aServer),
              event: { enum: ['ready', 'notReady'] },
            },
            ['stream', 'event'],
          ),
          { type: 'object', required: ['action', 'path'], properties: { action: text, path: text } },
        ],
      },
      status: 202,
      answer: 'Report',
      problems: ['BadBody', 'NoSuchServer', 'BodyTooLarge', 'NotJson'],
    }),
  },
  '/v1/servers': get({ operationId: 'servers', summary: 'The fleet', answer: 'ServerList', problems: ['Busy'] }),
  '/healthz': get({
    operationId: 'healthz',
    summary: 'The process runs, and is not about to end',
    answer: 'Health',
    problems: ['Stopping'],
  }),
  '/readyz': get({
    operationId: 'readyz',
    summary: 'At least one server has told what it has',
    answer: 'Readiness',
    problems: ['NotReady', 'Stopping'],
  }),
  '/metrics': get({
    operationId: 'metrics',
    summary: 'Metrics for Prometheus',
    answer: { 'text/plain': { schema: text } },
    problems: ['Busy'],
  }),
  '/metrics/performance': get({
    operationId: 'performance',
    summary: 'How long things took lately',
    description: operationNames.map((name) => `\`${name}\`: ${operations[name]}`).join('\n\n'),
    parameters: [
      query('operation', 'One of them; without it all are answered, as a list.', { enum: operationNames }),
      query('window', `How far to look back: ${windowRule}.`, {
        ...fits(durationPattern(windowLimits.leastMs, windowLimits.mostMs, 'needed')),
        default: defaultWindow,
      }),
    ],
    answer: {
      'application/json': { schema: { anyOf: [reference('OperationTimes'), reference('OperationTimesList')] } },
    },
    problems: ['NoSuchOperation', 'BadParameter', 'NotAvailable'],
  }),
  '/openapi.json': get({
    operationId: 'openapi',
    summary: 'This document',
    answer: { 'application/json': { schema: { type: 'object' } } },
  }),
};

/** The OpenAPI 3.1 description of everything that the HTTP server answers. */
export function createOpenApi(version: string): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'mtxpilot',
      version,
      description:
        'Which MediaMTX server has a stream, and how that is known. Every field of an answer is always there; what is not ' +
        'known is null. HEAD is answered wherever GET is. Errors are RFC 9457 problems. Reading is open. Changes need the admin ' +
        `socket, where they are open, or a token; their bodies are JSON of at most ${bodyLimitBytes} bytes.`,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas,
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'The value of http.token.' } },
      responses: Object.fromEntries(problemNames.map(problemResponse)),
    },
  };
}
