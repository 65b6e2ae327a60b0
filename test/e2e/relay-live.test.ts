import { type Child, startChild } from '../support/child-process';
import {
  createFaultProvider,
  createFeedClock,
  type FaultProvider,
  hangUp,
  headersOnly,
  html,
  live,
  loop,
  redirect,
  silent,
  status,
} from '../support/fault-provider';
import { type RelayProcess, startRelay } from '../support/relay';
import { addStream, callRelay, readStream, type StreamReader } from '../support/relay-client';
import { type ClipFolder, createClipFolder } from '../support/ts-clips';
import { until } from '../support/until';

let clips: ClipFolder;
let clip: Buffer;
let otherPids: Buffer;
let provider: FaultProvider;
beforeAll(async () => {
  clips = createClipFolder();
  clip = clips.clip({ seconds: 8 });
  otherPids = clips.clip({
    seconds: 8,
    startSeconds: 90,
    mux: ['-mpegts_start_pid', '0x200', '-mpegts_pmt_start_pid', '0x1100'],
  });
  provider = await createFaultProvider();
});
afterAll(async () => {
  await provider.close();
  clips.remove();
});

let relay: RelayProcess;
afterEach(async () => {
  await relay.stop();
});

const packetLength = 188;
/** At real time: what the clip has in a second, by its 8 seconds. */
const bytesPerTick = () => Math.ceil(clip.length / 8 / 50);
/** In step with each other, as backups of one programme are. */
const onAir = (bytes: Buffer = clip, clock = createFeedClock()) =>
  live(bytes, { bytesPerTick: bytesPerTick(), clock, align: packetLength });
/** On a busy machine a provider may be silent for seconds: only where that is the fault, it counts as one. */
const patient = { stall: '10m' };

async function start(settings: Readonly<Record<string, unknown>> = {}): Promise<void> {
  relay = await startRelay({ relay: { allow: ['127.0.0.0/8'], timeouts: patient, ...settings } });
}

const play = (id: string, options?: Parameters<typeof readStream>[1]) =>
  readStream(`${relay.url}/stream/${id}`, options);
let count = 0;
/** A path that no other test uses. */
const fresh = (name: string) => `/${++count}/${name}.ts`;

function isAligned(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += packetLength) if (bytes[at] !== 0x47) return false;
  return bytes.length > 0;
}

test('many clients: each has its own connection, and gets the bytes of the provider', async () => {
  // Nothing but those, however long a busy machine keeps them waiting.
  await start({ nullPacketsAfter: '1m' });
  const path = fresh('many');
  // Slow, in few pieces: it is about how many there are.
  provider.at(path, live(clip, { bytesPerTick: 400, leastBytes: 4000 }));
  const id = await addStream(relay.url, provider.url(path));
  const readers: StreamReader[] = [];
  for (let number = 0; number < 500; number++) readers.push(await play(id, { keepBytes: 32 * 1024 }));
  for (const reader of readers) {
    expect(reader.status).toBe(200);
    expect(reader.headers['content-type']).toBe('video/mp2t');
  }
  await until('bytes for all', () => readers.every(({ length }) => length > 32 * 1024));
  expect(provider.open(path)).toBe(500);
  expect(readers.map(({ ended }) => ended).filter((ended) => ended !== undefined)).toEqual([]);
  for (const reader of readers) {
    reader.pause();
    const { length } = reader;
    const bytes = reader.bytes();
    const from = (length - bytes.length) % clip.length;
    const twice = Buffer.concat([clip, clip]);
    expect(twice.subarray(from, from + bytes.length).equals(bytes)).toBe(true);
  }
  const { json } = await callRelay(relay.url, 'GET', `/streams/${id}`);
  expect(json['client_count']).toBe(500);
  for (const reader of readers) reader.leave();
  await until('the provider to be left', () => provider.open(path) === 0);
  await until('nobody to be listed', async () => {
    const { json: stream } = await callRelay(relay.url, 'GET', `/streams/${id}`);
    return stream['client_count'] === 0;
  });
});

