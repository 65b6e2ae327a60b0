import * as z from 'zod/mini';
import type { Endpoint } from './endpoint';
import { type RelayProblem, relayProblems } from './problems';
import { contract } from './schemas';

/** A JSON Schema (2020-12) or a part of the document. */
type Json = { readonly [key: string]: unknown };

const reference = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
const text = { type: 'string' };

/** Answers that every path can give, and those that only callers without the token get. */
const everywhere: readonly RelayProblem[] = ['MethodNotAllowed', 'UrlTooLong', 'UnknownHost', 'InternalError'];
const ofBodies: readonly RelayProblem[] = ['BodyTooLarge', 'NotJson'];
const ofCallers: readonly RelayProblem[] = ['NoToken', 'WrongToken'];

function trim({ jsonSchema: json }: { readonly jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (json.maximum === Number.MAX_SAFE_INTEGER) delete json.maximum;
  if (json.minimum === Number.MIN_SAFE_INTEGER) delete json.minimum;
  delete json['allowed'];
}

/** Each schema says of itself what it is in a document of its own, which this is not. */
function withoutName(schema: object): Json {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => key !== '$schema' && key !== '$id'));
}

/** Of what comes in. */
function inputSchema(schema: z.core.$ZodType): Json {
  return withoutName(z.toJSONSchema(schema, { io: 'input', override: trim }));
}

function contractSchemas(): Json {
  const named = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(contract)) named.add(schema, { id });
  const { schemas } = z.toJSONSchema(named, { io: 'input', uri: (id) => `#/components/schemas/${id}`, override: trim });
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, withoutName(schema)]));
}

const ifMatch: Json = {
  name: 'If-Match',
  in: 'header',
  description:
    'The entity tag of what the change was made for, as it came in `ETag`; without it the change is made whatever is in force.',
  schema: text,
};
const etag: Json = { ETag: { description: 'The entity tag of what is in force.', schema: text } };

function parametersOf({ path, query, method, isTagged = false }: Endpoint): Json[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: text,
  }));
  const inQuery = Object.entries(query?.shape ?? {}).map(([name, schema]) => {
    const { description, ...looks } = inputSchema(schema);
    const required = !z.safeParse(schema, undefined).success;
    return { name, in: 'query', required, description, schema: looks };
  });
  return [...inPath, ...inQuery, ...(isTagged && method !== 'get' ? [ifMatch] : [])];
}

function operationOf(endpoint: Endpoint): Json {
  const {
    operationId,
    summary,
    description,
    body,
    answer,
    isOpen = false,
    isLong = false,
    isTagged = false,
    mayLackBody = false,
    problems = [],
    query,
  } = endpoint;
  const [name = ''] = Object.entries(contract).find(([, schema]) => schema === answer) ?? [];
  const parameters = parametersOf(endpoint);
  const takes = body !== undefined || query !== undefined;
  const all = [
    ...problems,
    ...(takes ? (['Unprocessable'] as const) : []),
    ...(body === undefined ? [] : ofBodies),
    ...(isLong ? (['Busy'] as const) : []),
    ...(isOpen ? [] : ofCallers),
    ...everywhere,
  ];
  const refusals = new Map<string, RelayProblem>();
  for (const problem of all) {
    const code = String(relayProblems[problem][0]);
    if (!refusals.has(code)) refusals.set(code, problem);
  }
  const ok = {
    description: 'Yes.',
    ...(isTagged ? { headers: etag } : {}),
    content: { 'application/json': { schema: reference(name) } },
  };
  return {
    operationId,
    summary,
    ...(description === undefined ? {} : { description }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: !mayLackBody, content: { 'application/json': { schema: inputSchema(body) } } } }),
    responses: {
      '200': ok,
      ...Object.fromEntries(
        [...refusals].map(([code, problem]) => [code, { $ref: `#/components/responses/${problem}` }]),
      ),
    },
    ...(isOpen ? { security: [] } : {}),
  };
}

/** The OpenAPI 3.1 description of the relay's API, made of the schemas that check what comes in. */
export function createRelayOpenApi(endpoints: readonly Endpoint[], version: string): Json {
  const paths = new Map<string, Record<string, Json>>();
  for (const endpoint of endpoints) {
    paths.set(endpoint.path, { ...paths.get(endpoint.path), [endpoint.method]: operationOf(endpoint) });
  }
  const responses = Object.entries(relayProblems).map(([name, [status, title]]): [string, Json] => [
    name,
    {
      description: `${status}: ${title}.`,
      content: { 'application/problem+json': { schema: reference('Problem') } },
    },
  ]);
  return {
    openapi: '3.1.0',
    info: {
      title: 'mtxpilot relay',
      version,
      description:
        'Streams of provider URLs. Every path is served below `relay.rootPath` as well. HEAD is answered wherever GET is. Errors are RFC 9457 problems. ' +
        'With `relay.token`, callers need it; players, at `/stream/{stream_id}` and `/hls/{stream_id}/index.m3u8`, do not.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    security: [{ header: [] }, { query: [] }, { bearer: [] }],
    paths: Object.fromEntries(paths),
    components: {
      schemas: contractSchemas(),
      securitySchemes: {
        header: { type: 'apiKey', in: 'header', name: 'X-API-Token' },
        query: { type: 'apiKey', in: 'query', name: 'api_token' },
        bearer: { type: 'http', scheme: 'bearer' },
      },
      responses: Object.fromEntries(responses),
    },
  };
}
