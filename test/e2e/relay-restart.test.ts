import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { startChild } from '../support/child-process';
import { createFaultProvider, type FaultProvider, live } from '../support/fault-provider';
import { type LoopbackBlock, takeLoopbackBlock } from '../support/loopback-block';
import { type RedisServer, startRedis } from '../support/redis-server';
import { type RelayProcess, startRelay } from '../support/relay';
import { addStream, callRelay, readStream, type StreamReader } from '../support/relay-client';
import { type ClipFolder, createClipFolder } from '../support/ts-clips';
import { GiveUp, until } from '../support/until';

let clips: ClipFolder;
let clip: Buffer;
let provider: FaultProvider;
let block: LoopbackBlock;
let folder: string;
const closers: (() => unknown)[] = [];
beforeAll(async () => {
  clips = createClipFolder();
  clip = clips.clip({ seconds: 8 });
  provider = await createFaultProvider();
});
afterAll(async () => {
  await provider.close();
  clips.remove();
});
beforeEach(async () => {
  block = await takeLoopbackBlock();
  folder = mkdtempSync(join(tmpdir(), 'mtxpilot-relay-restart-'));
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
  await block.release();
  rmSync(folder, { recursive: true, force: true });
});

const packetLength = 188;
const onAir = () => live(clip, { bytesPerTick: Math.ceil(clip.length / 8 / 50), align: packetLength });

/** Relay 1 or 2, always at the address of its number. */
async function start(number: 1 | 2, settings: Readonly<Record<string, unknown>>): Promise<RelayProcess> {
  const listen = `${block.address(number)}:8085`;
  // On a busy machine a provider may be silent for seconds.
  const relay = { listen, allow: ['127.0.0.0/8'], timeouts: { stall: '10m' }, ...settings };
  const started = await startRelay({ relay });
  closers.push(() => started.stop('SIGKILL'));
  return started;
}

/** As a player does that comes back whenever its connection ends. */
function playOn(url: string): { readonly bytes: number } {
  let bytes = 0;
  let reader: StreamReader | undefined;
  let hasLeft = false;
  async function again(): Promise<void> {
    while (!hasLeft) {
      reader = await readStream(url, { keepBytes: 0 }).catch(() => undefined);
      await pause(50);
      await until('the end of a connection', () => reader?.ended !== undefined || reader === undefined || hasLeft);
      bytes += reader?.status === 200 ? reader.length : 0;
    }
    reader?.leave();
  }
  const played = again();
  closers.push(async () => {
    hasLeft = true;
    await played;
  });
  return {
    get bytes() {
      return bytes + (reader?.status === 200 && reader.ended === undefined ? reader.length : 0);
    },
  };
}

/** ffmpeg, set to come back. */
function startFfmpeg(url: string): { frames(): number } {
  const again = '-reconnect 1 -reconnect_at_eof 1 -reconnect_streamed 1 -reconnect_on_network_error 1'.split(' ');
  // By default it gives up after two minutes.
  const patient = '-reconnect_on_http_error 4xx,5xx -reconnect_delay_max 3600'.split(' ');
  const out = '-map 0 -f null -progress pipe:1 -'.split(' ');
  const child = startChild('ffmpeg', ['-hide_banner', '-nostdin', ...again, ...patient, '-i', url, ...out]);
  closers.push(() => child.stop('SIGKILL'));
  return {
    frames() {
      if (child.process.exitCode !== null) throw new GiveUp(`ffmpeg ended: ${child.lines.slice(-9).join('\n')}`);
      return Number(child.lines.findLast((line) => line.startsWith('frame='))?.slice(6) ?? 0);
    },
  };
}

