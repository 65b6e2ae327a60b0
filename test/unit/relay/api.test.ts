import type { ValidateFunction } from 'ajv';
import Ajv2020 from 'ajv/dist/2020';
import { readPathReport } from '../../../src/mediamtx/path-report';
import { relayProblems } from '../../../src/relay/problems';
import type { Opened, Provider } from '../../../src/relay/provider';
import { type ApiLab, type Ask, type Reply, startApiLab } from './api-lab';
import { fakeClient } from './fakes';

interface Content {
  readonly content: Readonly<Record<string, { readonly schema: object }>>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<
    Record<
      string,
      Readonly<
        Record<
          string,
          {
            readonly operationId: string;
            readonly responses: Readonly<Record<string, Content | { readonly $ref: string }>>;
          }
        >
      >
    >
  >;
  readonly components: { readonly responses: Readonly<Record<string, Content>>; readonly schemas: object };
}

let lab: ApiLab;
let document: Document;
let opened: Opened;
const asked: unknown[] = [];
const provider: Provider = {
  open(request) {
    asked.push(request);
    return Promise.resolve(opened);
  },
};

beforeEach(async () => {
  asked.length = 0;
  lab = await startApiLab({ provider });
  document = (await lab.ask('/openapi.json')).json as Document;
});
afterEach(() => lab.stop());

/** The schemas with nothing allowed beside what they describe: a field that the document forgets is a failure. */
function strict(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strict);
  if (typeof schema !== 'object' || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, strict(value)]));
  return 'properties' in inner ? { ...inner, additionalProperties: false } : inner;
}

