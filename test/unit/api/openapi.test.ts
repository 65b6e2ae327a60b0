import Ajv2020 from 'ajv/dist/2020';
import { createApiStats } from '../../../src/api/api-stats';
import { createApp, templateOf } from '../../../src/api/app';
import { createOpenApi } from '../../../src/api/openapi';
import { createHeavyWork } from '../../../src/http/heavy-work';
import { problemTitles } from '../../../src/http/problem';
import { createOperationTimes } from '../../../src/measure';
import { createViewers } from '../../../src/viewers';
import { id as relayId } from '../relays/answers';
import { createFakeRelays } from '../relays/fake-relays';
import { createFakeDelivery, deadLetter } from './fake-delivery';
import { createFakeEvents, event, idOf } from './fake-events';
import { createFakeOperations } from './fake-operations';
import {
  type HttpLab,
  holder,
  located,
  type Reply,
  type RequestOptions,
  serverView,
  startHttpLab,
  stream,
} from './lab';

interface Content {
  readonly content: Readonly<Record<string, { readonly schema: object }>>;
  readonly headers?: Readonly<Record<string, { readonly schema: object }>>;
}
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly responses: Readonly<Record<string, Content | { readonly $ref: string }>>;
}
type Method = 'get' | 'post' | 'delete';
interface Document {
  readonly openapi: string;
  readonly info: { readonly version: string };
  readonly paths: Readonly<Record<string, Partial<Record<Method, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, object>>;
    readonly responses: Readonly<Record<string, Content>>;
  };
}

let lab: HttpLab;
const operations = createFakeOperations();
const events = createFakeEvents();
const delivery = createFakeDelivery();
const viewers = createViewers({ goneAfterMs: 10_000, showAddresses: false, nowMs: 1000 });
const relays = createFakeRelays();
const performanceTimes = createOperationTimes();
let document: Document;

beforeAll(async () => {
  performanceTimes.record.route_decision(0.004, 2, 1);
  lab = await startHttpLab({
    operations,
    events,
    webhooks: delivery,
    viewers,
    relays,
    performance: performanceTimes,
    token: 'correct-horse-battery',
  });
  document = (await lab.request('/openapi.json')).json as Document;
});
afterAll(() => {
  performanceTimes.stop();
  return lab.server.stop();
});

/** The schemas with nothing allowed beside what they describe: a field that the document forgets is a failure. */
function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== 'object' || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, strict(value)]));
  return 'properties' in inner ? { ...inner, additionalProperties: false } : inner;
}

/** Why a reply is not what the document says of its path and status; empty when it is. */
function deviations(path: string, reply: Reply, method: Method = 'get'): string {
  const described = document.paths[path]?.[method]?.responses[reply.status];
  if (described === undefined) return `${reply.status} is not described`;
  const response =
    '$ref' in described
      ? document.components.responses[described.$ref.replace('#/components/responses/', '')]
      : described;
  const type = (reply.headers['content-type'] ?? '').split(';')[0] ?? '';
  const schema = response?.content[type]?.schema;
  if (schema === undefined) return `${type} is not described`;
  const ajv = new Ajv2020({ strict: false, allErrors: true, formats: { 'uri-reference': true, 'date-time': true } });
  ajv.addSchema(strict({ ...document }) as object, 'document');
  const check = (part: object, value: unknown): string => {
    const absolute = JSON.stringify(strict(part)).replaceAll('"#/components/', '"document#/components/');
    const validate = ajv.compile(JSON.parse(absolute) as object);
    return validate(value) ? '' : ajv.errorsText(validate.errors);
  };
  const headers = Object.entries(response?.headers ?? {}).map(([name, { schema: headerSchema }]) => {
    const value = reply.headers[name];
    return value === undefined ? '' : check(headerSchema, value);
  });
  return [check(schema, reply.json ?? reply.text), ...headers].filter(Boolean).join('; ');
}

