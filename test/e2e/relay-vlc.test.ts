import { createLoop, createSplicer, readClip, ticksPerSecond } from '../../src/mpegts';
import {
  type Behaviour,
  createFaultProvider,
  createFeedClock,
  type FaultProvider,
  live,
  status,
} from '../support/fault-provider';
import { type RelayProcess, startRelay } from '../support/relay';
import { addStream, callRelay } from '../support/relay-client';
import { type ClipFolder, createClipFolder } from '../support/ts-clips';
import { until } from '../support/until';
import { startVlc, type Vlc } from '../support/vlc';

const packetLength = 188;
const otherMux = ['-mpegts_start_pid', '0x200', '-mpegts_pmt_start_pid', '0x1100'];
let clips: ClipFolder;
let provider: FaultProvider;
beforeAll(async () => {
  clips = createClipFolder();
  provider = await createFaultProvider();
});
afterAll(async () => {
  await provider.close();
  clips.remove();
});

let relay: RelayProcess;
let vlc: Vlc | undefined;
afterEach(async () => {
  await vlc?.stop();
  vlc = undefined;
  await relay.stop();
});

const minutes = 10;
/** A clip's rounds one after the other: unlike a file that begins again, its times never go back, which VLC takes seconds to get over. */
function longOf(bytes: Buffer): Buffer {
  const { clip, problem } = readClip(bytes);
  if (clip === undefined) throw new Error(problem);
  const loop = createLoop(clip);
  const splicer = createSplicer();
  return Buffer.concat([...splicer.join(loop.point), ...splicer.write(loop.read(minutes * 60 * ticksPerSecond))]);
}
function onAir(clip: Buffer): Behaviour {
  const bytes = longOf(clip);
  const bytesPerTick = Math.ceil(bytes.length / (minutes * 60 * 50));
  return live(bytes, { bytesPerTick, clock: createFeedClock(), align: packetLength });
}
let count = 0;
const fresh = () => `/${++count}/live.ts`;

/** Waits until VLC has shown more pictures than it can have in its buffers. */
async function seesMore(player: Vlc, what: string): Promise<void> {
  const before = await player.shown();
  // Five seconds: it reads ahead by one and a half at most.
  await until(what, async () => (await player.shown()) > before + 125, 300);
}

const backups: [string, () => Buffer][] = [
  ['the same PIDs', () => clips.clip({ seconds: 8, startSeconds: 90 })],
  ['other PIDs', () => clips.clip({ seconds: 8, startSeconds: 90, mux: otherMux })],
  [
    'another size and rate',
    () => clips.clip({ seconds: 8, startSeconds: 90, mux: otherMux, size: '640x360', rate: 50 }),
  ],
  [
    'H.265',
    () =>
      clips.clip({
        seconds: 8,
        video: ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'keyint=25:log-level=0'],
      }),
  ],
];
test.each(backups)('VLC plays on over a failover to a backup with %s', async (_name, backupClip) => {
  relay = await startRelay({ relay: { allow: ['127.0.0.0/8'], timeouts: { stall: '10m' } } });
  const [path, backup] = [fresh(), fresh()];
  provider.at(path, onAir(clips.clip({ seconds: 8 })));
  provider.at(backup, onAir(backupClip()));
  const id = await addStream(relay.url, provider.url(path), provider.url(backup));
  vlc = startVlc(`${relay.url}/stream/${id}`);
  const player = vlc;
  await until('pictures', async () => (await player.shown()) > 25, 300);
  provider.at(path, status(404));
  provider.cut(path, 'reset');
  await provider.waitForRequests(backup, 1);
  await seesMore(player, 'pictures of the backup');
  // One connection, over which it read everything.
  const { json } = await callRelay(relay.url, 'GET', '/stats');
  expect(json).toMatchObject({ active_clients: 1 });
  expect(provider.requestsOf(backup)).toHaveLength(1);
});

test('VLC plays on to the card and back', async () => {
  relay = await startRelay({ relay: { allow: ['127.0.0.0/8'], timeouts: { stall: '10m' }, cards: { after: 0 } } });
  const path = fresh();
  provider.at(path, onAir(clips.clip({ seconds: 8 })));
  const id = await addStream(relay.url, provider.url(path));
  vlc = startVlc(`${relay.url}/stream/${id}`);
  const player = vlc;
  await until('pictures', async () => (await player.shown()) > 25, 300);
  provider.at(path, status(404));
  provider.cut(path, 'reset');
  await seesMore(player, 'pictures of the card');
  provider.at(path, onAir(clips.clip({ seconds: 8, mux: otherMux })));
  const asked = provider.requestsOf(path).length;
  await until('the provider to be on air', () => provider.open(path) === 1 && provider.requestsOf(path).length > asked);
  await seesMore(player, 'pictures of the provider');
  const { json } = await callRelay(relay.url, 'GET', `/streams/${id}`);
  expect(json['clients']).toMatchObject([{ card: null }]);
});
