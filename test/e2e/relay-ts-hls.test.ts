import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launchBrowser, playFor10Seconds, servePlayerPage } from '../support/browser';
import { startChild } from '../support/child-process';
import { createFaultProvider, createFeedClock, type FaultProvider, live } from '../support/fault-provider';
import { takeLoopbackBlock } from '../support/loopback-block';
import { type RelayProcess, startRelay } from '../support/relay';
import { addStream, callRelay, readStream } from '../support/relay-client';
import { type ClipFolder, createClipFolder } from '../support/ts-clips';
import { until } from '../support/until';

const clipSeconds = 60;
let clips: ClipFolder;
let clip: Buffer;
let backup: Buffer;
let provider: FaultProvider;
let relay: RelayProcess;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mtxpilot-ts-hls-'));
  clips = createClipFolder();
  clip = clips.clip({ seconds: clipSeconds });
  const mux = ['-mpegts_start_pid', '0x200', '-mpegts_pmt_start_pid', '0x1100'];
  backup = clips.clip({ seconds: clipSeconds, startSeconds: 900, mux });
  provider = await createFaultProvider();
});
afterAll(async () => {
  await provider.close();
  clips.remove();
  rmSync(folder, { recursive: true, force: true });
});
afterEach(async () => {
  await relay.stop();
});

/** At real time: what a clip has in a second. */
const onAir = (bytes: Buffer, clock = createFeedClock()) =>
  live(bytes, { bytesPerTick: Math.ceil(bytes.length / clipSeconds / 50), clock, align: 188 });
/** On a busy machine a provider may be silent for seconds: only where that is the fault, it counts as one. */
const patient = { stall: '10m' };

async function start(settings: Readonly<Record<string, unknown>> = {}): Promise<void> {
  relay = await startRelay({ relay: { allow: ['127.0.0.0/8'], timeouts: patient, ...settings } });
}

let count = 0;
/** A path that no other test uses. */
const fresh = (name: string) => `/${++count}/${name}.ts`;

/** What ffmpeg records of a playlist, and what it says. */
async function record(url: string, seconds: number): Promise<{ readonly bytes: Buffer; readonly said: string }> {
  const file = join(folder, `${++count}.ts`);
  const args = ['-v', 'warning', '-i', url, '-t', String(seconds), '-map', '0', '-c', 'copy', '-f', 'mpegts', file];
  const ffmpeg = startChild('ffmpeg', args);
  expect(await ffmpeg.exited).toBe(0);
  return { bytes: readFileSync(file), said: ffmpeg.lines.join('\n') };
}

function steps(times: readonly number[]): ReadonlySet<number> {
  return new Set(times.slice(1).map((time, index) => time - (times[index] ?? 0)));
}