/** The operation that a path belongs to, as the document writes it. */
function templateOf(path: string): string {
  const plain = path.replace(/\?.*$/, '');
  if (plain in document.paths) return plain;
  const found = Object.keys(document.paths).find((template) =>
    new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}$`).test(plain),
  );
  if (found === undefined) throw new Error(`${plain} is not described`);
  return found;
}

/** Why a reply is not what the document says of it; empty when it is. */
function deviations(path: string, method: string, reply: Reply): string {
  const described = document.paths[templateOf(path)]?.[method.toLowerCase()]?.responses[reply.status];
  if (described === undefined) return `${method} ${path}: ${reply.status} is not described`;
  const response =
    '$ref' in described
      ? document.components.responses[described.$ref.replace('#/components/responses/', '')]
      : described;
  const type = String(reply.headers['content-type']).split(';')[0] ?? '';
  const schema = response?.content[type]?.schema;
  if (schema === undefined) return `${method} ${path}: ${type} is not described`;
  const validate = validatorOf(schema);
  return validate(reply.json) ? '' : `${method} ${path}: ${JSON.stringify(validate.errors)}`;
}

const validators = new Map<string, ValidateFunction>();
let ajv: Ajv2020 | undefined;

/** The document is the same in all tests. */
function validatorOf(schema: object): ValidateFunction {
  if (ajv === undefined) {
    ajv = new Ajv2020({ strict: false, allErrors: true, formats: { 'date-time': true } });
    ajv.addSchema(strict({ ...document }) as object, 'document');
  }
  const text = JSON.stringify(strict(schema)).replaceAll('"#/components/', '"document#/components/');
  const known = validators.get(text) ?? ajv.compile(JSON.parse(text) as object);
  validators.set(text, known);
  return known;
}

/** Asks, and holds the answer to the document. */
async function ask(path: string, options: Ask = {}): Promise<Reply & { readonly body: Record<string, never> }> {
  const reply = await lab.ask(path, options);
  expect(deviations(path, options.method ?? 'GET', reply)).toBe('');
  return { ...reply, body: reply.json as Record<string, never> };
}

const url = 'http://user:geheim@provider.example:8080/live/user/geheim/1.ts?token=geheim';
async function makeStream(more: object = {}): Promise<string> {
  const { status, body } = await ask('/streams', { method: 'POST', body: { url, ...more } });
  expect(status).toBe(200);
  return String(body['stream_id']);
}

describe('streams', () => {
  it('are made as m3u-proxy makes them', async () => {
    const { body } = await ask('/streams', {
      method: 'POST',
      body: {
        url,
        failover_urls: ['http://backup.example/geheim.ts'],
        failover_resolver_url: null,
        user_agent: 'VLC/3',
        headers: { Cookie: 'geheim', Host: 'x', Range: 'bytes=0-' },
        metadata: { id: 7, live: true, rate: 1.5, name: 'a' },
        strict_live_ts: true,
        use_sticky_session: false,
        silence_duration: 3,
      },
    });
    const id = String(body['stream_id']);
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(body).toEqual({
      stream_id: id,
      primary_url: 'http://provider.example:8080/…',
      failover_urls: ['http://backup.example/…'],
      user_agent: 'VLC/3',
      stream_type: 'direct',
      stream_endpoint: `/stream/${id}`,
      playlist_url: `/stream/${id}`,
      direct_url: `/stream/${id}`,
      message: 'Stream created successfully (direct)',
      metadata: { id: '7', live: 'true', rate: '1.5', name: 'a' },
    });
    expect(lab.streams.get(id)).toMatchObject({
      url,
      headers: { cookie: 'geheim' },
      type: 'live',
      failoverUrls: ['http://backup.example/geheim.ts'],
    });
    expect(lab.streams.get(id)?.headers).toEqual({ cookie: 'geheim' });
  });

  it.each([
    ['http://p.example/a.m3u8?token=x', 'hls', 'HLS', '/playlist.m3u8'],
    ['http://p.example/movie/1.mkv', 'direct', 'VOD', ''],
    ['http://p.example/live.ts?x=.m3u8', 'direct', 'Live Continuous', ''],
  ])('%s is %s, %s', async (given, type, shown, ending) => {
    const { body } = await ask('/streams', { method: 'POST', body: { url: given } });
    expect(body['stream_type']).toBe(type);
    expect(body['stream_endpoint']).toMatch(new RegExp(`^/(hls|stream)/[0-9a-f]{32}${ending}$`));
    const { body: one } = await ask(`/streams/${String(body['stream_id'])}`);
    expect(one).toMatchObject({ stream: { stream_type: shown, is_active: false }, clients: [], client_count: 0 });
  });

  it.each([
    [undefined, 'channel'],
    [null, 'channel'],
    ['channel', 'channel'],
    ['passthrough', 'passthrough'],
  ])('with hls %p is given as %s', async (hls, shown) => {
    const { body } = await ask('/streams', { method: 'POST', body: { url: 'http://p.example/a.m3u8', hls } });
    const { body: one } = await ask(`/streams/${String(body['stream_id'])}`);
    expect(one).toMatchObject({ stream: { hls: shown } });
  });

  it.each([
    [undefined, null],
    [null, null],
    [2_500_000, 2_500_000],
  ])('with a most bandwidth of %p show %p', async (max_bandwidth, shown) => {
    const { body } = await ask('/streams', { method: 'POST', body: { url: 'http://p.example/a.m3u8', max_bandwidth } });
    const { body: one } = await ask(`/streams/${String(body['stream_id'])}`);
    expect(one).toMatchObject({ stream: { max_bandwidth: shown } });
  });

  it.each([0, -1, 1.5, '2000000', 1e12])('are not made with a most bandwidth of %p', async (max_bandwidth) => {
    const made = await ask('/streams', { method: 'POST', body: { url: 'http://p.example/a.m3u8', max_bandwidth } });
    expect(made.status).toBe(422);
  });

  it('of a URL that is known keep their id and take everything else from the request', async () => {
    const id = await makeStream({ failover_urls: ['http://old.example/'], user_agent: 'old', metadata: { a: 1 } });
    const { body } = await ask('/streams', { method: 'POST', body: { url, failover_urls: ['http://new.example/'] } });
    expect(body).toMatchObject({ stream_id: id, message: 'Stream updated successfully (direct)', metadata: {} });
    const { body: list } = await ask('/streams');
    expect(list).toMatchObject({
      total: 1,
      streams: [
        { stream_id: id, failover_urls: ['http://new.example/'], user_agent: expect.stringContaining('Mozilla') },
      ],
    });
  });

  it('show no credentials', async () => {
    const id = await makeStream({
      failover_urls: [url],
      failover_resolver_url: url,
      headers: { authorization: 'geheim' },
    });
    for (const path of [
      '/overview',
      `/streams/${id}/why`,
      '/streams',
      '/stats',
      '/stats/streams',
      '/v3/paths/list',
      '/metrics',
      '/streams/by-metadata?field=a&value=b&active_only=0',
    ]) {
      expect((await lab.ask(path)).text).not.toContain('geheim');
    }
    expect(lab.log.lines.join()).not.toContain('geheim');
  });

  it.each<[unknown, string]>([
    [{}, 'The body lacks "url".'],
    [[], 'The body must be a JSON object.'],
    ['x', 'The body must be a JSON object.'],
    [{ url: 'file:///etc/passwd' }, 'The field "url" is wrong.'],
    [{ url: 'http://' }, 'The field "url" is wrong.'],
    [{ url: 5 }, 'The field "url" is wrong.'],
    [{ url: `http://x/${'a'.repeat(5000)}` }, 'The field "url" is wrong.'],
    [{ url, failover_urls: ['http://a.example/', 'gopher://geheim'] }, 'The field "failover_urls[1]" is wrong.'],
    [{ url, failover_resolver_url: 'x' }, 'The field "failover_resolver_url" is wrong.'],
    [{ url, headers: { 'a b': 'c' } }, 'The field "headers" is wrong.'],
    [{ url, headers: { a: 'geheim\r\nx: y' } }, 'The field "headers" is wrong.'],
    [{ url, user_agent: 'a\nb' }, 'The field "user_agent" is wrong.'],
    [{ url, metadata: { a: { b: 1 } } }, 'The field "metadata" is wrong.'],
    [
      { url, metadata: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, 1])) },
      'The field "metadata" is wrong.',
    ],
  ])('cannot be made of %j', async (body, detail) => {
    const reply = await ask('/streams', { method: 'POST', body });
    expect(reply.status).toBe(422);
    expect(reply.body).toMatchObject({ status: 422, detail });
    expect(reply.text).not.toContain('geheim');
    expect(lab.streams.count).toBe(0);
  });

  it('are deleted, and what was known of their sources is forgotten', async () => {
    const id = await makeStream();
    const before = lab.active.of(id);
    await ask(`/streams/${id}`, { method: 'DELETE' });
    await makeStream();
    expect(lab.active.of(id)).not.toBe(before);
  });

  it('are deleted, and their clients disconnected', async () => {
    const id = await makeStream();
    const client = fakeClient({ streamId: id });
    lab.clients.add(client);
    expect((await ask(`/streams/${id}`, { method: 'DELETE' })).body).toEqual({ message: `Stream ${id} deleted` });
    expect(client.ended).toBe(1);
    expect(await ask(`/streams/${id}`, { method: 'DELETE' })).toMatchObject({
      status: 404,
      body: { detail: 'Stream not found' },
    });
    expect(await ask(`/streams/${id}`)).toMatchObject({ status: 404, body: { detail: 'Stream not found' } });
  });

  it('are refused when as many are stored as may be, or the store fails', async () => {
    await lab.stop();
    lab = await startApiLab({ provider, relay: { maxStreams: 1 } });
    const id = await makeStream();
    expect(await ask('/streams', { method: 'POST', body: { url: 'http://b.example/' } })).toMatchObject({
      status: 503,
    });
    await lab.store.close();
    expect(await ask('/streams', { method: 'POST', body: { url } })).toMatchObject({ status: 503 });
    expect(await ask(`/streams/${id}`, { method: 'DELETE' })).toMatchObject({ status: 503 });
  });
});

