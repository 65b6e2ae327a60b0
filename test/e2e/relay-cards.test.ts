import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFaultProvider, type FaultProvider, live, status } from '../support/fault-provider';
import { type RelayProcess, startRelay } from '../support/relay';
import { addStream, callRelay, readStream } from '../support/relay-client';
import { type ClipFolder, createClipFolder } from '../support/ts-clips';
import { until } from '../support/until';

const packetLength = 188;
let clips: ClipFolder;
let folder: string;
let clip: Buffer;
let otherPids: Buffer;
let provider: FaultProvider;
beforeAll(async () => {
  clips = createClipFolder();
  folder = mkdtempSync(join(tmpdir(), 'mtxpilot-cards-'));
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
  rmSync(folder, { recursive: true });
});

let relay: RelayProcess;
afterEach(async () => {
  await relay.stop();
});

async function start(settings: Readonly<Record<string, unknown>>): Promise<void> {
  // On a busy machine a provider may be silent for seconds: that is no fault here.
  relay = await startRelay({ relay: { allow: ['127.0.0.0/8'], timeouts: { stall: '10m' }, ...settings } });
}

const bytesPerTick = () => Math.ceil(clip.length / 8 / 50);
const onAir = (bytes: Buffer) => live(bytes, { bytesPerTick: bytesPerTick(), align: packetLength });
const play = (id: string, options?: Parameters<typeof readStream>[1]) =>
  readStream(`${relay.url}/stream/${id}`, options);
let count = 0;
const fresh = () => `/${++count}/live.ts`;

async function cardsOf(id: string): Promise<unknown[]> {
  const { json } = await callRelay(relay.url, 'GET', `/streams/${id}`);
  return (json['clients'] as { card: unknown }[]).map(({ card }) => card);
}

/** Seconds of picture, as it is decoded. */
const pictures = (bytes: Buffer) =>
  clips.shownTimes(bytes.subarray(0, bytes.length - (bytes.length % packetLength))).length / 25;

describe.each(['client', 'stream'])('share: %s', (share) => {
  test('a provider dies, the card plays for longer than it is, and the provider is back', async () => {
    await start({ share, cards: { after: 0 } });
    const path = fresh();
    provider.at(path, live(clip, { bytesPerTick: bytesPerTick() }));
    const id = await addStream(relay.url, provider.url(path));
    const readers = [await play(id), await play(id)] as const;
    for (const reader of readers) await reader.more(clip.length / 8);
    provider.at(path, status(500));
    provider.cut(path, 'reset');
    await until('the card', async () => (await cardsOf(id)).join() === 'down,down');
    const metrics = await (await fetch(`${relay.url}/metrics`)).text();
    expect(metrics).toMatch(/^mtxpilot_relay_clients_on_card(?:\{\})? 2$/m);
    // The clip of the package has 23,688 bytes: three rounds.
    for (const reader of readers) await reader.more(3 * 23_688);
    provider.at(path, onAir(otherPids));
    await until('the provider to be on air', async () => (await cardsOf(id)).join('-') === '-');
    for (const reader of readers) await reader.more(clip.length / 4);
    for (const reader of readers) {
      expect(reader.ended).toBeUndefined();
      reader.leave();
    }
    const { json } = await callRelay(relay.url, 'GET', `/streams/${id}`);
    expect((json['stream'] as { failover_attempts: number }).failover_attempts).toBe(share === 'stream' ? 2 : 4);
    // One second of the provider, five of the card, two of the provider.
    expect(pictures(readers[0].bytes())).toBeGreaterThan(6);
    expect(relay.log()).toContain('a client is shown a card');
  });
});

test('when: always, with no slot: the card of the operator, and the stream when a slot is free', async () => {
  const full = join(folder, 'full.ts');
  writeFileSync(full, clips.clip({ seconds: 2, size: '176x144' }));
  await start({
    accounts: { one: { match: `127.0.0.1:${provider.port}`, maxConnections: 1 } },
    cards: { when: 'always', full },
  });
  const [taken, wanted] = [fresh(), fresh()];
  provider.at(taken, onAir(clip));
  provider.at(wanted, onAir(otherPids));
  const first = await play(await addStream(relay.url, provider.url(taken)), { headers: { 'x-username': 'ada' } });
  await first.more(packetLength);
  const id = await addStream(relay.url, provider.url(wanted));
  const second = await play(id, { headers: { 'x-username': 'bob' } });
  expect(second.status).toBe(200);
  await second.more(clips.clip({ seconds: 2, size: '176x144' }).length);
  expect(await cardsOf(id)).toEqual(['full']);
  expect(provider.requestsOf(wanted)).toHaveLength(0);
  first.leave();
  await until('the stream', async () => (await cardsOf(id))[0] === null);
  await second.more(clip.length / 8);
  expect(second.ended).toBeUndefined();
  second.leave();
});

test('a file that is no card ends the start, and is named', async () => {
  const text = join(folder, 'text.ts');
  writeFileSync(text, 'no clip');
  await expect(start({ cards: { down: text } })).rejects.toThrow(
    `the relay cannot start: relay.cards.down: ${text} is no MPEG transport stream`,
  );
});