it('describes every path and method that express has, and no other', () => {
  const silent = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
    isLevelEnabled: () => false,
  };
  const app = createApp({
    router: { explain: () => Promise.reject(new Error('not asked')) },
    directory: {
      streamNames: () => [].values(),
      stream: () => undefined,
      servers: () => [],
      hasEvidence: () => true,
      confirm: () => Promise.resolve(),
    },
    metrics: { render: () => Promise.reject(new Error('not asked')) },
    performance: undefined,
    log: silent,
    failureLog: silent,
    version: '1.2.3',
    stats: createApiStats(),
    routeAnswer: () => undefined,
    drain: { isStopping: false, checked: () => undefined },
    operations: undefined,
    events: undefined,
    eventStreams: undefined,
    webhooks: undefined,
    viewers: undefined,
    kept: undefined,
    relays: undefined,
    hookReports: { happened: () => undefined, aboutToHappen: () => undefined, stop: () => undefined },
    work: createHeavyWork({ stats: createApiStats().heavyAnswers }),
    access: () => ({ allowed: false, problem: 'ChangesRefused', details: { detail: '' } }),
  });
  const routed = app.router.stack.flatMap(({ route }) => {
    const methods = new Set(route?.stack.map(({ method }) => method));
    return route === undefined
      ? []
      : [[templateOf(route.path), ['get', 'post', 'delete'].filter((one) => methods.has(one))]];
  });
  const described = Object.entries(document.paths).map(([path, methods]) => [
    path,
    ['get', 'post', 'delete'].filter((method) => method in methods),
  ]);
  expect(routed.sort()).toEqual(described.sort());
});

it('is the document of this version, and every reference in it leads somewhere', () => {
  expect(document.openapi).toMatch(/^3\.1\./);
  expect(document.info.version).toBe('1.2.3');
  expect(document).toEqual(JSON.parse(JSON.stringify(createOpenApi('1.2.3'))));
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/(\w+)\/(\w+)"/g)];
  expect(references.length).toBeGreaterThan(20);
  for (const [, kind = '', name = ''] of references) {
    expect(Object.keys(document.components[kind as 'schemas' | 'responses'])).toContain(name);
  }
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.values(methods).map((operation) => ({ path, operation })),
  );
  for (const { path, operation } of operations) {
    const inPath = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path').map(({ name }) => name);
    expect([path, inPath]).toEqual([path, [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)]);
  }
  expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length);
});

it('every problem is described where its type points', () => {
  expect(Object.keys(document.components.responses).sort()).toEqual(Object.keys(problemTitles).sort());
});

const bearer = ['Authorization: Bearer correct-horse-battery'];
const post = (body: unknown): RequestOptions => ({ method: 'POST', headers: bearer, body });

