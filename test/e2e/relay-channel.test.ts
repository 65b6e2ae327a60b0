import { launchBrowser, playFor10Seconds, servePlayerPage } from '../support/browser';
import { type Child, startChild } from '../support/child-process';
import { createFaultProvider, type FaultProvider, hangUp } from '../support/fault-provider';
import { cutIntoSegments, putLiveHls } from '../support/live-hls';
import { type RelayProcess, startRelay } from '../support/relay';
import { addStream, callRelay } from '../support/relay-client';
import { createClipFolder } from '../support/ts-clips';
import { until } from '../support/until';

let segments: readonly Buffer[];
let provider: FaultProvider;
let relay: RelayProcess;
beforeAll(async () => {
  const clips = createClipFolder();
  segments = cutIntoSegments(clips.clip({ seconds: 120 }));
  clips.remove();
  provider = await createFaultProvider();
  relay = await startRelay({ relay: { allow: ['127.0.0.0/8'] } });
});
afterAll(async () => {
  await relay.stop();
  await provider.close();
});

/** Plays so many seconds at the speed at which they come. @returns what it warned of. */
async function play(url: string, seconds: number): Promise<string> {
  const player: Child = startChild('ffmpeg', [
    '-v',
    'warning',
    '-nostdin',
    '-i',
    url,
    '-t',
    String(seconds),
    '-f',
    'null',
    '-',
  ]);
  await until('the player', () => player.process.exitCode !== null);
  if (player.process.exitCode !== 0) throw new Error(player.lines.join('\n'));
  return player.lines.join('\n');
}

const requestsOf = (path: string): number => provider.requestsOf(path).length;

test('ffmpeg plays a channel without a warning; two players cost the provider one fetch a segment', async () => {
  putLiveHls(provider, '/a', segments, Date.now(), { first: 70 });
  const id = await addStream(relay.url, provider.url('/a/list.m3u8'));
  const warnings = await Promise.all([
    play(`${relay.url}/hls/${id}/index.m3u8`, 20),
    play(`${relay.url}/hls/${id}/playlist.m3u8`, 20),
  ]);
  expect(warnings).toEqual(['', '']);
  const counts = segments.map((_, index) => requestsOf(`/a/s${70 + index}.ts`));
  expect(Math.max(...counts)).toBe(1);
  const { json } = await callRelay(relay.url, 'GET', `/streams/${id}`);
  expect(json).toMatchObject({ client_count: 2, stream: { is_active: true, stream_type: 'HLS' } });
  const served = (json['clients'] as { segments_served: number; bytes_served: number }[]).map(
    (one) => one.segments_served,
  );
  expect(Math.min(...served)).toBeGreaterThanOrEqual(18);
  const times = await callRelay(relay.url, 'GET', '/metrics/performance?operation=hls_segment_fetch');
  expect(times.json).toMatchObject({ operation: 'hls_segment_fetch', errors: 0 });
  expect(times.json['count']).toBeGreaterThanOrEqual(20);
  // Nobody plays it any more.
  await until('the end', async () => (await callRelay(relay.url, 'GET', `/streams/${id}`)).json['client_count'] === 0);
  const asked = provider.requests.length;
  await play(`${relay.url}/hls/${id}/index.m3u8`, 2);
  expect(provider.requests.length).toBeGreaterThan(asked);
});

test('a failover is a discontinuity, after which ffmpeg plays on', async () => {
  const startedMs = Date.now();
  putLiveHls(provider, '/b', segments, startedMs, { isTimed: true });
  putLiveHls(provider, '/c', segments, startedMs, { isTimed: true, first: 5000 });
  const id = await addStream(relay.url, provider.url('/b/list.m3u8'), provider.url('/c/list.m3u8'));
  const playing = play(`${relay.url}/hls/${id}/index.m3u8`, 25);
  await until('some segments', () => provider.requests.some(({ path }) => path === '/b/s12.ts'));
  provider.set('/b/list.m3u8', hangUp());
  await until('the backup', () => requestsOf('/c/list.m3u8') > 0);
  expect(await playing).not.toMatch(/skipping|expired|Failed|Error/);
  const { json } = await callRelay(relay.url, 'GET', `/streams/${id}`);
  expect(json).toMatchObject({ stream: { failover_attempts: 1 } });
  // The same programme: every second of it was fetched, and none of them twice.
  const fetched = segments.map((_, index) => requestsOf(`/b/s${index}.ts`) + requestsOf(`/c/s${5000 + index}.ts`));
  const first = fetched.findIndex((count) => count > 0);
  const last = fetched.findLastIndex((count) => count > 0);
  expect(fetched.slice(first, last + 1)).toEqual(fetched.slice(first, last + 1).map(() => 1));
});

test('hls.js in Chromium plays over a failover, from a page of another site', async () => {
  const startedMs = Date.now();
  putLiveHls(provider, '/d', segments, startedMs);
  putLiveHls(provider, '/e', segments, startedMs, { first: 300 });
  const id = await addStream(relay.url, provider.url('/d/list.m3u8'), provider.url('/e/list.m3u8'));
  const page = await servePlayerPage('127.0.0.1');
  const browser = await launchBrowser();
  try {
    const tab = await browser.newPage();
    await tab.goto(page.url);
    const playing = tab.evaluate(playFor10Seconds, `${relay.url}/hls/${id}/index.m3u8`);
    const begun = await until('a player', async () => {
      const { json } = await callRelay(relay.url, 'GET', `/streams/${id}`);
      const [client] = json['clients'] as { segments_served: number }[];
      return (client?.segments_served ?? 0) > 3;
    });
    expect(begun).toBe(true);
    provider.set('/d/list.m3u8', hangUp());
    const { errors, seconds, frames } = await playing;
    // On a busy machine a player waits for its own decoder.
    const waits = ['bufferStalledError', 'bufferSeekOverHole', 'bufferNudgeOnStall'];
    expect(errors.filter((error) => !waits.includes(error))).toEqual([]);
    expect(seconds).toBeGreaterThanOrEqual(10);
    expect(frames).toBeGreaterThan(100);
    const { json } = await callRelay(relay.url, 'GET', `/streams/${id}`);
    // One player from beginning to end: it did not load the stream again.
    expect(json).toMatchObject({ client_count: 1, stream: { failover_attempts: 1 } });
  } finally {
    await browser.close();
    await page.close();
  }
});
