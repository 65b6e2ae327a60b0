import { maxStreamNameLength } from '../directory';
import { decisionStates } from '../router';
import { ruleNames } from '../router/explanation';
import { pageLimit } from './parameters';
import { type ProblemName, problemTitles, streamNameRule } from './problem';

/** A JSON Schema (2020-12) or a part of the document; the tests hold the contents true against real answers. */
type Json = { readonly [key: string]: unknown };

const text = { type: 'string' };
const textOrNull = { type: ['string', 'null'] };
const count = { type: 'integer', minimum: 0 };
const flag = { type: 'boolean' };
const ageMs = { type: 'number', minimum: 0, description: 'Milliseconds.' };
const ageMsOrNull = { ...ageMs, type: ['number', 'null'] };
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
const list = (items: Json): Json => ({ type: 'array', items });
const reference = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });

const schemas: Json = {
  DecisionState: {
    enum: decisionStates,
    description:
      '`located`: a server has the stream live. `placed`: nobody has it, the server is where it should start. ' +
      '`unknown`: there is not enough evidence, HAProxy uses its own memory.',
  },
  Route: record({ stream: text, session: text, state: reference('DecisionState'), server: serverOrNull }),
  Holder: record(
    {
      server: text,
      publisherSince: { ...textOrNull, description: 'RFC 3339, as MediaMTX gave it.' },
      sourceType: textOrNull,
      tracks: list(text),
      readers: count,
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
    holders: { ...list(reference('Holder')), description: 'The chosen one first.' },
    conflict: { ...flag, description: 'More than one publisher, without being replicated on purpose.' },
    policy: { enum: ['newest', 'spread'] },
  }),
  StreamList: record({
    streams: { ...list(reference('Stream')), maxItems: pageLimit.max, description: 'Sorted by name.' },
    total: { ...count, description: 'How many streams match, on this page or not.' },
    next: { ...textOrNull, description: 'The `cursor` of the next page; null on the last one.' },
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
      }),
    ),
  }),
  Server: record({
    name: text,
    address: text,
    port: { type: 'integer', minimum: 0, maximum: 65_535 },
    apiUrl: text,
    operational: { enum: ['UP', 'DOWN', 'UNKNOWN'], description: "HAProxy's operational state." },
    administrative: { enum: ['ready', 'drain', 'maint'], description: "HAProxy's administrative state." },
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
    readers: count,
  }),
  ServerList: record({ servers: list(reference('Server')) }),
  Health: record({ status: { const: 'ok' }, version: text, uptimeSeconds: { type: 'number', minimum: 0 } }),
  Readiness: record({ status: { const: 'ready' } }),
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
const everywhere: readonly ProblemName[] = ['MethodNotAllowed', 'UrlTooLong', 'InternalError'];

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly Json[];
  /** The schema of a 200 answer, or its whole content. */
  readonly answer: string | Json;
  readonly headers?: Json;
  readonly problems?: readonly ProblemName[];
}

const get = (operation: Operation): Json => {
  const { answer, headers, problems = [], ...rest } = operation;
  const content = typeof answer === 'string' ? { 'application/json': { schema: reference(answer) } } : answer;
  const ok = { description: 'Yes.', ...(headers === undefined ? {} : { headers }), content };
  const refusals = new Map<string, ProblemName>();
  for (const name of [...problems, ...everywhere]) {
    const status = String(problemTitles[name][0]);
    if (!refusals.has(status)) refusals.set(status, name);
  }
  const responses = [...refusals].map(
    ([status, name]) => [status, { $ref: `#/components/responses/${name}` }] as const,
  );
  return { get: { ...rest, responses: { 200: ok, ...Object.fromEntries(responses) } } };
};

const query = (name: string, description: string, schema: Json = text, required = false): Json => ({
  name,
  in: 'query',
  description,
  required,
  schema,
});
const streamName: Json = {
  name: 'name',
  in: 'path',
  required: true,
  description:
    `A stream's name: ${streamNameRule}. Its slashes may be raw or %2F. ` +
    'A last component `why` belongs to the name only when its slash is encoded: `/v1/streams/x%2Fwhy` is the stream `x/why`.',
  schema: { type: 'string', maxLength: maxStreamNameLength },
};
const sessionParameter = query(
  'session',
  'The viewing session, which picks one of several holders of a replicated stream.',
);

const paths: Json = {
  '/v1/route': get({
    operationId: 'route',
    summary: 'Which server has this stream?',
    parameters: [query('stream', `The stream's name: ${streamNameRule}.`, text, true), sessionParameter],
    answer: 'Route',
    headers: { 'x-mtx-state': stateHeader, 'x-mtx-server': serverHeader },
    problems: ['BadParameter', 'BadStreamName'],
  }),
  '/v1/streams': get({
    operationId: 'streams',
    summary: 'The live streams, by name',
    parameters: [
      query('limit', 'Streams a page.', {
        type: 'integer',
        minimum: 1,
        maximum: pageLimit.max,
        default: pageLimit.default,
      }),
      query('cursor', 'The `next` of the page before.', { type: 'string', maxLength: maxStreamNameLength }),
      query('match', 'Text that the name must contain.', { type: 'string', maxLength: maxStreamNameLength }),
    ],
    answer: 'StreamList',
    problems: ['BadParameter'],
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
    problems: ['BadStreamName'],
  }),
  '/v1/servers': get({ operationId: 'servers', summary: 'The fleet', answer: 'ServerList' }),
  '/healthz': get({ operationId: 'healthz', summary: 'The process runs', answer: 'Health' }),
  '/readyz': get({
    operationId: 'readyz',
    summary: 'At least one server has told what it has',
    answer: 'Readiness',
    problems: ['NotReady'],
  }),
  '/metrics': get({
    operationId: 'metrics',
    summary: 'Metrics for Prometheus',
    answer: { 'text/plain': { schema: text } },
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
        'known is null. HEAD is answered wherever GET is. Errors are RFC 9457 problems.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    paths,
    components: { schemas, responses: Object.fromEntries(problemNames.map(problemResponse)) },
  };
}