describe('what a stream is doing', () => {
  it('is told with its sources, failures and failovers', async () => {
    const id = await makeStream({ failover_urls: ['http://b.example/x'], metadata: { title: 'News' } });
    const client = fakeClient({ streamId: id, source: 1, bytes: 500 });
    lab.clients.add(client);
    const failure = { trigger: 'stall', status: undefined, retryAfterMs: undefined, reason: 'Nothing came.' } as const;
    lab.active.of(id).health.failed(url, failure, performance.now(), performance.now());
    lab.reports.failedOver({ client, from: 0, to: 1, ...failure, byteGapMs: 4000, pictureGapMs: 4100 });
    expect((await ask(`/streams/${id}/why`)).body).toMatchObject({
      id,
      title: 'News',
      clients: 1,
      bytes: 500,
      current: 1,
      sources: [
        { state: 'failed', lastFailure: { trigger: 'stall' } },
        { state: 'playing', clients: 1 },
      ],
      recentFailovers: [{ from: 0, to: 1, byteGapMs: 4000, pictureGapMs: 4100, client: 'c1' }],
      players: [{ id: 'c1', source: 1 }],
    });
    expect((await ask('/overview?match=news')).body).toMatchObject({
      total: 1,
      streams: [{ id, clients: 1, failovers: 1, gapsMs: [4000] }],
      accounts: [],
    });
    expect((await ask('/overview?match=other')).body).toMatchObject({ total: 0, streams: [] });
    expect(await ask('/streams/x/why')).toMatchObject({ status: 404, body: { detail: 'Stream not found' } });
  });
});

it('is ready only while the store works', async () => {
  expect((await ask('/readyz')).body).toEqual({ status: 'ready' });
  await lab.stop();
  lab = await startApiLab({ storeFailure: 'the disk is full' });
  expect(await ask('/readyz')).toMatchObject({
    status: 503,
    body: { detail: 'Streams are served, but none can be stored: the disk is full' },
  });
  expect((await ask('/healthz')).body).toMatchObject({ status: 'ok', version: '1.2.3' });
});