/** A player's view: the media playlist of a session, read when asked. */
async function openPlaylist(id: string) {
  const master = await fetch(`${relay.url}/hls/${id}/index.m3u8`);
  expect(master.status).toBe(200);
  const uri = (await master.text()).split('\n').find((line) => line !== '' && !line.startsWith('#')) ?? '';
  const url = new URL(uri, master.url);
  return {
    url,
    async read() {
      const response = await fetch(url);
      expect(response.status).toBe(200);
      const text = await response.text();
      const lines = text.split('\n');
      const number = (tag: string) => Number(lines.find((line) => line.startsWith(`#${tag}:`))?.split(':')[1] ?? 0);
      return {
        text,
        first: number('EXT-X-MEDIA-SEQUENCE'),
        targetDuration: number('EXT-X-TARGETDURATION'),
        durations: lines.flatMap((line) => /^#EXTINF:([\d.]+)/.exec(line)?.[1] ?? []).map(Number),
        segments: lines.filter((line) => line.startsWith('segment/')).map((line) => new URL(line, url)),
      };
    },
  };
}

const streamOf = async (id: string) => (await callRelay(relay.url, 'GET', `/streams/${id}`)).json;

test('ffmpeg plays a transport stream as HLS: every frame, without a word, and without one where a backup takes over', async () => {
  await start();
  const [first, second] = [fresh('first'), fresh('second')];
  provider.at(first, onAir(clip));
  provider.at(second, onAir(backup));
  const id = await addStream(relay.url, provider.url(first), provider.url(second));
  const recording = record(`${relay.url}/hls/${id}/index.m3u8`, 16);
  await until('segments are played', async () => {
    const { stream } = (await streamOf(id)) as { stream: { total_segments_served: number } };
    return stream.total_segments_served >= 3;
  });
  expect(provider.cut(first, 'reset')).toBe(1);
  const { bytes, said } = await recording;
  expect(said).toBe('');
  expect(provider.requestsOf(second)).toHaveLength(1);
  expect(clips.complaints(bytes)).toBe('');
  expect(steps(clips.decodingTimes(bytes, 'v'))).toEqual(new Set([3600]));
  expect(clips.shownTimes(bytes).length).toBeGreaterThanOrEqual(15 * 25);
  expect(Math.min(...steps(clips.decodingTimes(bytes, 'a')))).toBeGreaterThan(0);
});

test('players and readers of a stream have one connection to the provider, numbers that go on, and the same bytes', async () => {
  await start({ share: 'stream' });
  const path = fresh('shared');
  provider.at(path, onAir(clip));
  const id = await addStream(relay.url, provider.url(path));
  const [one, two] = await Promise.all([openPlaylist(id), openPlaylist(id)]);
  const reader = await readStream(`${relay.url}/stream/${id}`);
  await reader.more(188);
  const before = await one.read();
  expect(before.targetDuration).toBe(3);
  expect(before.durations.every((seconds) => seconds === 2)).toBe(true);
  expect(before.text).not.toContain('DISCONTINUITY');
  const bodies = await Promise.all(
    [before, await two.read()].map(async ({ segments: [segment] }) => {
      const response = await fetch(segment as URL);
      expect(response.headers.get('content-type')).toBe('video/mp2t');
      return Buffer.from(await response.arrayBuffer());
    }),
  );
  expect(bodies[0]?.equals(bodies[1] as Buffer)).toBe(true);
  const later = await until('the window has moved', async () => {
    const now = await one.read();
    return now.first > before.first ? now : undefined;
  });
  expect(later.segments).toHaveLength(6);
  expect(later.targetDuration).toBe(before.targetDuration);
  expect((await fetch(new URL(`segment/${before.first - 1}.ts${one.url.search}`, one.url))).status).toBe(404);
  expect(provider.requestsOf(path)).toHaveLength(1);
  expect(((await streamOf(id)) as { client_count: number }).client_count).toBe(3);
  reader.leave();
  // The last request was a moment ago: it goes on for a while, and then ends.
  await until(
    'the players have gone',
    async () => ((await streamOf(id)) as { client_count: number }).client_count === 0,
  );
  await until('the provider is left', () => provider.open(path) === 0);
  expect(provider.requestsOf(path)).toHaveLength(1);
});

test('a source of another codec begins a segment that says so', async () => {
  await start();
  const [first, second] = [fresh('h264'), fresh('mpeg2')];
  provider.at(first, onAir(clip));
  provider.at(second, onAir(clips.clip({ seconds: clipSeconds, video: '-c:v mpeg2video -g 25 -b:v 300k'.split(' ') })));
  const id = await addStream(relay.url, provider.url(first), provider.url(second));
  const playlist = await openPlaylist(id);
  const before = await playlist.read();
  expect(before.text).not.toContain('#EXT-X-DISCONTINUITY\n');
  expect((await callRelay(relay.url, 'POST', `/streams/${id}/failover`)).status).toBe(200);
  const after = await until('the joint', async () => {
    const now = await playlist.read();
    return now.text.includes('#EXT-X-DISCONTINUITY\n') ? now : undefined;
  });
  expect(after.first + after.segments.length).toBeGreaterThan(before.first + before.segments.length);
});

test('Chromium with hls.js plays it, and plays on where a backup with pictures of another size takes over', async () => {
  await start();
  const [first, second] = [fresh('small'), fresh('large')];
  provider.at(first, onAir(clip));
  provider.at(second, onAir(clips.clip({ seconds: clipSeconds, size: '640x360', startSeconds: 50 })));
  const id = await addStream(relay.url, provider.url(first), provider.url(second));
  const block = await takeLoopbackBlock();
  const page = await servePlayerPage(block.address(1));
  const browser = await launchBrowser();
  try {
    const tab = await browser.newPage();
    await tab.goto(page.url);
    const playing = tab.evaluate(playFor10Seconds, `${relay.url}/hls/${id}/index.m3u8`);
    await until('segments are played', async () => {
      const { stream } = (await streamOf(id)) as { stream: { total_segments_served: number } };
      return stream.total_segments_served >= 4;
    });
    provider.cut(first, 'reset');
    const played = await playing;
    expect(played.errors.filter((error) => error.endsWith('(fatal)'))).toEqual([]);
    expect(played.seconds).toBeGreaterThanOrEqual(10);
    expect(played.frames).toBeGreaterThan(100);
    expect(provider.requestsOf(second)).toHaveLength(1);
    expect(await tab.evaluate('document.querySelector("video").videoWidth')).toBe(640);
  } finally {
    await browser.close();
    await page.close();
    await block.release();
  }
});

test('a stream that no source has is answered with the reason', async () => {
  await start();
  const id = await addStream(relay.url, provider.url('/none.ts'));
  const response = await fetch(`${relay.url}/hls/${id}/index.m3u8`);
  expect(response.status).toBe(404);
  await until('nobody plays it', async () => ((await streamOf(id)) as { client_count: number }).client_count === 0);
});