describe('a first source that does not give the stream', () => {
  const limitClip = () => live(clip.subarray(0, 50 * packetLength), { loops: false });
  const faults: [string, (path: string) => void][] = [
    ['404', (path) => provider.at(path, status(404))],
    ['403', (path) => provider.at(path, status(403))],
    ['429', (path) => provider.at(path, status(429))],
    ['500', (path) => provider.at(path, status(500))],
    ['HTML with 200', (path) => provider.at(path, html())],
    ['silence', (path) => provider.at(path, silent())],
    ['headers and nothing else', (path) => provider.at(path, headersOnly())],
    ['a connection closed without a word', (path) => provider.at(path, hangUp())],
    ['a connection broken', (path) => provider.at(path, hangUp('reset'))],
    ['redirects for ever', (path) => provider.at(path, loop())],
    ['a body that ends at once', (path) => provider.at(path, live(Buffer.alloc(0), { loops: false }))],
    ['a clip that says that the limit is reached', (path) => provider.at(path, limitClip())],
  ];
  test.each(faults)('%s: the first backup plays', async (_name, fault) => {
    await start({ timeouts: {} });
    const [path, backup, second] = [fresh('primary'), fresh('backup'), fresh('second')];
    fault(path);
    provider.at(backup, onAir(otherPids));
    provider.at(second, onAir());
    const id = await addStream(relay.url, provider.url(path), provider.url(backup), provider.url(second));
    const reader = await play(id);
    expect(reader.status).toBe(200);
    await reader.more(300 * packetLength);
    expect(reader.ended).toBeUndefined();
    expect(provider.requestsOf(backup)).toHaveLength(1);
    expect(provider.requestsOf(second)).toHaveLength(0);
    reader.leave();
  });

  test.each([
    ['404', 404, () => status(404, 'gone')],
    ['a page', 502, () => html()],
    ['silence', 504, () => silent()],
    ['the limit of connections', 503, () => status(429, '', { 'retry-after': '7' })],
  ] as const)(
    '%s everywhere is answered with %i and the reason, never with an empty 200',
    async (_name, code, fault) => {
      await start({ timeouts: {} });
      const [path, backup] = [fresh('primary'), fresh('backup')];
      provider.at(path, fault());
      provider.at(backup, fault());
      const id = await addStream(relay.url, provider.url(`${path}?password=secret`), provider.url(backup));
      const response = await fetch(`${relay.url}/stream/${id}`);
      expect(response.status).toBe(code);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      if (code === 503) expect(response.headers.get('retry-after')).toBe('7');
      const text = await response.text();
      expect(JSON.parse(text)).toMatchObject({ status: code });
      expect(text).not.toContain('secret');
      expect(relay.log()).not.toContain('secret');
    },
  );
});