describe('failover by hand', () => {
  it('moves each client once, and says where to', async () => {
    const id = await makeStream({ failover_urls: ['http://b.example/x', 'http://c.example/x'] });
    const clients = [
      fakeClient({ id: 'a', streamId: id, source: 1 }),
      fakeClient({ id: 'b', streamId: id, source: 1 }),
      // The source that would be next for it has failed lately.
      fakeClient({ id: 'd', streamId: id, source: 2, failover: () => 0 }),
    ];
    const vod = fakeClient({ id: 'c', streamId: id, source: 0, failover: () => undefined });
    for (const client of [...clients, vod]) lab.clients.add(client);
    expect(await ask(`/streams/${id}/failover`, { method: 'POST' })).toMatchObject({
      status: 200,
      body: {
        new_url: 'http://c.example/…',
        failover_index: 1,
        failover_attempts: 0,
        active_clients: 3,
        stream_type: 'Live Continuous',
      },
    });
    expect(clients.map(({ moves }) => moves)).toEqual([1, 1, 0]);
  });

  it.each<[string, object, (() => number | undefined) | undefined, number]>([
    ['no backups', {}, () => 1, 400],
    ['no client that can be moved', { failover_urls: ['http://b.example/'] }, () => undefined, 500],
    ['no clients', { failover_urls: ['http://b.example/'] }, undefined, 200],
    ['a resolver only', { failover_resolver_url: 'http://r.example/' }, () => 1, 200],
  ])('with %s', async (_, more, failover, status) => {
    const id = await makeStream(more);
    if (failover !== undefined) lab.clients.add(fakeClient({ streamId: id, failover }));
    expect((await ask(`/streams/${id}/failover`, { method: 'POST' })).status).toBe(status);
  });

  it('asks the resolver first, about the source that most clients play', async () => {
    await lab.stop();
    const asked: unknown[] = [];
    lab = await startApiLab({
      resolve(_stream, { url: left, index, failure }) {
        asked.push([left, index, failure.trigger]);
        return Promise.resolve('http://named.example/x');
      },
    });
    const id = await makeStream({ failover_urls: ['http://b.example/x'], failover_resolver_url: 'http://r.example/' });
    expect((await ask(`/streams/${id}/failover`, { method: 'POST' })).body).toMatchObject({ active_clients: 0 });
    expect(asked).toEqual([]);
    const told: unknown[] = [];
    const failover = (to?: string) => told.push(to);
    lab.clients.add(fakeClient({ streamId: id, source: 1, failover }));
    expect((await ask(`/streams/${id}/failover`, { method: 'POST' })).body).toMatchObject({ active_clients: 1 });
    expect(asked).toEqual([['http://b.example/x', 1, 'manual']]);
    expect(told).toEqual(['http://named.example/x']);
  });

  it('of an unknown stream is 404', async () => {
    expect(await ask('/streams/x/failover', { method: 'POST' })).toMatchObject({
      status: 404,
      body: { detail: 'Stream not found' },
    });
  });
});

describe('clients', () => {
  let id: string;
  let client: ReturnType<typeof fakeClient>;
  beforeEach(async () => {
    id = await makeStream({ failover_urls: ['http://b.example/x'] });
    client = fakeClient({ streamId: id, username: 'anna', bytes: 1880, source: 1 });
    lab.clients.add(client);
  });
  const shown = () => ({
    client_id: 'c1',
    stream_id: id,
    user_agent: 'player',
    ip_address: '192.0.2.7',
    username: 'anna',
    bytes_served: 1880,
    segments_served: 0,
    created_at: '2026-11-29T10:00:01.000Z',
    last_access: expect.stringMatching(/^20\d\d-.*Z$/),
    is_connected: true,
    card: null,
  });

  it.each(['/clients', '/stats/clients'])('are listed at %s', async (path) => {
    expect((await ask(path)).body).toEqual({ total_clients: 1, clients: [shown()] });
  });

  it('are shown one by one, and with their stream', async () => {
    expect((await ask('/clients/c1')).body).toEqual(shown());
    expect(await ask('/clients/c2')).toMatchObject({ status: 404, body: { detail: 'Client not found' } });
    expect((await ask(`/streams/${id}`)).body).toMatchObject({
      stream: {
        client_count: 1,
        is_active: true,
        total_bytes_served: 1880,
        current_url: 'http://b.example/…',
        current_failover_index: 0,
        has_failover: true,
      },
      clients: [shown()],
      client_count: 1,
    });
  });

  it('are disconnected', async () => {
    expect((await ask(`/hls/${id}/clients/c1`, { method: 'DELETE' })).body).toEqual({
      message: 'Client c1 disconnected',
    });
    expect((await ask('/clients/c1', { method: 'DELETE' })).status).toBe(200);
    expect(client.ended).toBe(2);
    expect((await ask('/hls/other/clients/c1', { method: 'DELETE' })).status).toBe(404);
    expect((await ask('/clients/c2', { method: 'DELETE' })).status).toBe(404);
    expect(client.ended).toBe(2);
  });

  it('are counted in all the figures, those who have gone too', async () => {
    const gone = fakeClient({ id: 'gone', streamId: id, bytes: 120 });
    lab.clients.add(gone);
    lab.clients.remove(gone);
    const totals = {
      total_streams: 1,
      active_streams: 1,
      total_clients: 1,
      active_clients: 1,
      total_bytes_served: 2000,
      total_segments_served: 0,
      uptime_seconds: expect.any(Number),
    };
    expect((await ask('/stats')).body).toMatchObject({ ...totals, clients: [shown()], streams: [{ stream_id: id }] });
    expect((await ask('/stats/detailed')).body).toMatchObject({
      proxy_stats: totals,
      stream_count: 1,
      client_count: 1,
    });
    expect((await ask('/stats/performance')).body).toMatchObject({
      connection_pool: { open: 1 },
      failover_stats: { total: 0 },
    });
    expect((await ask('/stats/streams')).body).toMatchObject({
      total_streams: 1,
      streams: [{ total_bytes_served: 2000 }],
    });
    expect((await ask('/health')).body).toMatchObject({ status: 'healthy', root_path: '/m3u-proxy', stats: totals });
    expect((await ask('/')).body).toMatchObject({ status: 'running', version: '1.2.3', stats: totals });
    expect((await ask('/info')).body).toMatchObject({
      version: '1.2.3',
      configuration: { client_timeout: 30, stream_timeout: 300 },
    });
    expect((await lab.ask('/metrics')).text).toContain('\nmtxpilot_relay_bytes_total 2000\n');
  });
});

