import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { launchBrowser, servePlayerPage } from '../support/browser';
import { createFaultProvider, type FaultProvider, file, live, redirect, status } from '../support/fault-provider';
import { takeLoopbackBlock } from '../support/loopback-block';
import { type RelayProcess, startRelay } from '../support/relay';
import { callRelay } from '../support/relay-client';
import { type ClipFolder, createClipFolder } from '../support/ts-clips';

const runFile = promisify(execFile);
let folder: string;
let clips: ClipFolder;
let clip: Buffer;
let provider: FaultProvider;
let relay: RelayProcess;

/** Encrypted transport streams, and a file of fMP4 whose segments are byte ranges, behind one master playlist. */
function makeFiles(): void {
  const input = ['-f', 'lavfi', '-i', 'testsrc=size=160x120:rate=25', '-f', 'lavfi', '-i', 'sine', '-t', '6'];
  const video = ['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', '25', '-bf', '0'];
  const hls = ['-f', 'hls', '-hls_time', '1', '-hls_playlist_type', 'vod'];
  const ffmpeg = (...args: readonly string[]) =>
    execFileSync('ffmpeg', ['-v', 'error', '-nostdin', ...args], { cwd: folder });
  writeFileSync(join(folder, 'the.key'), Buffer.from('0123456789abcdef'));
  writeFileSync(join(folder, 'key-info'), 'keys/the.key?token=secret\nthe.key\n');
  ffmpeg(...input, '-map', '0', ...video, ...hls, '-hls_key_info_file', 'key-info', 'encrypted.m3u8');
  const single = ['-hls_segment_type', 'fmp4', '-hls_flags', 'single_file', '-hls_segment_filename', 'audio.mp4'];
  ffmpeg(...input, '-map', '1', '-c:a', 'aac', ...hls, ...single, 'audio.m3u8');
  const master = [
    '#EXTM3U',
    '#EXT-X-VERSION:7',
    '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",DEFAULT=YES,AUTOSELECT=YES,URI="audio.m3u8"',
    '#EXT-X-STREAM-INF:BANDWIDTH=300000,CODECS="avc1.42c00c,mp4a.40.2",AUDIO="a"',
    'encrypted.m3u8',
    '',
  ];
  writeFileSync(join(folder, 'master.m3u8'), master.join('\n'));
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mtxpilot-hls-'));
  makeFiles();
  clips = createClipFolder();
  clip = clips.clip({ seconds: 4 });
  provider = await createFaultProvider();
  for (const name of readdirSync(folder)) {
    provider.at(`/hls/${name}`, file(readFileSync(join(folder, name)), { contentType: 'application/octet-stream' }));
  }
  provider.at('/hls/keys/the.key', file(readFileSync(join(folder, 'the.key'))));
  provider.at('/live.m3u8', redirect('/hls/master.m3u8'));
  relay = await startRelay({ relay: { allow: ['127.0.0.0/8'], rootPath: '/tv' } });
});
afterAll(async () => {
  await relay.stop();
  await provider.close();
  clips.remove();
  rmSync(folder, { recursive: true, force: true });
});

async function add(source: string, more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const { json } = await callRelay(relay.url, 'POST', '/streams', { url: source, hls: 'passthrough', ...more });
  return String(json['stream_id']);
}

/** A hash of each packet that ffmpeg reads, in the order of its streams. */
async function packetsOf(url: string): Promise<string> {
  const { stdout, stderr } = await runFile(
    'ffmpeg',
    ['-v', 'warning', '-nostdin', '-i', url, '-map', '0', '-c', 'copy', '-f', 'framemd5', '-'],
    { maxBuffer: 10_000_000 },
  );
  expect(stderr).toBe('');
  return stdout;
}

test('ffmpeg reads the same of it as of the provider: keys, init segments, byte ranges and renditions', async () => {
  const id = await add(provider.url('/live.m3u8'));
  const through = await packetsOf(`${relay.url}/tv/hls/${id}/index.m3u8`);
  expect(through.split('\n').length).toBeGreaterThan(300);
  expect(through).toBe(await packetsOf(provider.url('/hls/master.m3u8')));
  const { json } = await callRelay(relay.url, 'GET', `/streams/${id}`);
  expect(json).toMatchObject({
    stream: { stream_type: 'HLS', hls: 'passthrough' },
    clients: [{ segments_served: expect.any(Number), bytes_served: expect.any(Number) }],
  });
  expect(relay.log()).not.toContain('secret');
});

