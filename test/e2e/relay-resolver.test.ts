import {
  type Behaviour,
  createFaultProvider,
  type FaultProvider,
  file,
  hangUp,
  live,
  redirect,
  silent,
  status,
} from '../support/fault-provider';
import { type RelayProcess, startRelay } from '../support/relay';
import { callRelay, readStream } from '../support/relay-client';
import { type ClipFolder, createClipFolder } from '../support/ts-clips';
import { until } from '../support/until';

const packetLength = 188;
let clips: ClipFolder;
let clip: Buffer;
let provider: FaultProvider;
let service: FaultProvider;
let relay: RelayProcess;
beforeAll(async () => {
  clips = createClipFolder();
  clip = clips.clip({ seconds: 8 });
  provider = await createFaultProvider();
  service = await createFaultProvider();
});
afterAll(async () => {
  await provider.close();
  await service.close();
  clips.remove();
});
beforeEach(async () => {
  relay = await startRelay({ relay: { allow: ['127.0.0.0/8'], timeouts: { stall: '10m' } } });
});
afterEach(async () => {
  await relay.stop();
});

const onAir = (): Behaviour => live(clip, { bytesPerTick: Math.ceil(clip.length / 8 / 50), align: packetLength });
const names = (url: string): Behaviour =>
  status(200, JSON.stringify({ next_url: url }), { 'content-type': 'application/json' });
let count = 0;
const fresh = (name: string) => `/${++count}/${name}.ts`;

/** A stream with a primary source, one backup and a resolver. */
async function add(
  resolver: Behaviour,
): Promise<{ readonly id: string; readonly path: string; readonly backup: string; readonly asks: string }> {
  const [path, backup, asks] = [fresh('primary'), fresh('backup'), fresh('next')];
  provider.at(path, onAir());
  provider.at(backup, onAir());
  service.at(asks, resolver);
  const { json } = await callRelay(relay.url, 'POST', '/streams', {
    url: provider.url(path),
    failover_urls: [provider.url(backup)],
    failover_resolver_url: `${service.url(asks)}?key=geheim`,
    metadata: { channel: '7' },
  });
  return { id: String(json['stream_id']), path, backup, asks };
}

const play = (id: string) => readStream(`${relay.url}/stream/${id}`);

test('what the resolver names plays, before the list, for every client, and it is asked once', async () => {
  const target = fresh('named');
  provider.at(target, onAir());
  const { id, path, backup, asks } = await add(names(provider.url(target)));
  const readers = await Promise.all(Array.from({ length: 20 }, () => play(id)));
  await Promise.all(readers.map((reader) => reader.more(20 * packetLength)));
  provider.at(path, status(403));
  provider.cut(path, 'reset');
  await until('all to have moved', () => provider.open(target) === 20);
  await Promise.all(readers.map((reader) => reader.more(20 * packetLength)));
  expect(provider.requestsOf(backup)).toHaveLength(0);
  expect(service.requestsOf(asks)).toHaveLength(1);
  const { json } = await callRelay(relay.url, 'GET', `/streams/${id}`);
  expect((json['stream'] as { current_url: string }).current_url).toBe(`http://127.0.0.1:${provider.port}/…`);
  for (const reader of readers) {
    expect(reader.ended).toBeUndefined();
    reader.leave();
  }
});

test('by hand: the answer says where the resolver leads to', async () => {
  const target = fresh('named');
  provider.at(target, onAir());
  const { id, backup } = await add(names(provider.url(target)));
  const reader = await play(id);
  await reader.more(packetLength);
  const { status: code, json } = await callRelay(relay.url, 'POST', `/streams/${id}/failover`);
  expect(code).toBe(200);
  expect(json).toMatchObject({ active_clients: 1, failover_index: 1 });
  await until('the client to have moved', () => provider.open(target) === 1);
  expect(provider.requestsOf(backup)).toHaveLength(0);
  reader.leave();
});

const useless: [string, () => Behaviour][] = [
  ['dead', () => hangUp('reset')],
  ['silent', () => silent()],
  ['broken', () => status(500)],
  ['not JSON', () => status(200, '<html>')],
  ['huge', () => file(Buffer.alloc(10_000_000, '{'))],
  ['a redirect', () => redirect('http://127.0.0.1:1/')],
  ['a file', () => names('file:///etc/hostname')],
  ['an address of cloud metadata', () => names('http://169.254.169.254/latest/meta-data')],
];
test.each(useless)('%s: the list goes on', async (_name, resolver) => {
  const { id, path, backup } = await add(resolver());
  const reader = await play(id);
  await reader.more(packetLength);
  provider.at(path, status(403));
  provider.cut(path, 'reset');
  await until('the backup', () => provider.open(backup) === 1);
  await reader.more(clip.length / 8);
  expect(reader.ended).toBeUndefined();
  reader.leave();
  expect(relay.log()).not.toContain('geheim');
});

test('the same dead source for ever: it is tried as often as any other, and the list goes on', async () => {
  const dead = fresh('dead');
  provider.at(dead, status(404));
  const { id, path, backup, asks } = await add(names(provider.url(dead)));
  const reader = await play(id);
  await reader.more(packetLength);
  for (const one of [path, backup]) provider.at(one, status(403));
  provider.cut(path, 'reset');
  await until('a few rounds', () => provider.requestsOf(backup).length >= 3);
  expect(service.requestsOf(asks).length).toBeLessThanOrEqual(
    provider.requestsOf(path).length + provider.requestsOf(backup).length,
  );
  provider.at(backup, onAir());
  await until('the backup', () => provider.open(backup) === 1);
  await reader.more(clip.length / 8);
  expect(reader.ended).toBeUndefined();
  reader.leave();
});

test('a client that comes when the primary is dead gets what the resolver names', async () => {
  const target = fresh('named');
  provider.at(target, onAir());
  const { id, path, backup } = await add(names(provider.url(target)));
  provider.at(path, status(404));
  const reader = await play(id);
  expect(reader.status).toBe(200);
  await reader.more(packetLength);
  expect(provider.requestsOf(backup)).toHaveLength(0);
  reader.leave();
});