describe('by metadata', () => {
  const ids: string[] = [];
  beforeEach(async () => {
    ids.length = 0;
    for (const [at, playlist] of ['p1', 'p1', 'p2'].entries()) {
      const made = await ask('/streams', {
        method: 'POST',
        body: { url: `http://p.example/${at}`, metadata: { id: at, playlist } },
      });
      ids.push(String(made.body['stream_id']));
    }
  });
  const play = (at: number, fields = {}) => {
    const client = fakeClient({ id: `c${at}`, streamId: ids[at] ?? '', ...fields });
    lab.clients.add(client);
    return client;
  };

  it('streams are found: those with clients, or all', async () => {
    play(1);
    const query = '/streams/by-metadata?field=playlist&value=p1';
    expect((await ask(query)).body).toMatchObject({
      filter: { field: 'playlist', value: 'p1' },
      active_only: true,
      matching_streams: [
        {
          stream_id: ids[1],
          client_count: 1,
          metadata: { id: '1', playlist: 'p1' },
          url: 'http://p.example/…',
          stream_type: 'Live Continuous',
        },
      ],
      total_matching: 1,
      total_clients: 1,
    });
    expect((await ask(`${query}&active_only=false`)).body).toMatchObject({ total_matching: 2, total_clients: 1 });
    expect((await ask('/streams/by-metadata?field=constructor&value=x&active_only=0')).body).toMatchObject({
      total_matching: 0,
    });
  });

  it.each(['', '?field=a', '?value=b', '?field=a&field=b&value=c', '?field=a&value=b&active_only=maybe'])(
    '%s is 422',
    async (query) => {
      expect((await ask(`/streams/by-metadata${query}`)).status).toBe(422);
    },
  );

  it('streams are counted', async () => {
    play(0);
    play(1);
    expect((await ask('/streams/counts-by-metadata?field=playlist&values=p1,p2,p3&active_only=true')).body).toEqual({
      field: 'playlist',
      active_only: true,
      counts: { p1: 2, p2: 0, p3: 0 },
    });
    expect((await ask('/streams/counts-by-metadata?field=playlist&active_only=false')).body).toMatchObject({
      counts: { p1: 2, p2: 1 },
    });
  });

  it('streams are deleted, but for the channel that is to stay', async () => {
    const client = play(0);
    const query = '/streams/by-metadata?field=playlist&value=p1&exclude_channel_id=1';
    expect((await ask(query, { method: 'DELETE' })).body).toEqual({
      message: 'Deleted 1 stream(s) matching playlist=p1',
      deleted_streams: [ids[0]],
      skipped_streams: [{ stream_id: ids[1], reason: 'excluded_by_channel_id' }],
      deleted_count: 1,
    });
    expect(client.ended).toBe(1);
    expect(lab.streams.count).toBe(2);
  });

  it('streams of one client are deleted, and shared ones only left, unless by force', async () => {
    const [alone, shared, other] = [play(0, { id: 'me' }), play(1, { id: 'me' }), play(1, { id: 'other' })];
    const query = '/streams/by-metadata?field=playlist&value=p1&client_id=me';
    expect((await ask(query, { method: 'DELETE' })).body).toMatchObject({
      deleted_streams: [ids[0]],
      skipped_streams: [{ stream_id: ids[1], reason: 'played_by_other_clients' }],
    });
    expect([alone.ended, shared.ended, other.ended]).toEqual([1, 1, 0]);
    expect((await ask(`${query}&force=true`, { method: 'DELETE' })).body).toMatchObject({ deleted_streams: [ids[1]] });
    expect([shared.ended, other.ended]).toEqual([2, 1]);
  });

  it('the stream that is played for longest goes, and idle ones stay', async () => {
    play(0, { createdAt: '2026-11-29T10:00:02.000Z' });
    play(1, { createdAt: '2026-11-29T10:00:01.000Z' });
    const query = '/streams/oldest-by-metadata?field=playlist&value=p1';
    expect((await ask(query, { method: 'DELETE' })).body).toMatchObject({
      deleted_stream: ids[1],
      deleted_count: 1,
      stream_age_seconds: expect.any(Number),
    });
    expect((await ask(`${query}&exclude_channel_id=0`, { method: 'DELETE' })).body).toEqual({
      message: 'No streams found matching playlist=p1',
      deleted_stream: null,
      stream_age_seconds: null,
      deleted_count: 0,
    });
    expect(lab.streams.count).toBe(2);
  });
});