describe('a source that fails while it plays', () => {
  const breaks: [string, (path: string) => unknown][] = [
    ['a clean end', (path) => provider.cut(path, 'end')],
    ['a reset', (path) => provider.cut(path, 'reset')],
    ['silence', (path) => provider.stall(path)],
  ];
  test.each(breaks)('%s: the backup goes on, and no decoder complains', async (name, fail) => {
    await start(name === 'silence' ? { timeouts: {} } : {});
    const [path, backup] = [fresh('primary'), fresh('backup')];
    // From its first byte on, where a decoder can begin.
    provider.at(path, live(clip, { bytesPerTick: bytesPerTick() }));
    provider.at(backup, onAir(otherPids));
    const id = await addStream(relay.url, provider.url(path), provider.url(backup));
    const reader = await play(id);
    await reader.more(clip.length / 8);
    fail(path);
    await provider.waitForRequests(backup, 1);
    await until('the switch', async () => {
      const { json } = await callRelay(relay.url, 'GET', `/streams/${id}`);
      return (json['stream'] as { failover_attempts: number }).failover_attempts === 1;
    });
    await reader.more(clip.length / 4);
    expect(reader.ended).toBeUndefined();
    reader.leave();
    const bytes = reader.bytes();
    const whole = bytes.subarray(0, bytes.length - (bytes.length % packetLength));
    expect(isAligned(whole)).toBe(true);
    expect(clips.complaints(whole)).toBe('');
  });

  test('primary and backup dead: null packets keep the client, and the first one that is back goes on', async () => {
    await start({ cards: { when: 'off' } });
    const [path, backup] = [fresh('primary'), fresh('backup')];
    provider.at(path, onAir());
    provider.at(backup, status(500));
    const id = await addStream(relay.url, provider.url(path), provider.url(backup));
    const reader = await play(id);
    await reader.more(50 * packetLength);
    provider.at(path, status(500));
    provider.cut(path, 'reset');
    await provider.waitForRequests(backup, 2);
    await reader.more(4 * 7 * packetLength);
    expect(reader.bytes().subarray(-packetLength).readUInt16BE(1)).toBe(0x1fff);
    expect(reader.ended).toBeUndefined();
    provider.at(backup, onAir(otherPids));
    await reader.more(clip.length / 8);
    expect(reader.ended).toBeUndefined();
    reader.leave();
  });

  test('by hand: every client moves once, and those of another stream stay', async () => {
    await start();
    const paths = [fresh('one'), fresh('two'), fresh('other')] as const;
    const clock = createFeedClock();
    for (const path of paths) provider.at(path, onAir(path.includes('two') ? otherPids : clip, clock));
    const id = await addStream(relay.url, provider.url(paths[0]), provider.url(paths[1]));
    const otherId = await addStream(relay.url, provider.url(paths[2]), provider.url(paths[1]));
    const readers = await Promise.all(Array.from({ length: 20 }, () => play(id)));
    const others = await Promise.all(Array.from({ length: 5 }, () => play(otherId)));
    await Promise.all([...readers, ...others].map((reader) => reader.more(20 * packetLength)));
    const { status: code, json } = await callRelay(relay.url, 'POST', `/streams/${id}/failover`);
    expect(code).toBe(200);
    expect(json).toMatchObject({ failover_index: 0, active_clients: 20 });
    await until('all to have moved', () => provider.open(paths[0]) === 0 && provider.open(paths[1]) === 20);
    expect(provider.open(paths[2])).toBe(5);
    expect(provider.requestsOf(paths[1])).toHaveLength(20);
    await Promise.all([...readers, ...others].map((reader) => reader.more(20 * packetLength)));
    expect([...readers, ...others].every(({ ended }) => ended === undefined)).toBe(true);
    for (const reader of [...readers, ...others]) reader.leave();
  });
});

test('HEAD and probes are answered without the provider, and ask for no client', async () => {
  await start();
  const path = fresh('probed');
  provider.at(path, onAir());
  const id = await addStream(relay.url, provider.url(path));
  const head = await fetch(`${relay.url}/stream/${id}`, { method: 'HEAD' });
  expect(head.status).toBe(200);
  expect(head.headers.get('content-type')).toBe('video/mp2t');
  expect(head.headers.get('content-length')).toBeNull();
  const probe = await fetch(`${relay.url}/stream/${id}`, { headers: { range: 'bytes=0-1' } });
  expect(probe.status).toBe(206);
  expect(Buffer.from(await probe.arrayBuffer()).toString('hex')).toBe('471f');
  expect(provider.requestsOf(path)).toHaveLength(0);
  // What ffmpeg and VLC send for everything that they play.
  const reader = await play(id, { headers: { range: 'bytes=0-', 'icy-metadata': '1' } });
  expect(reader.status).toBe(200);
  await reader.more(packetLength);
  reader.leave();
});

test('a client that leaves frees the provider, also while that is silent', async () => {
  await start();
  const path = fresh('left');
  provider.at(path, onAir());
  const id = await addStream(relay.url, provider.url(path));
  const reader = await play(id);
  await reader.more(packetLength);
  provider.stall(path);
  reader.leave();
  await until('the provider to be left', () => provider.open(path) === 0);
});

test('zapping leaves nothing behind', async () => {
  await start();
  const path = fresh('zapped');
  provider.at(path, onAir());
  const id = await addStream(relay.url, provider.url(path));
  const descriptors = async () => {
    const { readdirSync } = await import('node:fs');
    return readdirSync(`/proc/${relay.child.process.pid}/fd`).length;
  };
  const before = await descriptors();
  for (let round = 0; round < 100; round++) {
    const readers = await Promise.all(Array.from({ length: 20 }, () => play(id)));
    if (round % 2 === 0) await readers[0]?.more(1);
    for (const reader of readers) reader.leave();
  }
  await until('the provider to be left', () => provider.open(path) === 0);
  await until('nothing to be open', async () => (await descriptors()) <= before + 2);
  const { json } = await callRelay(relay.url, 'GET', '/stats');
  expect(json).toMatchObject({ active_clients: 0 });
});