describe.each(['folder', 'redis'])('a relay that stores in a %s', (kind) => {
  let redis: RedisServer | undefined;
  let store: Readonly<Record<string, unknown>>;
  beforeEach(async () => {
    if (kind === 'redis') {
      const server = await startRedis();
      closers.push(() => server.stop());
      redis = server;
    }
    store = redis === undefined ? { folder: join(folder, 'store') } : { redis: redis.url };
  });
  afterEach(() => {
    redis = undefined;
  });

  /** Makes, changes and deletes streams one after the other until the relay is gone. Gives what was acknowledged. */
  function edit(url: string) {
    const kept = new Map<string, { readonly url: string; readonly agent: string }>();
    const deleted = new Set<string>();
    /** Of the call that was under way at the end nobody knows. */
    let doubtful = '';
    async function editing(): Promise<void> {
      for (let number = 0; ; number++) {
        await pause(5);
        const source = `http://tv.example/live/user/password/${number}.ts`;
        const ask = (agent: string) => callRelay(url, 'POST', '/streams', { url: source, user_agent: agent });
        const { json } = await ask('first');
        const id = String(json['stream_id']);
        doubtful = id;
        if (number % 3 === 0) await ask('second');
        if (number % 5 === 0) {
          await callRelay(url, 'DELETE', `/streams/${id}`);
          deleted.add(id);
        } else kept.set(id, { url: 'http://tv.example/…', agent: number % 3 === 0 ? 'second' : 'first' });
      }
    }
    const ended = editing().catch(() => undefined);
    return { kept, deleted, ended, doubtful: () => doubtful };
  }

  test('killed with SIGKILL while clients play and streams are edited: nothing that was acknowledged is lost, and players play on', async () => {
    const path = `/${kind}/killed.ts`;
    provider.at(path, onAir());
    let relay = await start(1, { store });
    const id = await addStream(relay.url, provider.url(path), 'http://backup.example/1.ts');
    const hook = { url: 'http://127.0.0.1:1/hook', events: ['stream_started'] };
    expect((await callRelay(relay.url, 'POST', '/webhooks', hook)).status).toBe(200);
    const players = Array.from({ length: 5 }, () => playOn(`${relay.url}/stream/${id}`));
    const ffmpeg = startFfmpeg(`${relay.url}/stream/${id}`);
    const edits = edit(relay.url);
    await until(
      'everybody to play',
      () => players.every(({ bytes }) => bytes > 100 * packetLength) && ffmpeg.frames() > 25,
    );
    await until('edits', () => edits.deleted.size > 3);

    await relay.stop('SIGKILL');
    await edits.ended;
    await until('the provider to be left', () => provider.open(path) === 0);
    const before = { frames: ffmpeg.frames(), bytes: players.map(({ bytes }) => bytes) };
    relay = await start(1, { store });

    const { json } = await callRelay(relay.url, 'GET', '/streams');
    const streams = new Map(
      (json['streams'] as Record<string, unknown>[]).map((stream) => [String(stream['stream_id']), stream]),
    );
    expect(streams.get(id)).toMatchObject({ has_failover: true });
    for (const [kept, { url, agent }] of edits.kept)
      expect(streams.get(kept)).toMatchObject({ original_url: url, user_agent: agent });
    for (const gone of edits.deleted) expect(streams.has(gone)).toBe(false);
    const known = new Set([id, edits.doubtful(), ...edits.kept.keys()]);
    // A stream may have been stored whose answer did not arrive any more.
    expect([...streams.keys()].filter((one) => !known.has(one)).length).toBeLessThanOrEqual(1);
    expect(JSON.stringify((await callRelay(relay.url, 'GET', '/webhooks')).json)).toContain(hook.url);

    await until('everybody to play on', () =>
      players.every(({ bytes }, index) => bytes > (before.bytes[index] ?? 0) + 100 * packetLength),
    );
    await until('pictures', () => ffmpeg.frames() > before.frames + 50);
    expect(provider.open(path)).toBe(6);
    const { json: stream } = await callRelay(relay.url, 'GET', `/streams/${id}`);
    expect(stream['client_count']).toBe(6);
  });

  test('stopped in order and started again: the same', async () => {
    const path = `/${kind}/stopped.ts`;
    provider.at(path, onAir());
    let relay = await start(1, { store });
    const id = await addStream(relay.url, provider.url(path));
    const player = playOn(`${relay.url}/stream/${id}`);
    await until('it to play', () => player.bytes > 100 * packetLength);
    await relay.stop();
    expect(await relay.child.exited).toBe(0);
    const { bytes } = player;
    await until('the provider to be left', () => provider.open(path) === 0);
    relay = await start(1, { store });
    expect(await addStream(relay.url, provider.url(path))).toBe(id);
    await until('it to play on', () => player.bytes > bytes + 100 * packetLength);
  });
});