describe('webhooks', () => {
  const hookUrl = 'http://127.0.0.1:1/hook?key=geheim';
  const body = { url: hookUrl, events: ['stream_stopped', 'client_connected'], headers: { 'X-Key': 'geheim' } };

  it('are added, listed and removed', async () => {
    expect(
      (await ask('/webhooks', { method: 'POST', body: { ...body, timeout: 2.5, retry_attempts: 5 } })).body,
    ).toEqual({
      message: 'Webhook added successfully',
      webhook_url: hookUrl,
      events: ['stream_stopped', 'client_connected'],
    });
    await ask('/webhooks', {
      method: 'POST',
      body: { url: 'http://127.0.0.1:1/other', shape: 'orchestrator', events: ['stream_started'] },
    });
    expect((await ask('/webhooks')).body).toEqual({
      webhooks: [
        {
          url: hookUrl,
          shape: 'm3u-proxy',
          events: ['stream_stopped', 'client_connected'],
          timeout: 2.5,
          retry_attempts: 5,
        },
        {
          url: 'http://127.0.0.1:1/other',
          shape: 'orchestrator',
          events: ['stream_started'],
          timeout: 10,
          retry_attempts: 3,
        },
      ],
    });
    expect(lab.hooks.list()[0]?.headers).toEqual({ 'x-key': 'geheim' });
    const path = `/webhooks?webhook_url=${encodeURIComponent(hookUrl)}`;
    expect((await ask(path, { method: 'DELETE' })).body).toEqual({
      message: `Webhook ${hookUrl} removed successfully`,
    });
    expect(await ask(path, { method: 'DELETE' })).toMatchObject({ status: 404, body: { detail: 'Webhook not found' } });
    expect((await ask('/webhooks', { method: 'DELETE' })).status).toBe(422);
    expect(lab.log.lines.join()).not.toContain('geheim');
  });

  it('are tested, and what does not arrive is 502', async () => {
    const path = `/webhooks/test?webhook_url=${encodeURIComponent(hookUrl)}`;
    expect((await ask(path, { method: 'POST' })).status).toBe(404);
    await ask('/webhooks', { method: 'POST', body });
    const reply = await ask(path, { method: 'POST' });
    expect(reply).toMatchObject({ status: 502, body: { detail: expect.stringContaining('did not arrive') } });
    expect(reply.text).not.toContain('geheim');
  });

  it.each<object>([
    {},
    { url: hookUrl },
    { url: hookUrl, events: [] },
    { url: hookUrl, events: ['stream.started'] },
    { url: 'http://user:password@x.example/', events: ['stream_started'] },
    { url: 'ftp://x.example/', events: ['stream_started'] },
    { url: hookUrl, events: ['stream_started'], timeout: 0 },
    { url: hookUrl, events: ['stream_started'], retry_attempts: -1 },
    { url: hookUrl, events: ['stream_started'], shape: 'cloudevents' },
    { url: hookUrl, events: ['stream_started', 'stream_failed'], shape: 'orchestrator' },
    { url: hookUrl, events: ['stream_started'], secret: 'short' },
  ])('cannot be %j', async (given) => {
    expect((await ask('/webhooks', { method: 'POST', body: given })).status).toBe(422);
    expect(lab.hooks.list()).toEqual([]);
  });
});

