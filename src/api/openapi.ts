import * as z from 'zod/mini';
import type { IntentKind } from '../control';
import { eventIdPattern } from '../events';
import { bodyLimitBytes, type ProblemName, problemTitles } from '../http';
import { operationNames, operations } from '../measure';
import { streamNameRule } from './bad-stream-name';
import {
  authBody,
  configBody,
  drainBody,
  hookBody,
  moveBody,
  plainBody,
  redeliverBody,
  replayForms,
  streamName,
} from './bodies';
import { deadLetterPage, eventPage, relayPage, streamPage, viewerPage } from './parameters';
import { performanceQuery } from './performance';
import { contract } from './schemas';

/** A JSON Schema (2020-12) or a part of the document; the tests hold the contents true against real answers. */
type Json = { readonly [key: string]: unknown };

const text = { type: 'string' };
const reference = (name: keyof typeof contract): Json => ({ $ref: `#/components/schemas/${name}` });

/** The schemas of all answers, as JSON Schema. */
function contractSchemas(): Json {
  const named = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(contract)) named.add(schema, { id });
  const { schemas } = z.toJSONSchema(named, { io: 'input', uri: (id) => `#/components/schemas/${id}`, override: trim });
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, withoutName(schema)]));
}

function jsonSchema(schema: z.core.$ZodType): Json {
  return withoutName(z.toJSONSchema(schema, { io: 'input', override: trim }));
}

function bodySchema(body: NonNullable<Operation['body']>): Json {
  return 'length' in body ? { oneOf: body.map(jsonSchema) } : jsonSchema(body);
}

/** Each schema says of itself what it is in a document of its own, which this is not. */
function withoutName(schema: object): Json {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => key !== '$schema' && key !== '$id'));
}

/** Without what goes without saying (that a whole number is one that JavaScript can hold), and what is for messages. */
function trim({ jsonSchema: json }: { readonly jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (json.maximum === Number.MAX_SAFE_INTEGER) delete json.maximum;
  if (json.minimum === Number.MIN_SAFE_INTEGER) delete json.minimum;
  delete json['allowed'];
}

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
  readonly answer: keyof typeof contract | Json;
  /** 200 when left out. */
  readonly status?: number;
  readonly headers?: Json;
  /** The body, or the forms of which it has one. */
  readonly body?: z.core.$ZodType | readonly z.core.$ZodType[];
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
      : { requestBody: { required: !isBodyOptional, content: { 'application/json': { schema: bodySchema(body) } } } }),
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

/** Whole texts only, in the syntax that ECMAScript, Python and Rust share. */
const fits = (pattern: string | RegExp): Json => ({
  type: 'string',
  pattern: typeof pattern === 'string' ? pattern : pattern.source,
});
const query = (name: string, description: string, schema: Json = text, required = false): Json => ({
  name,
  in: 'query',
  description,
  required,
  schema,
});

/** All parameters of a query; none of them must be given. */
const queryParameters = (parameters: z.ZodMiniObject): Json[] =>
  Object.entries(parameters.shape).map(([name, schema]) => {
    const { description, ...looks } = jsonSchema(schema);
    return query(name, String(description), looks);
  });

const streamNameParameter: Json = {
  name: 'name',
  in: 'path',
  required: true,
  description:
    `A stream's name: ${streamNameRule}. Its slashes may be raw or %2F. ` +
    'A last component `why` belongs to the name only when its slash is encoded: `/v1/streams/x%2Fwhy` is the stream `x/why`.',
  schema: jsonSchema(streamName),
};
const sessionParameter = query(
  'session',
  'The viewing session, which picks one of several holders of a replicated stream.',
);