const answers: { path: string; target: string; arrange?: () => void; options?: RequestOptions; method?: Method }[] = [
  { path: '/v1/route', target: '/v1/route?stream=a&session=s' },
  {
    path: '/v1/route',
    target: '/v1/route?stream=unknown',
    arrange: () => {
      lab.router.decide = () => ({ state: 'unknown', server: undefined });
    },
  },
  { path: '/v1/route', target: '/v1/route?stream=..' },
  { path: '/v1/route', target: '/v1/route' },
  { path: '/v1/streams', target: '/v1/streams?limit=1' },
  { path: '/v1/streams', target: '/v1/streams?limit=0' },
  { path: '/v1/streams/{name}', target: '/v1/streams/live/a' },
  { path: '/v1/streams/{name}', target: '/v1/streams/live/nobody' },
  { path: '/v1/streams/{name}', target: '/v1/streams/%0a' },
  { path: '/v1/streams/{name}/why', target: '/v1/streams/live/a/why?session=s' },
  { path: '/v1/streams/{name}/why', target: '/v1/streams/a%3Bb/why' },
  { path: '/v1/servers', target: '/v1/servers' },
  ...['drain', 'maint', 'ready'].flatMap((kind) => {
    const [path, method] = [`/v1/servers/{name}/${kind}`, 'post' as const];
    const target = `/v1/servers/mtx1/${kind}`;
    return [
      {
        path,
        target,
        method,
        options: post({ reason: 'x', operator: 'bob', ...(kind === 'drain' && { deadline: '30m' }) }),
      },
      { path, target, method, options: post({ surprise: 1 }) },
      { path, target, method, options: { method: 'POST', body: {} } },
      { path, target, method, options: { ...post({}), headers: [...bearer, 'Origin: http://evil'] } },
      { path, target, method, options: { ...post('x'), headers: [...bearer, 'Content-Type: text/plain'] } },
      { path, target, method, options: post({ reason: 'x'.repeat(20_000) }) },
      ...(['no-such-server', 'no-haproxy', 'store-failed', 'bad-request'] as const).map((refusal) => ({
        path,
        target: `${target}?${refusal}`,
        method,
        options: post({}),
        arrange: () => {
          operations.refusal = { kind: refusal };
        },
      })),
    ];
  }),
  ...[
    post({ server: 'mtx1' }),
    post({ server: null }),
    post({}),
    { method: 'DELETE', headers: bearer },
    { ...post({ reason: 'x' }), method: 'DELETE' },
  ].flatMap((options) => {
    const [path, method] = ['/v1/streams/{name}/move', options.method?.toLowerCase() as Method];
    return [
      { path, target: '/v1/streams/live/a/move', options, method },
      { path, target: '/v1/streams/a;b/move', options, method },
      ...(['no-such-stream', 'no-such-server', 'not-a-holder', 'no-haproxy'] as const)
        .filter((refusal) => method === 'post' || refusal === 'no-such-stream')
        .map((refusal) => ({
          path,
          target: `/v1/streams/live/a/move?${refusal}`,
          options,
          method,
          arrange: () => {
            operations.refusal = { kind: refusal };
          },
        })),
    ];
  }),
  { path: '/v1/relay/streams', target: '/v1/relay/streams?match=a&limit=1' },
  { path: '/v1/relay/streams', target: '/v1/relay/streams?limit=x' },
  { path: '/v1/relay/streams/{id}', target: `/v1/relay/streams/${relayId}` },
  { path: '/v1/relay/streams/{id}', target: '/v1/relay/streams/nobody' },
  { path: '/v1/streams/{name}/why', target: `/v1/streams/${relayId}/why` },
  { path: '/v1/relay/accounts', target: '/v1/relay/accounts' },
  { path: '/v1/relay/config', target: '/v1/relay/config' },
  ...[
    ['relay1', post({ settings: { hls_window_size: 8 }, tag: 'abc' })] as const,
    ['mtx1', post({ settings: { hls_window_size: null } })] as const,
    ['relay1', post({ settings: {} })] as const,
  ].map(([name, options]) => ({
    path: '/v1/relay/config/{name}',
    target: `/v1/relay/config/${name}`,
    method: 'post' as const,
    options,
  })),
  ...([400, 412, 500] as const).map((status) => ({
    path: '/v1/relay/config/{name}',
    target: `/v1/relay/config/relay1?${status}`,
    method: 'post' as const,
    options: post({ settings: { hls_window_size: 8 } }),
    arrange: () => {
      relays.configured = { problem: 'It says why.', status };
    },
  })),
  ...[post({ reason: 'x' }), post({ surprise: 1 }), { method: 'POST', body: {} }].map((options) => ({
    path: '/v1/relay/streams/{id}/failover',
    target: `/v1/relay/streams/${relayId}/failover`,
    method: 'post' as const,
    options,
  })),
  {
    path: '/v1/relay/streams/{id}/failover',
    target: `/v1/relay/streams/${relayId}/failover?none`,
    method: 'post',
    options: post({}),
    arrange: () => {
      relays.moved = { id: relayId, moved: 0, relays: [{ name: 'relay1', moved: 0, problem: 'It has no backups.' }] };
    },
  },
  {
    path: '/v1/relay/streams/{id}/failover',
    target: '/v1/relay/streams/nobody/failover',
    method: 'post',
    options: post({}),
  },
  { path: '/v1/moves', target: '/v1/moves' },
  { path: '/v1/viewers', target: '/v1/viewers' },
  { path: '/v1/viewers', target: '/v1/viewers?limit=1&stream=live/a&server=mtx1' },
  { path: '/v1/viewers', target: '/v1/viewers?cursor=x' },
  { path: '/v1/events', target: '/v1/events' },
  { path: '/v1/events', target: '/v1/events?limit=0' },
  { path: '/v1/webhooks', target: '/v1/webhooks' },
  { path: '/v1/events/dead', target: '/v1/events/dead' },
  { path: '/v1/events/dead', target: '/v1/events/dead?limit=1' },
  { path: '/v1/events/dead', target: '/v1/events/dead?limit=0' },
  {
    path: '/v1/events/dead',
    target: '/v1/events/dead?not-stored',
    arrange: () => {
      delivery.refusal = 'not-stored';
    },
  },
  ...['/v1/events/replay', '/v1/events/dead/redeliver'].flatMap((path) => {
    const method = 'post' as const;
    const body = path === '/v1/events/replay' ? { after: idOf(1) } : {};
    return [
      { path, target: path, method, options: post(body) },
      { path, target: path, method, options: post({ surprise: 1 }) },
      { path, target: path, method, options: { method: 'POST', body } },
      ...(['no-such-webhook', 'not-delivering', 'not-stored'] as const).map((refusal) => ({
        path,
        target: `${path}?${refusal}`,
        method,
        options: post(body),
        arrange: () => {
          delivery.refusal = refusal;
        },
      })),
    ];
  }),
  {
    path: '/v1/hooks/mediamtx',
    target: '/v1/hooks/mediamtx',
    method: 'post',
    options: post({ stream: 'a', event: 'ready' }),
  },
  {
    path: '/v1/hooks/mediamtx',
    target: '/v1/hooks/mediamtx',
    method: 'post',
    options: post({ action: 'read', path: 'a' }),
  },
  { path: '/v1/hooks/mediamtx', target: '/v1/hooks/mediamtx', method: 'post', options: post({ stream: 'a' }) },
  {
    path: '/v1/hooks/mediamtx',
    target: '/v1/hooks/mediamtx?server=x',
    method: 'post',
    options: post({ stream: 'a', event: 'ready' }),
  },
  { path: '/healthz', target: '/healthz' },
  { path: '/readyz', target: '/readyz' },
  {
    path: '/readyz',
    target: '/readyz?without=evidence',
    arrange: () => {
      lab.directory.evidence = false;
    },
  },
  { path: '/metrics', target: '/metrics' },
  { path: '/metrics/performance', target: '/metrics/performance' },
  { path: '/metrics/performance', target: '/metrics/performance?operation=route_decision&window=1m' },
  { path: '/metrics/performance', target: '/metrics/performance?operation=stream_lookup' },
  { path: '/metrics/performance', target: '/metrics/performance?operation=guess' },
  { path: '/metrics/performance', target: '/metrics/performance?window=1d' },
  { path: '/openapi.json', target: '/openapi.json' },
];