describe('a test of a connection', () => {
  it('tells what the provider answers, and not where', async () => {
    let isClosed = false;
    const source = { status: 200, headers: {}, url, body: undefined as never, close: () => void (isClosed = true) };
    opened = { source };
    const body = { url };
    expect((await ask('/test-connection', { method: 'POST', body })).body).toEqual({
      success: true,
      message: 'Successfully connected to http://provider.example:8080/…',
      status_code: 200,
      error: null,
      url_tested: 'http://provider.example:8080/…',
    });
    expect(isClosed).toBe(true);
    opened = { failure: { trigger: 'status', status: 404, retryAfterMs: undefined, reason: 'it answers 404' } };
    expect((await ask('/test-connection', { method: 'POST', body })).body).toMatchObject({
      success: false,
      status_code: 404,
      error: 'it answers 404',
    });
    opened = { failure: { trigger: 'connect', status: undefined, retryAfterMs: undefined, reason: 'refused' } };
    expect((await ask('/test-connection', { method: 'POST', body })).body).toMatchObject({
      success: false,
      status_code: null,
      message: 'Connection failed: refused',
    });
    expect(asked).toHaveLength(3);
    expect((await ask('/test-connection', { method: 'POST', body: { url: 'file:///etc/hostname' } })).status).toBe(422);
    expect(asked).toHaveLength(3);
  });
});

describe('what is asked by the directory of an agent', () => {
  it('has each stream as a path that can be played', async () => {
    const id = await makeStream();
    await ask('/streams', { method: 'POST', body: { url: 'http://b.example/' } });
    lab.clients.add(fakeClient({ streamId: id, bytes: 188 }));
    expect((await ask('/v3/info')).body).toEqual({ version: 'mtxpilot-1.2.3', started: '2026-11-29T09:00:00.000Z' });
    const { body: list } = await ask('/v3/paths/list?itemsPerPage=2147483647&page=0');
    expect(list).toMatchObject({ pageCount: 1, itemCount: 2 });
    const { body: path } = await ask(`/v3/paths/get/${id}`);
    expect((list['items'] as unknown as unknown[])[0]).toEqual(path);
    expect(path).toMatchObject({
      name: id,
      ready: true,
      online: true,
      bytesSent: 188,
      readers: [{ type: 'relayClient', id: 'c1' }],
    });
    expect(readPathReport(path)).toMatchObject({ name: id, live: true, feed: 'pulled', bytesSent: 188 });
    expect((await ask('/v3/paths/list?itemsPerPage=1&page=1')).body).toMatchObject({
      pageCount: 2,
      items: [{ readers: [] }],
    });
    expect((await ask('/v3/paths/list?itemsPerPage=1&page=7')).body).toMatchObject({ items: [] });
    expect((await ask('/v3/paths/get/nope')).status).toBe(404);
  });
});