test('share: stream: one connection for all, who comes later begins with a keyframe, and the first one may leave', async () => {
  await start({ share: 'stream' });
  const path = fresh('shared');
  provider.at(path, onAir());
  const id = await addStream(relay.url, provider.url(path));
  const first = await play(id);
  await first.more(clip.length / 4);
  const later = await Promise.all(Array.from({ length: 30 }, () => play(id)));
  await Promise.all(later.map((reader) => reader.more(clip.length / 8)));
  first.leave();
  await Promise.all(later.map((reader) => reader.more(clip.length / 8)));
  expect(provider.requestsOf(path)).toHaveLength(1);
  for (const reader of later) expect(isAligned(reader.bytes().subarray(0, 100 * packetLength))).toBe(true);
  const [one] = later;
  expect(clips.complaints(one?.bytes() ?? Buffer.alloc(0))).toBe('');
  for (const reader of later) reader.leave();
  await until('the provider to be left', () => provider.open(path) === 0);
});

test('accounts: never more connections than there are, and a player takes its own along', async () => {
  await start({ accounts: { one: { match: `127.0.0.1:${provider.port}`, maxConnections: 1 } }, whenFull: 'refuse' });
  const [one, two] = [fresh('one'), fresh('two')];
  provider.at(one, onAir());
  provider.at(two, onAir());
  const ids = [await addStream(relay.url, provider.url(one)), await addStream(relay.url, provider.url(two))] as const;
  const ada = { headers: { 'x-username': 'ada' } };
  const first = await play(ids[0], ada);
  await first.more(packetLength);
  const other = await play(ids[1], { headers: { 'x-username': 'bob' } });
  expect(other.status).toBe(503);
  expect(provider.requestsOf(two)).toHaveLength(0);
  // The new channel is asked for before the old connection is closed.
  const next = await play(ids[1], ada);
  expect(next.status).toBe(200);
  await next.more(packetLength);
  await until('the old one to be over', () => first.ended !== undefined);
  expect(provider.open(one)).toBe(0);
  next.leave();
  await until(
    'the slot to be free',
    async () => (await play(ids[0], { headers: { 'x-username': 'bob' } })).status === 200,
  );
});

test('redirects are followed, and addresses that are not allowed are not asked', async () => {
  await start();
  const [path, target] = [fresh('moved'), fresh('target')];
  provider.at(path, redirect(target));
  provider.at(target, onAir());
  const reader = await play(await addStream(relay.url, provider.url(path)));
  await reader.more(packetLength);
  reader.leave();
  const bad = fresh('metadata');
  provider.at(bad, redirect('http://169.254.169.254/latest/meta-data'));
  const refused = await fetch(`${relay.url}/stream/${await addStream(relay.url, provider.url(bad))}`);
  expect(refused.status).toBe(502);
});

test('ffmpeg plays on over a cut', async () => {
  await start();
  const [path, backup] = [fresh('primary'), fresh('backup')];
  const clock = createFeedClock();
  provider.at(path, onAir(clip, clock));
  provider.at(backup, onAir(otherPids, clock));
  const id = await addStream(relay.url, provider.url(path), provider.url(backup));
  const player: Child = startChild('ffmpeg', [
    '-hide_banner',
    '-nostdin',
    '-i',
    `${relay.url}/stream/${id}`,
    '-map',
    '0',
    '-f',
    'null',
    '-progress',
    'pipe:1',
    '-',
  ]);
  const frames = () => Number(player.lines.findLast((line) => line.startsWith('frame='))?.slice(6) ?? 0);
  await until('pictures', () => frames() > 25);
  provider.cut(path, 'reset');
  await provider.waitForRequests(backup, 1);
  const before = frames();
  await until('pictures of the backup', () => frames() > before + 75);
  await player.stop('SIGKILL');
});