describe('real answers', () => {
  beforeEach(() => {
    lab.router.decide = () => located;
    lab.directory.evidence = true;
    operations.refusal = undefined;
    delivery.refusal = undefined;
    delivery.letters = [deadLetter(2), deadLetter(1)];
    operations.inForce = [
      { stream: 'live/a', server: 'mtx1', reason: '', operator: 'bob', since: '2026-11-21T10:00:00Z' },
    ];
    operations.held = [
      { node: 'lb1', lastServer: undefined, route: 'mtx1', sessions: { mtx1: 3 }, error: undefined },
      { node: 'lb2', lastServer: undefined, route: undefined, sessions: {}, error: 'no socket' },
    ];
    const touch = { node: 'lb1', serverName: undefined, idleMs: 0, live: true, bytesOut: undefined };
    viewers.see({ ...touch, key: 'live/a|1' }, 1000);
    viewers.see({ ...touch, key: 'live/a|2', serverName: 'mtx1', bytesOut: 5 }, 1000);
    viewers.see({ ...touch, key: 'live/a|3', serverName: 'mtx1' }, 1000);
    events.kept = [event(1, { stream: 'live/a' }), { ...event(2), subject: 'live/a' }];
    lab.directory.servers = [
      serverView('mtx1'),
      serverView('mtx2', {
        health: 'suspect',
        consecutiveFailures: 5,
        lastError: 'timeout',
        inventoryAgeMs: undefined,
        inventoryTookMs: undefined,
        version: undefined,
        era: undefined,
      }),
    ];
    const unknown = { publisherSince: undefined, sourceType: undefined, tracks: [] };
    lab.directory.streams = [stream('live/a', [holder('mtx1'), holder('mtx2', unknown)]), stream('live/b')];
  });

  it.each(answers)(
    '$path describes what $target answers',
    async ({ path, target, arrange, options, method = 'get' }) => {
      arrange?.();
      const reply = await lab.request(target, options);
      expect(deviations(path, reply, method)).toBe('');
    },
  );

  it('describes what is answered without control and events', async () => {
    const bare = await startHttpLab({ token: 'correct-horse-battery' });
    bare.directory.servers = [serverView('mtx1')];
    const check = async (path: string, target: string, options?: RequestOptions) =>
      expect(deviations(path, await bare.request(target, options), options === undefined ? 'get' : 'post')).toBe('');
    await check('/v1/servers', '/v1/servers');
    await check('/v1/moves', '/v1/moves');
    await check('/v1/viewers', '/v1/viewers');
    await check('/v1/events', '/v1/events');
    await check('/v1/webhooks', '/v1/webhooks');
    await check('/v1/events/dead', '/v1/events/dead');
    await check('/v1/events/replay', '/v1/events/replay', post({ after: idOf(1) }));
    await check('/metrics/performance', '/metrics/performance');
    await check('/v1/streams/{name}/why', '/v1/streams/a/why');
    await check('/v1/servers/{name}/drain', '/v1/servers/mtx1/drain', post({}));
    await bare.server.stop();
  });

  it.each([...new Set(answers.map(({ path }) => path))])('%s describes 405 and 414', async (path) => {
    const target = path.replace(/\{\w+\}/, 'a');
    for (const method of Object.keys(document.paths[path] ?? {}) as Method[]) {
      expect(deviations(path, await lab.request(target, { method: 'PATCH' }), method)).toBe('');
      const long = await lab.request(`${target}?${'x'.repeat(9000)}`, { method: method.toUpperCase() });
      expect(long.status).toBe(414);
      expect(deviations(path, long, method)).toBe('');
    }
  });

  it('every path and every method is among them', () => {
    const tried = new Set(answers.map(({ path, method = 'get' }) => `${method} ${path}`));
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect([...tried].sort()).toEqual(described.sort());
  });

  it('a field that is missing, new or of another type would be seen', async () => {
    const reply = await lab.request('/v1/servers');
    const [server] = (reply.json as { servers: Record<string, unknown>[] }).servers;
    const other = (changed: object): Reply => ({
      ...reply,
      json: { servers: [{ ...server, ...changed }], emptySlots: [] },
    });
    expect(deviations('/v1/servers', other({}))).toBe('');
    expect(deviations('/v1/servers', other({ port: '8888' }))).toMatch(/port must be integer/);
    expect(deviations('/v1/servers', other({ surprise: 1 }))).toMatch(/additional properties/);
    expect(deviations('/v1/servers', { ...reply, json: { servers: [{ name: 'mtx1' }], emptySlots: [] } })).toMatch(
      /required property/,
    );
    expect(deviations('/v1/servers', { ...reply, status: 418 })).toBe('418 is not described');
  });
});