describe('paths', () => {
  it('are the same below the root path', async () => {
    const id = await makeStream();
    for (const path of ['/streams', `/streams/${id}`, '/health', '/metrics/performance', '/']) {
      expect((await lab.ask(`/m3u-proxy${path}`)).status).toBe(200);
    }
    expect((await lab.ask('/m3u-proxy')).status).toBe(200);
    expect((await lab.ask('/m3u-proxyx/streams')).status).toBe(404);
  });

  it.each<[string, Ask, number]>([
    ['/nope', {}, 404],
    ['/streams/', {}, 404],
    ['/stream/nope', {}, 404],
    ['/hls/nope/playlist.m3u8', {}, 404],
    ['/streams', { method: 'PUT' }, 405],
    ['/streams', { method: 'POST', headers: { 'content-type': 'text/plain' } }, 415],
    ['/streams/%E0%A4%A', {}, 404],
    ['/metrics/performance?operation=x', {}, 404],
    ['/metrics/performance?window=1s', {}, 422],
    ['/openapi.json', { headers: { host: 'evil.example' } }, 421],
  ])('%s %j is %i', async (path, options, status) => {
    const reply = await lab.ask(path, options);
    expect(reply.status).toBe(status);
    expect(reply.headers['content-type']).toBe('application/problem+json');
    expect(reply.json).toMatchObject({ status, detail: expect.any(String) });
  });

  it('answer HEAD and OPTIONS', async () => {
    expect(await lab.ask('/streams', { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
    const { status, headers } = await lab.ask('/streams', { method: 'OPTIONS' });
    expect([status, headers['allow']]).toEqual([204, 'POST, GET, HEAD, OPTIONS']);
  });

  it('are described, each problem too', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.components.responses).sort()).toEqual(Object.keys(relayProblems).sort());
    const ids = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('with a token', () => {
  beforeEach(async () => {
    await lab.stop();
    lab = await startApiLab({ relay: { token: 'geheim' } });
  });

  it('only who has it is answered', async () => {
    const open = ['get /healthz', 'get /readyz', 'get /metrics/performance', 'get /proxy/config'];
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const method of Object.keys(methods)) {
        const at = path.replace(/\{\w+\}/g, 'x');
        const statuses = await Promise.all(
          [{}, { 'x-api-token': 'wrong' }].map(
            async (headers) => (await ask(at, { method: method.toUpperCase(), headers })).status,
          ),
        );
        expect({ method, path, statuses }).toEqual({
          method,
          path,
          statuses: open.includes(`${method} ${path}`) ? [200, 200] : [401, 403],
        });
      }
    }
    const { status, headers } = await lab.ask('/streams');
    expect([status, headers['www-authenticate']]).toEqual([401, 'Bearer']);
    expect((await lab.ask('/streams?api_token=geheim')).status).toBe(200);
    expect((await lab.ask('/streams', { headers: { 'x-api-token': 'geheim', host: 'relay.example' } })).status).toBe(
      200,
    );
  });
});

describe('players', () => {
  it('are given to who serves streams, under any name, with their query and without a time-out', async () => {
    const served: string[] = [];
    await lab.stop();
    lab = await startApiLab({
      relay: { token: 'geheim' },
      serveStream(req, res, { id: streamId }, query) {
        served.push(`${req.method ?? ''} ${streamId} ${query} ${req.socket.timeout}`);
        res.writeHead(200, { 'content-type': 'video/mp2t' }).end('x');
      },
    });
    const result = await lab.streams.put({
      url,
      failoverUrls: [],
      resolverUrl: undefined,
      userAgent: 'x',
      headers: {},
      metadata: {},
      type: 'live',
      hls: 'channel',
    });
    const id = result.ok ? result.stream.id : '';
    const headers = { host: 'tv.example' };
    expect((await lab.ask(`/stream/${id}?utc=1&x=%2F`, { headers })).text).toBe('x');
    expect((await lab.ask(`/m3u-proxy/stream/${id}`, { method: 'HEAD', headers })).status).toBe(200);
    expect((await lab.ask(`/stream/${id}`, { method: 'POST', headers })).status).toBe(405);
    expect((await lab.ask(`/stream/${id}`, { method: 'OPTIONS', headers })).status).toBe(204);
    expect((await lab.ask('/stream/nope', { headers })).status).toBe(404);
    expect((await lab.ask(`/stream/nope?url=${encodeURIComponent(url)}`, { headers })).status).toBe(404);
    expect(served).toEqual([`GET ${id} utc=1&x=%2F 0`, `HEAD ${id}  0`]);
  });

  it('get what is behind /hls/ with its path and query as they came', async () => {
    const served: string[] = [];
    await lab.stop();
    lab = await startApiLab({
      relay: { token: 'geheim' },
      serveHls(req, res, { id: streamId }, { path, query }) {
        served.push(`${req.method ?? ''} ${streamId} ${path} ${query}`);
        res.writeHead(200).end('x');
      },
    });
    const made = await lab.ask('/streams', {
      method: 'POST',
      body: { url: 'http://p.example/a.m3u8' },
      headers: { 'x-api-token': 'geheim' },
    });
    const id = String((made.json as Record<string, unknown>)['stream_id']);
    const headers = { host: 'tv.example' };
    expect((await lab.ask(`/hls/${id}/index.m3u8?mtxs=%2F`, { headers })).text).toBe('x');
    expect((await lab.ask(`/m3u-proxy/hls/${id}/a/b%2Fc`, { method: 'HEAD', headers })).status).toBe(200);
    expect((await lab.ask(`/hls/${id}/index.m3u8`, { method: 'POST', headers })).status).toBe(405);
    expect((await lab.ask(`/hls/${id}/index.m3u8`, { method: 'OPTIONS', headers })).status).toBe(204);
    expect((await lab.ask('/hls/nope/index.m3u8', { headers })).status).toBe(404);
    expect(served).toEqual([`GET ${id} index.m3u8 mtxs=%2F`, `HEAD ${id} a/b%2Fc `]);
  });

  it('get 500 when serving fails', async () => {
    await lab.stop();
    lab = await startApiLab({
      serveStream() {
        throw new Error('a bug');
      },
    });
    const id = await makeStream();
    expect((await lab.ask(`/stream/${id}`)).status).toBe(500);
    expect(lab.log.lines.join()).toContain('a bug');
  });

  it('are disconnected when the relay stops', async () => {
    const client = fakeClient({ streamId: await makeStream() });
    lab.clients.add(client);
    await lab.stop();
    expect(client.ended).toBe(1);
    lab = await startApiLab();
  });
});
