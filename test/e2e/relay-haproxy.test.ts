import { request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { type ConfigFolder, shippedConfig } from '../fixtures/check/apply';
import { createFaultProvider, createFeedClock, type FaultProvider, live, status } from '../support/fault-provider';
import { haproxyVersion } from '../support/haproxy';
import { type Lab, startLab } from '../support/lab';
import { cutIntoSegments, putLiveHls } from '../support/live-hls';
import { type RedisServer, startRedis } from '../support/redis-server';
import { type RelayProcess, startRelay } from '../support/relay';
import { addStream, callRelay, readStream, type StreamReader } from '../support/relay-client';
import { type ClipFolder, createClipFolder } from '../support/ts-clips';
import { until } from '../support/until';

type RelayName = 'relay1' | 'relay2';

const other: Readonly<Record<RelayName, RelayName>> = { relay1: 'relay2', relay2: 'relay1' };

describe.each(['spoe', 'lua'] as const)(`HAProxy ${haproxyVersion}, %s: relays behind it`, (bridge) => {
  let clips: ClipFolder;
  let clip: Buffer;
  let provider: FaultProvider;
  let redis: RedisServer;
  let relays: Record<RelayName, RelayProcess>;
  let lab: Lab;
  const readers: StreamReader[] = [];

  beforeAll(async () => {
    clips = createClipFolder();
    clip = clips.clip({ seconds: 4 });
    provider = await createFaultProvider();
    redis = await startRedis();
    relays = { relay1: await start(), relay2: await start() };
    lab = await startLab({
      bridge,
      push: true,
      haproxyEnv: { ...addresses(), MTX_SHOW_SERVER: 'yes' },
      // What is looked at is who is asked, not whether a busy machine answers within 80 ms.
      agentConfig: { log: { level: 'debug' }, lookup: { deadline: '5s' } },
    });
    await relaysUp(2);
  });
  afterEach(() => {
    for (const reader of readers.splice(0)) reader.leave();
  });
  afterAll(async () => {
    await lab.stop();
    for (const relay of Object.values(relays)) await relay.stop();
    await redis.stop();
    await provider.close();
    clips.remove();
  });

  function start(listen = '127.0.0.1:0'): Promise<RelayProcess> {
    const relay = {
      listen,
      allow: ['127.0.0.0/8'],
      trustedProxies: ['127.0.0.1'],
      timeouts: { stall: '10m' },
      clientTimeout: '2s',
      store: { redis: redis.url },
    };
    return startRelay({ relay });
  }

  function addresses(): Record<'MTX_RELAY1' | 'MTX_RELAY2', string> {
    return { MTX_RELAY1: new URL(relays.relay1.url).host, MTX_RELAY2: new URL(relays.relay2.url).host };
  }

  async function relaysUp(count: number): Promise<void> {
    await until(`${count} relays up in HAProxy`, async () => {
      const stat = await lab.haproxy.runtime('show stat');
      const lines = stat.split('\n').filter((line) => /^mtx_relays,relay\d/.test(line));
      return lines.filter((line) => /,UP,/.test(line) && /,L7OK,/.test(line)).length === count;
    });
  }

  const onAir = (bytesPerTick = 4000) => live(clip, { bytesPerTick, clock: createFeedClock() });
  let paths = 0;

  /** A stream that both relays have, with its path at the provider. */
  async function onBoth(behaviour = onAir()): Promise<{ id: string; path: string }> {
    const path = `/live/user/secret/${++paths}.ts`;
    provider.at(path, behaviour);
    const id = await addStream(relays.relay1.url, provider.url(path));
    await listedByBoth(id);
    return { id, path };
  }

  /** Also in routes.map: HAProxy sends nobody to where the stream was found first any more. */
  async function listedByBoth(id: string): Promise<void> {
    await until(`the agent to know that both relays have ${id}`, async () => {
      const { body } = await lab.agent.get(`/v1/streams/${id}`);
      return (body as { holders?: unknown[] }).holders?.length === 2;
    });
    await until(`${id} in routes.map`, async () => {
      const { server } = await decision(id);
      return (await lab.haproxy.runtime('show map routes.map')).includes(`${id} ${server}`);
    });
  }

  const url = (id: string) => `${lab.haproxy.url}/stream/${id}`;

  async function play(id: string): Promise<StreamReader & { readonly server: RelayName }> {
    const reader = await readStream(url(id), { keepBytes: 188 });
    readers.push(reader);
    expect(reader.status).toBe(200);
    return Object.assign(reader, { server: String(reader.headers['x-mtx-server']) as RelayName });
  }

  /** Where a client is sent, who leaves at once. */
  async function serverOf(id: string): Promise<RelayName> {
    const reader = await play(id);
    reader.leave();
    return reader.server;
  }

  async function decision(stream: string): Promise<{ state: string; server: string | null }> {
    const { body } = await lab.agent.get(`/v1/route?stream=${stream}`);
    return body as { state: string; server: string | null };
  }

  async function controlOf(server: RelayName): Promise<{ viewersLeft: number | null; safeToStop: boolean }> {
    const { body } = await lab.agent.get('/v1/servers');
    const { servers } = body as { servers: { name: string; control: Awaited<ReturnType<typeof controlOf>> }[] };
    return servers.find(({ name }) => name === server)?.control ?? { viewersLeft: null, safeToStop: false };
  }

  async function order(kind: 'drain' | 'maint' | 'ready', server: RelayName): Promise<void> {
    const { statusCode } = await callAdmin(lab.agent.adminSocket, `/v1/servers/${server}/${kind}`);
    expect(statusCode).toBe(200);
  }

  test('a stream is played from the relay that the agent names, as routes.map has it', async () => {
    const { id } = await onBoth();
    const { server } = await decision(id);
    const reader = await play(id);
    expect(reader.headers).toMatchObject({ 'x-mtx-server': server, 'x-mtx-state': 'routed' });
    await reader.more(100 * 188);
    const { body } = await lab.agent.get(`/v1/streams/${id}/why`);
    expect(body).toMatchObject({ kind: 'relay', rule: 'relay-of-account', state: 'located', server });
    const below = await readStream(`${lab.haproxy.url}/m3u-proxy/stream/${id}`, { keepBytes: 188 });
    readers.push(below);
    expect(below.headers).toMatchObject({ 'x-mtx-server': server });
  });

  test('a stream that is new to the agent is asked about at once', async () => {
    provider.at('/new.ts', onAir());
    const id = await addStream(relays.relay1.url, provider.url('/new.ts'));
    const reader = await play(id);
    expect(['located', 'routed']).toContain(reader.headers['x-mtx-state']);
  });

  test('relays have no streams of MediaMTX, and MediaMTX has none of theirs', async () => {
    const { id } = await onBoth();
    expect(await decision(id)).toMatchObject({ state: 'located', server: expect.stringMatching(/^relay/) });
    for (let i = 0; i < 20; i++) {
      expect(await decision(`live/nobody/${i}`)).toMatchObject({ server: expect.stringMatching(/^mtx/) });
    }
    const unknown = '0123456789abcdef'.repeat(2);
    expect(await decision(unknown)).toMatchObject({ state: 'placed', server: expect.stringMatching(/^mtx/) });
    // HAProxy asks a relay all the same: there is none but relays on that path.
    const answer = await fetch(url(unknown));
    expect([answer.status, answer.headers.get('x-mtx-server')]).toEqual([404, expect.stringMatching(/^relay/)]);
    const { body } = await lab.agent.get('/v1/servers');
    const { servers } = body as { servers: { name: string; kind: string }[] };
    expect(servers.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
      ...['mtx1', 'mtx2', 'mtx3'].map((name) => `${name} mediamtx`),
      ...['relay1', 'relay2'].map((name) => `${name} relay`),
    ]);
    const { body: events } = await lab.agent.get('/v1/events');
    expect(JSON.stringify(events)).not.toContain(id);
  });

  test('streams of MediaMTX are played below /stream/ as anywhere else', async () => {
    const { id } = await onBoth();
    for (const stream of ['stream/x', `stream/${id}`]) {
      lab.fleet.server('mtx2').publish(stream);
      await lab.located(stream, 'mtx2');
      const answer = await fetch(`${lab.haproxy.url}/${stream}/index.m3u8`);
      expect([answer.status, answer.headers.get('x-mtx-server')]).toEqual([200, 'mtx2']);
      lab.fleet.server('mtx2').unpublish(stream);
    }
  });

  test('nothing of a relay is reached but its streams', async () => {
    const { id } = await onBoth();
    for (const path of [
      '/streams',
      '/clients',
      `/streams/${id}`,
      '/m3u-proxy/streams',
      '/v3/paths/list',
      `/stream/${id}/`,
    ]) {
      const answer = await fetch(`${lab.haproxy.url}${path}`, { redirect: 'manual' });
      expect([path, answer.headers.get('x-mtx-server') ?? 'none']).toEqual([path, expect.not.stringMatching(/^relay/)]);
    }
    for (const method of ['DELETE', 'POST', 'PUT']) {
      expect((await fetch(url(id), { method })).status).toBe(405);
    }
    const { json } = await callRelay(relays.relay1.url, 'GET', `/streams/${id}`);
    expect(json).toMatchObject({ stream: { stream_id: id } });
  });

  test('HLS of a stream is reached as well: its playlists and segments are all of one relay', async () => {
    const path = `/hls/user/secret/${++paths}`;
    putLiveHls(provider, path, cutIntoSegments(clips.clip({ seconds: 30 })), Date.now());
    const id = await addStream(relays.relay1.url, provider.url(`${path}/list.m3u8`));
    await listedByBoth(id);
    const servers = new Set<string | null>();
    const get = async (from: string): Promise<Response> => {
      const answer = await fetch(from);
      expect(answer.status).toBe(200);
      servers.add(answer.headers.get('x-mtx-server'));
      return answer;
    };
    const uris = async (from: string): Promise<string[]> => {
      const lines = (await (await get(from)).text()).split('\n');
      return lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => new URL(line, from).href);
    };
    for (const prefix of ['', '/m3u-proxy']) {
      const [list = ''] = await uris(`${lab.haproxy.url}${prefix}/hls/${id}/index.m3u8`);
      const segments = await uris(list);
      expect(segments.length).toBeGreaterThan(2);
      for (const segment of segments) {
        const bytes = Buffer.from(await (await get(segment)).arrayBuffer());
        expect([bytes[0], bytes.length % 188]).toEqual([0x47, 0]);
      }
    }
    expect([...servers]).toEqual([expect.stringMatching(/^relay/)]);
    // Its clients are not ended from here.
    const client = await fetch(`${lab.haproxy.url}/hls/${id}/clients/somebody`, { method: 'DELETE' });
    expect([client.status, client.headers.get('x-mtx-server')]).toEqual([405, null]);
  });

  test('a page of another site may play a stream', async () => {
    const { id } = await onBoth();
    const headers = { origin: 'https://site.example', 'access-control-request-method': 'GET' };
    const preflight = await fetch(url(id), { method: 'OPTIONS', headers });
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, '*']);
  });

  test('a relay knows the address of a client, whatever he says of himself', async () => {
    const { id, path } = await onBoth();
    const { server } = await decision(id);
    const mine = lab.block.address(77);
    const asked = request(url(id), { localAddress: mine, agent: false, headers: { 'x-forwarded-for': '8.8.8.8' } });
    asked.on('response', (response) => response.resume().on('error', () => undefined));
    asked.on('error', () => undefined);
    asked.end();
    await provider.waitForRequests(path, 1);
    await until('the client', async () => {
      const { json } = await callRelay(relays[server as RelayName].url, 'GET', '/clients');
      const { clients } = json as { clients: { stream_id: string; ip_address: string }[] };
      return clients.find(({ stream_id: of }) => of === id)?.ip_address === mine;
    });
    asked.destroy();
  });

  test('HEAD, Range and a client of HTTP/1.0', async () => {
    const film = Buffer.alloc(50_000, 'film');
    const path = `/movie/user/secret/${++paths}.mp4`;
    provider.at(path, ({ request: { headers }, response }) => {
      const [, from = '0'] = /^bytes=(\d+)-/.exec(headers.range ?? '') ?? [];
      const part = film.subarray(Number(from));
      response.writeHead(headers.range === undefined ? 200 : 206, {
        'content-type': 'video/mp4',
        'content-length': part.length,
        etag: '"1"',
        ...(headers.range === undefined ? {} : { 'content-range': `bytes ${from}-${film.length - 1}/${film.length}` }),
      });
      response.end(part);
    });
    const id = await addStream(relays.relay1.url, provider.url(path));
    await listedByBoth(id);
    const part = await fetch(url(id), { headers: { range: 'bytes=49990-' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 49990-49999/50000']);
    expect(Buffer.from(await part.arrayBuffer())).toEqual(film.subarray(49_990));
    const head = await fetch(url(id), { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '50000']);
    expect((await getHttp10(url(id))).subarray(-50_000)).toEqual(film);
  });

  test('a failure reaches the provider once, and is not tried on another relay', async () => {
    const { id, path } = await onBoth(status(404, 'no such channel'));
    const answer = await fetch(url(id));
    expect(answer.status).toBe(404);
    expect(provider.requestsOf(path)).toHaveLength(1);
  });

  test('what a client gets goes on over a failover', async () => {
    const backup = `/live/user/secret/${++paths}.ts`;
    const path = `/live/user/secret/${++paths}.ts`;
    provider.at(path, onAir());
    provider.at(backup, onAir());
    const id = await addStream(relays.relay1.url, provider.url(path), provider.url(backup));
    const reader = await play(id);
    await reader.more(100 * 188);
    provider.cut(path, 'reset');
    await provider.waitForRequests(backup, 1);
    await reader.more(clip.length / 2);
    expect(reader.ended).toBeUndefined();
    reader.leave();
    await until('the provider to be left', () => provider.open(backup) === 0);
  });

  test('a client that leaves frees the provider, also while that is silent', async () => {
    const { id, path } = await onBoth();
    const reader = await play(id);
    await reader.more(188);
    provider.stall(path);
    reader.leave();
    // HAProxy 2.6 notices it by the null packets, later versions by themselves.
    await until('the provider to be left', () => provider.open(path) === 0);
  });

  test('a relay that drains gets no new clients, and keeps those that it has', async () => {
    const { id } = await onBoth();
    const before = await play(id);
    const { server } = before;
    await order('drain', server);
    expect(await decision(id)).toEqual(expect.objectContaining({ state: 'located', server: other[server] }));
    expect(await serverOf(id)).toBe(other[server]);
    await before.more(100 * 188);
    expect(before.ended).toBeUndefined();
    await until('its last client to be counted', async () => {
      const { viewersLeft, safeToStop } = await controlOf(server);
      return viewersLeft === 1 && !safeToStop;
    });
    before.leave();
    await until('it to be safe to stop', async () => (await controlOf(server)).safeToStop);
    await order('ready', server);
    await until('it to be back', async () => (await decision(id)).server === server);
  });

  test('maintenance of a relay forgets its accounts, and nobody who plays from the MediaMTX of the same number', async () => {
    const { id } = await onBoth();
    const server = await serverOf(id);
    // HAProxy numbers the servers of each backend from 1.
    const twin = server === 'relay1' ? 'mtx1' : 'mtx2';
    lab.fleet.server(twin).publish('live/stays');
    await lab.located('live/stays', twin);
    expect((await fetch(`${lab.haproxy.url}/live/stays/index.m3u8`)).status).toBe(200);
    const tables = async (): Promise<[accounts: boolean, streams: boolean, sessions: boolean]> => [
      (await lab.haproxy.runtime('show table relay_accounts')).includes(`server_key=${server}`),
      (await lab.haproxy.runtime('show table streams')).includes(`key=live/stays `),
      (await lab.haproxy.runtime('show table sessions')).includes(`key=live/stays|`),
    ];
    expect(await tables()).toEqual([true, true, true]);
    await order('maint', server);
    await until('its accounts to be forgotten', async () => !(await tables())[0]);
    expect(await tables()).toEqual([false, true, true]);
    expect(await serverOf(id)).toBe(other[server]);
    await order('ready', server);
    await until('it to be back', async () => (await decision(id)).server === server);
    lab.fleet.server(twin).unpublish('live/stays');
  });

  test('without the agent, an account stays with the relay that it had', async () => {
    const streams = [await onBoth(), await onBoth(), await onBoth(), await onBoth()];
    const before = await Promise.all(streams.map(({ id }) => serverOf(id)));
    await lab.agent.stop('SIGKILL');
    await lab.agentsUp(0);
    const after = await Promise.all(streams.map(({ id }) => play(id)));
    expect(after.map(({ server }) => server)).toEqual(before);
    expect(after.map(({ headers }) => headers['x-mtx-state'] ?? '')).toEqual(['', '', '', '']);
    await lab.restartAgent();
    await lab.agentsUp(1);
    for (const { id } of streams) await listedByBoth(id);
  });

  test('the clients of a relay that was killed find their streams on the other one', async () => {
    const { id } = await onBoth();
    const before = await play(id);
    const { server } = before;
    const { host } = new URL(relays[server].url);
    await relays[server].stop('SIGKILL');
    await until('the client to lose its relay', () => before.ended !== undefined);
    // HAProxy finds the connection refused, whether its check has failed already or not.
    expect(await serverOf(id)).toBe(other[server]);
    await until('the agent to know', async () => (await decision(id)).server === other[server]);
    expect(await decision('live/nobody')).toMatchObject({ state: 'placed', server: expect.stringMatching(/^mtx/) });
    relays[server] = await start(host);
    await relaysUp(2);
    await until('it to be back', async () => (await decision(id)).server === server);
  });
});

describe(`HAProxy ${haproxyVersion} waits for relays and their viewers longer than for others`, () => {
  let clips: ClipFolder;
  let clip: Buffer;
  let provider: FaultProvider;
  let relay: RelayProcess;
  let config: ConfigFolder;
  let lab: Lab;

  beforeAll(async () => {
    clips = createClipFolder();
    clip = clips.clip({ seconds: 4 });
    provider = await createFaultProvider();
    const patient = { timeouts: { stall: '10m' }, nullPacketsAfter: '1m', clientTimeout: '3s' };
    relay = await startRelay({ relay: { allow: ['127.0.0.0/8'], ...patient } });
    config = shippedConfig({ name: 'haste', line: 'timeout client 30s', instead: 'timeout client 1s', finds: [] });
    lab = await startLab({
      haproxyConfig: config.file,
      haproxyEnv: { MTX_RELAY1: new URL(relay.url).host, MTX_TIMEOUT: '1s' },
    });
  });
  afterAll(async () => {
    await lab.stop();
    config.remove();
    await relay.stop();
    await provider.close();
    clips.remove();
  });

  test('a relay that is silent', async () => {
    provider.at('/silent.ts', live(clip, { bytesPerTick: 4000 }));
    const id = await addStream(relay.url, provider.url('/silent.ts'));
    const reader = await readStream(`${lab.haproxy.url}/stream/${id}`, { keepBytes: 188 });
    await reader.more(188);
    provider.stall('/silent.ts');
    await pause(4000);
    provider.resume('/silent.ts');
    await reader.more(100 * 188);
    expect(reader.ended).toBeUndefined();
    reader.leave();
  });

  test('a viewer who pauses, until the relay gives the provider back, and who goes on', async () => {
    provider.at('/paused.ts', live(clip, { bytesPerTick: 200_000 }));
    const id = await addStream(relay.url, provider.url('/paused.ts'));
    const reader = await readStream(`${lab.haproxy.url}/stream/${id}`, { keepBytes: 188 });
    await reader.more(188);
    reader.pause();
    await until('the provider to be left', () => provider.open('/paused.ts') === 0);
    expect(provider.requestsOf('/paused.ts')).toHaveLength(1);
    const { json } = await callRelay(relay.url, 'GET', '/clients');
    expect(json).toMatchObject({ clients: [expect.objectContaining({ stream_id: id })] });
    reader.resume();
    await provider.waitForRequests('/paused.ts', 2);
    await reader.more(100 * 188);
    expect(reader.ended).toBeUndefined();
    reader.leave();
  });
});

function callAdmin(socketPath: string, path: string): Promise<{ readonly statusCode: number | undefined }> {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify({ reason: 'a test', operator: 'test' });
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const asked = request({ socketPath, path, method: 'POST', headers }, (response) => {
      response.resume().once('end', () => resolve({ statusCode: response.statusCode }));
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** The whole answer, which ends with its connection. */
function getHttp10(url: string): Promise<Buffer> {
  const { hostname, port, pathname } = new URL(url);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const connection = connect(Number(port), hostname, () => connection.write(`GET ${pathname} HTTP/1.0\r\n\r\n`));
    connection.on('data', (chunk: Buffer) => chunks.push(chunk));
    connection.once('error', reject).once('end', () => resolve(Buffer.concat(chunks)));
  });
}