describe('an account that two relays share through a Redis', () => {
  let redis: RedisServer;
  let relays: RelayProcess[];
  let ids: string[];
  let paths: string[];
  let count = 0;
  async function startBoth(whenFull: 'wait' | 'refuse' | 'share'): Promise<void> {
    redis = await startRedis();
    closers.push(() => redis.stop());
    const settings = {
      store: { redis: redis.url },
      accounts: { one: { match: `127.0.0.1:${provider.port}`, maxConnections: 1 } },
      whenFull,
      waitForSlot: '10m',
    };
    relays = [await start(1, settings), await start(2, settings)];
    paths = ['a', 'b'].map((name) => `/account/${++count}/${name}.ts`);
    for (const path of paths) provider.at(path, onAir());
    ids = [];
    for (const path of paths) ids.push(await addStream(relays[0]?.url ?? '', provider.url(path)));
    await until('the streams at the other relay', async () => {
      const { json } = await callRelay(relays[1]?.url ?? '', 'GET', '/streams');
      return json['total'] === 2;
    });
  }
  const play = (relay: 0 | 1, stream: 0 | 1, user: string): Promise<StreamReader> =>
    readStream(`${relays[relay]?.url}/stream/${ids[stream]}`, { headers: { 'x-username': user }, keepBytes: 0 });
  const metric = async (relay: 0 | 1, name: string): Promise<number> => {
    const page = await (await fetch(`${relays[relay]?.url}/metrics`)).text();
    return Number(
      page
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.slice(name.length + 1),
    );
  };
  const alone = 'mtxpilot_relay_account_alone{account="one"}';

  test('its streams begin alike', async () => {
    await startBoth('refuse');
    expect(ids[0]).not.toBe(ids[1]);
    expect(ids[0]?.slice(0, 8)).toBe(ids[1]?.slice(0, 8));
  });

  test('a relay that is killed with SIGKILL loses its connection to who waits at the other', async () => {
    await startBoth('wait');
    const first = await play(0, 0, 'ada');
    await first.more(packetLength);
    const second = play(1, 1, 'bob');
    await until('bob to wait', async () => (await metric(1, 'mtxpilot_relay_account_waiting{account="one"}')) === 1);
    expect(provider.requestsOf(paths[1] ?? '')).toHaveLength(0);
    await relays[0]?.stop('SIGKILL');
    const reader = await second;
    expect(reader.status).toBe(200);
    await reader.more(packetLength);
    expect(provider.open(paths[0] ?? '')).toBe(0);
    reader.leave();
  });

  test('a relay that is stopped in order gives it back, and so does a client that leaves', async () => {
    await startBoth('refuse');
    const first = await play(0, 0, 'ada');
    expect((await play(1, 1, 'bob')).status).toBe(503);
    expect(await metric(1, 'mtxpilot_relay_account_connections{account="one",where="elsewhere"}')).toBe(1);
    first.leave();
    await until('bob to play', async () => (await play(1, 1, 'bob')).status === 200);
    expect((await play(0, 0, 'ada')).status).toBe(503);
    await relays[1]?.stop();
    expect((await play(0, 0, 'ada')).status).toBe(200);
  });

  test('a player takes it along to another channel of the same relay', async () => {
    await startBoth('refuse');
    const old = await play(0, 0, 'ada');
    await old.more(packetLength);
    const fresh = await play(0, 1, 'ada');
    expect(fresh.status).toBe(200);
    await fresh.more(packetLength);
    await until('the old one to be over', () => old.ended !== undefined);
    expect(provider.open(paths[0] ?? '')).toBe(0);
    expect((await play(1, 0, 'ada')).status).toBe(503);
    fresh.leave();
    await until('ada to play there', async () => (await play(1, 0, 'ada')).status === 200);
  });

  test('shared, it serves all clients of a stream at one relay, and those of the other after the last of them has left', async () => {
    await startBoth('share');
    const readers: StreamReader[] = [];
    for (const user of ['ada', 'bob', 'eve']) readers.push(await play(0, 0, user));
    await Promise.all(readers.map((reader) => reader.more(packetLength)));
    expect(provider.requestsOf(paths[0] ?? '')).toHaveLength(1);
    expect((await play(1, 0, 'max')).status).toBe(503);
    readers[0]?.leave();
    await Promise.all(readers.slice(1).map((reader) => reader.more(100 * packetLength)));
    expect((await play(1, 0, 'max')).status).toBe(503);
    expect(provider.requestsOf(paths[0] ?? '')).toHaveLength(1);
    for (const reader of readers) reader.leave();
    await until('max to play', async () => (await play(1, 0, 'max')).status === 200);
  });

  test('while Redis is away nobody loses the picture, and each relay counts for itself; afterwards they count together', async () => {
    await startBoth('refuse');
    const first = await play(0, 0, 'ada');
    await first.more(packetLength);
    await redis.halt('SIGKILL');
    await until('the first relay to notice', async () => (await metric(0, alone)) === 1);
    expect((await play(0, 1, 'eve')).status).toBe(503);
    const second = await play(1, 1, 'bob');
    expect(second.status).toBe(200);
    await Promise.all([first, second].map((reader) => reader.more(100 * packetLength)));
    for (const relay of relays) expect(relay.log()).toContain('counted for this relay alone');
    await redis.restart();
    for (const relay of [0, 1] as const)
      await until('both to count together', async () => (await metric(relay, alone)) === 0);
    await Promise.all([first, second].map((reader) => reader.more(100 * packetLength)));
    expect([first.ended, second.ended]).toEqual([undefined, undefined]);
    first.leave();
    await until('one to be left', async () => {
      return (await metric(0, 'mtxpilot_relay_account_connections{account="one",where="here"}')) === 0;
    });
    // The other relay still has one.
    expect((await play(0, 0, 'ada')).status).toBe(503);
    second.leave();
    await until('ada to play', async () => (await play(0, 0, 'ada')).status === 200);
  });
});