const relayStreamId: Json = {
  name: 'id',
  in: 'path',
  required: true,
  description: "A relay stream's id: 32 hexadecimal digits.",
  schema: text,
};
const serverName: Json = {
  name: 'name',
  in: 'path',
  required: true,
  description: "The server's name in haproxy.cfg.",
  schema: text,
};
const serverChange = (kind: IntentKind, summary: string, body: z.core.$ZodType): Json => ({
  post: change({
    operationId: kind,
    summary,
    description: 'Applied at once, and kept across restarts of agent and HAProxy until another one replaces it.',
    parameters: [serverName],
    body,
    answer: 'ControlledServer',
    problems: ['NoSuchServer'],
  }),
});

const paths: Json = {
  '/v1/route': get({
    operationId: 'route',
    summary: 'Which server has this stream?',
    parameters: [
      query('stream', `The stream's name: ${streamNameRule}.`, jsonSchema(streamName), true),
      sessionParameter,
    ],
    answer: 'Route',
    headers: { 'x-mtx-state': stateHeader, 'x-mtx-server': serverHeader, 'x-mtx-stopping': stoppingHeader },
    problems: ['BadParameter', 'BadStreamName'],
  }),
  '/v1/streams': get({
    operationId: 'streams',
    summary: 'The live streams, by name',
    parameters: queryParameters(streamPage),
    answer: 'StreamList',
    problems: ['Busy', 'BadParameter'],
  }),
  '/v1/streams/{name}': get({
    operationId: 'stream',
    summary: 'One live stream and its holders',
    parameters: [streamNameParameter],
    answer: 'Stream',
    problems: ['BadStreamName', 'NoSuchStream'],
  }),
  '/v1/streams/{name}/why': get({
    operationId: 'why',
    summary: 'Why a stream is routed where it is, whether anybody has it or not',
    parameters: [streamNameParameter, sessionParameter],
    answer: 'Explanation',
    problems: ['Busy', 'BadStreamName'],
  }),
  '/v1/streams/{name}/move': {
    post: change({
      operationId: 'move',
      summary: 'Send the viewers of a stream to a server, until the move is cleared or the server loses the stream',
      parameters: [streamNameParameter],
      body: moveBody,
      answer: 'StreamMove',
      problems: ['BadStreamName', 'NoSuchServer', 'NotMoved', 'NotAHolder'],
    }),
    delete: change({
      operationId: 'clearMove',
      summary: 'Let the rules decide again where viewers of a stream go',
      parameters: [streamNameParameter],
      body: plainBody,
      isBodyOptional: true,
      answer: 'StreamMove',
      problems: ['BadStreamName', 'NotMoved'],
    }),
  },
  '/v1/relay/streams': get({
    operationId: 'relayStreams',
    summary: 'The streams of all relays, each with its figures of all of them',
    description:
      'Those that are played come first. What a relay does not answer within two seconds is missing, and its `problem` says so.',
    parameters: queryParameters(relayPage),
    answer: 'RelayStreamList',
    problems: ['Busy', 'BadParameter'],
  }),
  '/v1/relay/streams/{id}': get({
    operationId: 'relayStream',
    summary: "A relay stream's sources, back-off, accounts and failovers, and what will be tried next",
    parameters: [relayStreamId],
    answer: 'RelayStream',
    problems: ['Busy', 'NoSuchStream'],
  }),
  '/v1/relay/streams/{id}/failover': {
    post: change({
      operationId: 'relayFailover',
      summary: "Move each of a relay stream's clients to its next source, once",
      parameters: [relayStreamId],
      body: plainBody,
      answer: 'RelayFailoverDone',
      problems: ['NoSuchStream', 'NotFailedOver'],
    }),
  },
  '/v1/relay/accounts': get({
    operationId: 'relayAccounts',
    summary: 'The accounts of each relay, and how many of their connections are in use',
    answer: 'RelayAccountList',
    problems: ['Busy'],
  }),
  '/v1/relay/config': get({
    operationId: 'relayConfigs',
    summary: 'The settings of each relay that may change while it runs, with ranges and defaults',
    answer: 'RelayConfigList',
    problems: ['Busy'],
  }),
  '/v1/relay/config/{name}': {
    post: change({
      operationId: 'configureRelay',
      summary: 'Change some settings of a relay, all or none',
      description:
        'The relay stores them, and they are in force at once, also after a restart; null makes one what is configured.',
      parameters: [serverName],
      body: configBody,
      answer: 'RelayConfig',
      problems: ['NoSuchServer', 'BadSettings', 'SettingsChanged', 'NotConfigured'],
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
    'Send no new viewers to a server; those already playing stay',
    drainBody,
  ),
  '/v1/servers/{name}/maint': serverChange(
    'maint',
    'Send nobody to a server; those who play are located anew',
    plainBody,
  ),
  '/v1/servers/{name}/ready': serverChange('ready', 'Use a server again', plainBody),
  '/v1/viewers': get({
    operationId: 'viewers',
    summary: 'Who is watching what',
    description:
      'Viewers by HLS, as the stick tables of all HAProxys have them. Readers by RTSP, RTMP, SRT and WebRTC go to MediaMTX itself and are reported ' +
      'separately, from its own lists: `readers` counts those of what was asked for.',
    parameters: queryParameters(viewerPage),
    answer: 'ViewerList',
    problems: ['Busy', 'BadParameter', 'NotAvailable'],
  }),
  '/v1/events': get({
    operationId: 'events',
    summary: 'What happened',
    description:
      'With `Accept: text/event-stream` the events are sent as they happen, each with its id; a client that reconnects with ' +
      '`Last-Event-ID` misses none. Without `after` the list has the newest events.',
    parameters: [
      ...queryParameters(eventPage),
      {
        name: 'Last-Event-ID',
        in: 'header',
        description: 'For a stream of events: the last one that was read.',
        required: false,
        schema: fits(`^(${eventIdPattern})?$`),
      },
    ],
    answer: {
      'application/json': { schema: reference('EventList') },
      'text/event-stream': { schema: text },
    },
    problems: ['BadParameter', 'NotAvailable', 'TooManyStreams', 'Busy', 'NotRead'],
  }),
  '/v1/events/replay': {
    post: change({
      operationId: 'replay',
      summary: 'Deliver events again, from an id or a time on',
      description:
        'Each under its old id, in order for each stream, and only those that the webhook wants. Events that it is still ' +
        'waiting for are delivered too. A receiver that answered 410 is tried again. Once this has answered, a restart of the agent does not stop it.',
      body: replayForms,
      answer: 'WebhookList',
      problems: ['NoSuchWebhook', 'NotDelivering'],
    }),
  },
  '/v1/events/dead': get({
    operationId: 'deadLetters',
    summary: 'Events that could not be delivered and were given up',
    parameters: queryParameters(deadLetterPage),
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
      body: redeliverBody,
      answer: 'Redelivery',
      problems: ['NoSuchWebhook', 'NotDelivering'],
    }),
  },
  '/v1/webhooks': get({ operationId: 'webhooks', summary: 'The receivers of events', answer: 'WebhookList' }),
  '/v1/hooks/mediamtx': {
    post: operation({
      operationId: 'report',
      summary: 'MediaMTX reports that a publisher came or went',
      description:
        'For the hooks runOnReady and runOnNotReady (since v1.19.3 runOnAvailable and runOnUnavailable), and for a copy of what MediaMTX asks ' +
        'with authMethod http. It needs no token: a report only makes the agent ask the server, within its budget of lookups. ' +
        'To MediaMTX, 202 as an answer to an authentication question means "allowed": use this as authHTTPAddress only where everybody may publish and read. ' +
        'A hook is the better report: an authentication question comes before the stream, by RTMP up to two seconds, and then the next list finds it.',
      parameters: [query('server', "The reporting server's name in haproxy.cfg; without it all servers are asked.")],
      body: z.union([hookBody, authBody]),
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
    summary: 'At least one server has reported its streams',
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
    parameters: queryParameters(performanceQuery),
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
      schemas: contractSchemas(),
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'The value of http.token.' } },
      responses: Object.fromEntries(problemNames.map(problemResponse)),
    },
  };
}
