import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAgent } from '../support/agent';
import { startChild } from '../support/child-process';
import { takeLoopbackBlock } from '../support/loopback-block';
import { startRedis } from '../support/redis-server';
import { type RelayProcess, startRelay } from '../support/relay';
import { until } from '../support/until';

const token = 'a-token-of-the-api';
const secret = 'geheim';
const url = `http://user:${secret}@provider.example/live/user/${secret}/1.ts?token=${secret}`;
const backup = `https://backup.example/${secret}/2.ts`;

/** The calls of an old client, as its library makes them. */
function clientOf(base: string) {
  const call = async (method: string, path: string, body?: object) => {
    const response = await fetch(base + path, {
      method,
      headers: { 'X-API-Token': token, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  return { call, get: (path: string) => call('GET', path) };
}

let folder: string;
let relay: RelayProcess;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mtxpilot-relay-store-'));
});
afterEach(async () => {
  await relay.stop('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

describe('an old client', () => {
  it('finds each of its calls, and its fields in the answers', async () => {
    relay = await startRelay({ env: { API_TOKEN: token, CLIENT_TIMEOUT: '10', LOG_LEVEL: 'DEBUG' } });
    const { call, get } = clientOf(`${relay.url}/m3u-proxy`);
    const created = await call('POST', '/streams', {
      url,
      failover_urls: [backup],
      failover_resolver_url: `http://editor.example/resolve?key=${secret}`,
      user_agent: 'VLC/3',
      headers: { Cookie: secret },
      metadata: { id: 12, type: 'channel', playlist_uuid: 'p1' },
      strict_live_ts: false,
      use_sticky_session: true,
    });
    const id = String(created.body['stream_id']);
    const none = { message: 'No streams found matching playlist_uuid=p1', deleted_stream: null, deleted_count: 0 };
    const answers: readonly (readonly [unknown, number, object])[] = [
      [
        created,
        200,
        { stream_type: 'direct', stream_endpoint: `/stream/${id}`, user_agent: 'VLC/3', metadata: { id: '12' } },
      ],
      [await call('POST', '/streams', { url }), 200, { stream_id: id, failover_urls: [] }],
      [await call('POST', '/streams', { url, failover_urls: [backup] }), 200, { stream_id: id }],
      [await call('POST', '/streams', { url: 'rtsp://x' }), 422, { detail: expect.any(String) }],
      [await get('/streams'), 200, { total: 1, streams: [{ stream_id: id, has_failover: true, client_count: 0 }] }],
      [await get(`/streams/${id}`), 200, { stream: { stream_id: id }, clients: [], client_count: 0 }],
      [await get('/streams/unknown'), 404, { detail: 'Stream not found' }],
      [await call('POST', `/streams/${id}/failover`), 200, { active_clients: 0, failover_attempts: 0 }],
      [await call('POST', '/streams/unknown/failover'), 404, { detail: 'Stream not found' }],
      [await get('/'), 200, { status: 'running' }],
      [await get('/health'), 200, { status: 'healthy', root_path: '/m3u-proxy', active_streams: 0 }],
      [await get('/info'), 200, { configuration: { client_timeout: 10, stream_timeout: 300 } }],
      [await get('/stats'), 200, { total_streams: 1, total_clients: 0, streams: [{ stream_id: id }], clients: [] }],
      [await get('/stats/detailed'), 200, { proxy_stats: { total_streams: 1 }, stream_count: 1 }],
      [await get('/stats/performance'), 200, { failover_stats: { total: 0 } }],
      [await get('/stats/streams'), 200, { total_streams: 1 }],
      [await get('/stats/clients'), 200, { total_clients: 0 }],
      [await get('/clients'), 200, { total_clients: 0, clients: [] }],
      [await get('/clients/nobody'), 404, { detail: 'Client not found' }],
      [await call('DELETE', `/hls/${id}/clients/nobody`), 404, { detail: 'Client not found' }],
      [await get('/streams/by-metadata?field=type&value=channel'), 200, { total_matching: 0, active_only: true }],
      [await get('/streams/by-metadata?field=type'), 422, { detail: expect.any(String) }],
      [await get('/streams/counts-by-metadata?field=type&values=channel,vod'), 200, { counts: { channel: 0, vod: 0 } }],
      [await call('DELETE', '/streams/oldest-by-metadata?field=playlist_uuid&value=p1'), 200, none],
      [await call('DELETE', '/streams/by-metadata?field=playlist_uuid&value=p2'), 200, { deleted_count: 0 }],
      [await call('DELETE', `/streams/${id}`), 200, { message: `Stream ${id} deleted` }],
      [await call('DELETE', `/streams/${id}`), 404, { detail: 'Stream not found' }],
    ];
    for (const [answer, status, body] of answers) expect(answer).toMatchObject({ status, body });
    expect(JSON.stringify(answers)).not.toContain(secret);
    expect(relay.log()).not.toContain(secret);
    expect(relay.log()).not.toContain(token);
  });

  it('needs the token where there is one, and players do not', async () => {
    relay = await startRelay({ env: { API_TOKEN: token } });
    const status = async (path: string, headers: Record<string, string> = {}) =>
      (await fetch(relay.url + path, { headers })).status;
    expect(await status('/streams')).toBe(401);
    expect(await status('/streams', { 'X-API-Token': 'wrong' })).toBe(403);
    expect(await status(`/streams?api_token=${token}`)).toBe(200);
    expect(await status('/streams', { Authorization: `Bearer ${token}` })).toBe(200);
    for (const path of ['/healthz', '/readyz', '/metrics', '/openapi.json']) expect(await status(path)).toBe(200);
    expect(await status('/stream/unknown')).toBe(404);
    expect(await status(`/stream/unknown?url=${encodeURIComponent(url)}`)).toBe(404);
  });
});

it.each(['SIGTERM', 'SIGKILL'] as const)(
  'has its streams and webhooks again after %s, under the same ids',
  async (signal) => {
    relay = await startRelay({ env: { API_TOKEN: token }, storeFolder: folder });
    const before = clientOf(relay.url);
    const made = await Promise.all(
      Array.from({ length: 20 }, (_, at) =>
        before.call('POST', '/streams', { url: `${url}&n=${at}`, failover_urls: [backup], metadata: { at } }),
      ),
    );
    const hook = { url: `http://127.0.0.1:1/?key=${secret}`, events: ['stream_started'], headers: { 'X-Key': secret } };
    await before.call('POST', '/webhooks', hook);
    await relay.stop(signal);
    if (signal === 'SIGTERM') expect(await relay.child.exited).toBe(0);
    expect(relay.log()).not.toContain(secret);

    relay = await startRelay({ env: { API_TOKEN: token }, storeFolder: folder });
    const after = clientOf(relay.url);
    for (const { body } of made) {
      expect(await after.get(`/streams/${String(body['stream_id'])}`)).toMatchObject({
        status: 200,
        body: { stream: { metadata: body['metadata'], failover_urls: ['https://backup.example/…'] } },
      });
    }
    expect((await after.get('/streams')).body).toMatchObject({ total: made.length });
    expect(await after.call('POST', '/streams', { url: `${url}&n=3` })).toMatchObject({
      body: { stream_id: made[3]?.body['stream_id'], message: 'Stream updated successfully (direct)' },
    });
    expect((await after.get('/webhooks')).body).toMatchObject({ webhooks: [{ url: hook.url, events: hook.events }] });
  },
);

describe('a webhook', () => {
  let server: Server;
  const received: { readonly event_type: string }[] = [];
  beforeEach(async () => {
    received.length = 0;
    server = createServer((req, res) => {
      let text = '';
      req.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      req.on('end', () => {
        received.push(JSON.parse(text) as { event_type: string });
        res.end();
      });
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => void server.close());

  it('is added, tested and removed', async () => {
    relay = await startRelay({ env: { API_TOKEN: token } });
    const { call } = clientOf(relay.url);
    const hookUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?key=${secret}`;
    const query = `webhook_url=${encodeURIComponent(hookUrl)}`;
    expect((await call('POST', '/webhooks', { url: hookUrl, events: ['stream_started'] })).status).toBe(200);
    expect((await call('POST', `/webhooks/test?${query}`)).status).toBe(200);
    expect(received).toMatchObject([
      { event_type: 'stream_started', stream_id: 'test_stream_123', data: { test: true } },
    ]);
    expect((await call('DELETE', `/webhooks?${query}`)).status).toBe(200);
    expect(relay.log()).not.toContain(secret);
  });
});

describe('relays that share a Redis', () => {
  it('have the same streams and webhooks under the same ids, and of a change of one all know', async () => {
    const redis = await startRedis();
    const config = { relay: { store: { redis: redis.url } }, env: { API_TOKEN: token } };
    relay = await startRelay(config);
    const other = await startRelay(config);
    try {
      const [here, there] = [clientOf(relay.url), clientOf(other.url)];
      const made = await here.call('POST', '/streams', { url, user_agent: 'old' });
      const path = `/streams/${String(made.body['stream_id'])}`;
      await until('the stream at the other relay', async () => (await there.get(path)).status === 200);
      expect((await there.call('POST', '/streams', { url, user_agent: 'new' })).body['stream_id']).toBe(
        made.body['stream_id'],
      );
      await until('the change', async () => {
        const { stream } = (await here.get(path)).body as { stream: { user_agent: string } };
        return stream.user_agent === 'new';
      });
      const hook = { url: 'http://127.0.0.1:1/', events: ['stream_started'] };
      await there.call('POST', '/webhooks', hook);
      await until('the webhook', async () => JSON.stringify((await here.get('/webhooks')).body).includes(hook.url));
      await here.call('DELETE', `/webhooks?webhook_url=${encodeURIComponent(hook.url)}`);
      await until('no webhook', async () => !JSON.stringify((await there.get('/webhooks')).body).includes(hook.url));
      await there.call('DELETE', path);
      await until('no stream', async () => (await here.get(path)).status === 404);
    } finally {
      await other.stop();
      await relay.stop();
      await redis.stop();
    }
  });
});

describe('an agent', () => {
  it('finds the streams of the relay as those of any server', async () => {
    const block = await takeLoopbackBlock();
    relay = await startRelay({ env: { API_TOKEN: token } });
    const agent = await startAgent({
      spoe: `${block.address(1)}:9100`,
      http: `${block.address(1)}:9101`,
      haproxySocket: join(folder, 'none.sock'),
      config: {
        servers: [{ name: 'relay1', address: new URL(relay.url).host, api: relay.url }],
        mediamtx: { username: 'agent', password: token },
      },
    });
    try {
      const made = await clientOf(relay.url).call('POST', '/streams', { url });
      const id = String(made.body['stream_id']);
      const stream = await until('the stream in the directory', async () => {
        const { status, body } = await agent.get(`/v1/streams/${id}`);
        return status === 200 && body;
      });
      expect(stream).toMatchObject({ name: id, holders: [{ server: 'relay1' }] });
      expect((await agent.get(`/v1/route?stream=${id}`)).body).toMatchObject({ state: 'located', server: 'relay1' });
    } finally {
      await agent.stop();
      await block.release();
    }
  });
});

describe('the command', () => {
  it('warns when its API is open to the network', async () => {
    relay = await startRelay({ env: { HOST: '0.0.0.0', PORT: '0' }, relay: { listen: '0.0.0.0:0' } });
    await until('the warning', () => relay.log().includes('the API is open to everybody'));
  });

  it.each([
    [{ PORT: 'http' }, 2, 'error: PORT: relay.listen: "http" is not allowed, expected a port from 0 to 65535'],
    [{ MTXPILOT_RELAY_MAX_CLIENTS: '0' }, 2, 'error: MTXPILOT_RELAY_MAX_CLIENTS: relay.maxClients: 0 is not allowed'],
  ])('says what is wrong with %j and ends with %i', async (env, code, line) => {
    relay = await startRelay();
    const child = startChild(process.execPath, ['dist/cli/main.js', 'relay'], env);
    expect(await child.exited).toBe(code);
    expect(child.lines.join('\n')).toContain(line);
  });

  it('says who has its address, and its folder', async () => {
    relay = await startRelay({ storeFolder: folder });
    const port = new URL(relay.url).port;
    const start = async (...args: string[]) => {
      const child = startChild(process.execPath, ['dist/cli/main.js', 'relay', ...args]);
      return { code: await child.exited, text: child.lines.join('\n') };
    };
    expect(await start('--relay-listen', `127.0.0.1:${port}`)).toMatchObject({
      code: 1,
      text: expect.stringContaining('the relay cannot start: relay.listen: another program is already listening there'),
    });
    expect(await start('--relay-listen', '127.0.0.1:0', '--relay-store-folder', folder)).toMatchObject({
      code: 1,
      text: expect.stringContaining('the relay cannot start: '),
    });
  });
});