test('Chromium with hls.js plays it to its end, on a page of another site', async () => {
  const id = await add(provider.url('/live.m3u8'));
  const block = await takeLoopbackBlock();
  const page = await servePlayerPage(block.address(1));
  const browser = await launchBrowser();
  try {
    const tab = await browser.newPage();
    await tab.goto(page.url);
    const played = await tab.evaluate(playToTheEnd, `${relay.url}/hls/${id}/index.m3u8`);
    expect(played.errors).toEqual([]);
    expect(played.seconds).toBeGreaterThan(5.5);
  } finally {
    await browser.close();
    await page.close();
    await block.release();
  }
});

test('a backup is played where the primary source is not there', async () => {
  const id = await add(provider.url('/nothing.m3u8'), { failover_urls: [provider.url('/hls/master.m3u8')] });
  expect(await packetsOf(`${relay.url}/hls/${id}/playlist.m3u8`)).toBe(
    await packetsOf(provider.url('/hls/master.m3u8')),
  );
});

test('a URL that ends as a playlist and is a live stream is served as one, at once and from then on', async () => {
  provider.at('/named.m3u8', live(clip, { bytesPerTick: 100_000, contentType: 'application/vnd.apple.mpegurl' }));
  const id = await add(provider.url('/named.m3u8'));
  const answer = await fetch(`${relay.url}/tv/hls/${id}/index.m3u8?username=ann`);
  expect(answer.url).toBe(`${relay.url}/tv/stream/${id}?username=ann`);
  expect(answer.headers.get('content-type')).toBe('video/mp2t');
  await answer.body?.cancel();
  const { json } = await callRelay(relay.url, 'GET', `/streams/${id}`);
  expect(json).toMatchObject({ stream: { stream_type: 'Live Continuous' } });
  // Whoever makes it again says nothing new of what it is.
  await add(provider.url('/named.m3u8'));
  expect((await callRelay(relay.url, 'GET', `/streams/${id}`)).json).toMatchObject({
    stream: { stream_type: 'Live Continuous' },
  });
});

test('a URL that is a playlist without saying so is served as HLS', async () => {
  provider.at('/channel/7', file(readFileSync(join(folder, 'master.m3u8')), { contentType: 'video/mp2t' }));
  provider.at('/channel/encrypted.m3u8', redirect('/hls/encrypted.m3u8'));
  provider.at('/channel/audio.m3u8', redirect('/hls/audio.m3u8'));
  const id = await add(provider.url('/channel/7'));
  expect(await packetsOf(`${relay.url}/stream/${id}`)).toBe(await packetsOf(provider.url('/hls/master.m3u8')));
  const { json } = await callRelay(relay.url, 'GET', `/streams/${id}`);
  expect(json).toMatchObject({ stream: { stream_type: 'HLS' } });
});

test('a provider that fails is told as what it is', async () => {
  provider.at('/busy.m3u8', status(429));
  const id = await add(provider.url('/busy.m3u8'));
  const answer = await fetch(`${relay.url}/hls/${id}/index.m3u8`);
  expect(answer.status).toBe(503);
  expect(answer.headers.get('retry-after')).toBe('5');
  expect(await answer.text()).not.toContain('busy.m3u8');
});

/** Runs in the page: resolves when the video has ended, or at the first error. */
async function playToTheEnd(url: string): Promise<{ readonly seconds: number; readonly errors: readonly string[] }> {
  interface Hls {
    on(event: string, listener: (event: string, data: { details: string }) => void): void;
    loadSource(url: string): void;
    attachMedia(video: unknown): void;
  }
  interface Video {
    readonly currentTime: number;
    readonly ended: boolean;
    play(): Promise<void>;
  }
  const page = globalThis as unknown as {
    Hls: new () => Hls;
    document: { querySelector(selector: string): Video };
  };
  const video = page.document.querySelector('video');
  const hls = new page.Hls();
  const errors: string[] = [];
  hls.on('hlsError', (_event, { details }) => {
    // A busy machine's, and nobody's fault.
    if (details !== 'bufferStalledError') errors.push(details);
  });
  hls.loadSource(url);
  hls.attachMedia(video);
  await video.play();
  while (!video.ended && errors.length === 0) await new Promise((next) => setTimeout(next, 50));
  return { seconds: video.currentTime, errors };
}