describe('bodies', () => {
  const bodyOf = (path: string) => (document.paths[path]?.post as unknown as Described).requestBody;
  interface Described {
    readonly requestBody: { readonly required: boolean; readonly content: Content['content'] };
  }
  const drain = '/v1/servers/{name}/drain';
  const replay = '/v1/events/replay';
  const move = '/v1/streams/{name}/move';
  const hook = '/v1/hooks/mediamtx';

  it.each([
    [drain, { operator: '' }, false],
    [drain, { operator: ' ' }, false],
    [drain, { operator: 'a\nb' }, false],
    [drain, { operator: 'x'.repeat(65) }, false],
    [drain, { operator: '😀'.repeat(64), reason: '😀'.repeat(200) }, true],
    [drain, { operator: '😀'.repeat(65) }, false],
    [drain, { reason: 'x'.repeat(201) }, false],
    [drain, { reason: ' ' }, true],
    [drain, { deadline: 999 }, false],
    [drain, { deadline: '30m' }, true],
    [drain, { deadline: '169h' }, false],
    [replay, {}, false],
    [replay, { after: null, since: null }, false],
    [replay, { after: idOf(1), since: null }, true],
    [replay, { since: '1960-11-21T10:00:00Z' }, true],
    [replay, { since: 'yesterday' }, false],
    [replay, { after: idOf(1), since: '2026-11-21T10:00:00Z' }, false],
    [replay, { after: idOf(1), webhook: 'x'.repeat(256) }, false],
    [move, { server: 'a b' }, false],
    [hook, { stream: '../a', event: 'ready' }, false],
    [hook, { stream: 'a', event: 'ready', server: 'a b' }, false],
  ])('%s: %.60j is allowed and taken, or neither: %s', async (path, body, isAllowed) => {
    const { required, content } = bodyOf(path);
    const ajv = new Ajv2020({ strict: false });
    // The request is written byte by byte.
    const escaped = JSON.stringify(body).replace(
      /[^ -~]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    const options = { ...post(escaped), headers: [...bearer, 'Content-Type: application/json'] };
    const reply = await lab.request(path.replace('{name}', 'mtx1'), options);
    expect([required, ajv.validate(content['application/json']?.schema ?? {}, body)]).toEqual([true, isAllowed]);
    expect(reply.status !== 400).toBe(isAllowed);
  });
});
