import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from '../support/child-process';
import { createFaultProvider, type FaultProvider, status } from '../support/fault-provider';
import { type RelayProcess, startRelay } from '../support/relay';
import { addStream, callRelay, readStream } from '../support/relay-client';
import { type ClipFolder, createClipFolder } from '../support/ts-clips';
import { until } from '../support/until';

let clips: ClipFolder;
let provider: FaultProvider;
let relay: RelayProcess;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mtxpilot-hls-ts-'));
  clips = createClipFolder();
  provider = await createFaultProvider();
});
afterAll(async () => {
  await provider.close();
  clips.remove();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  // On a busy machine a provider may be silent for seconds: only where that is the fault, it counts as one.
  relay = await startRelay({ relay: { allow: ['127.0.0.0/8'], timeouts: { stall: '10m' } } });
});
afterEach(async () => {
  await relay.stop();
});

let count = 0;

/** Cuts a clip into HLS by ffmpeg, and serves it as if it were live: three segments are there already. @returns the path of its playlist. */
function onAir(clip: Buffer, ...options: readonly string[]): string {
  const name = `hls-${++count}`;
  const files = join(folder, name);
  mkdirSync(files);
  writeFileSync(join(files, 'in.ts'), clip);
  const hls = ['-f', 'hls', '-hls_time', '2', '-hls_list_size', '0', ...options, join(files, 'list.m3u8')];
  execFileSync('ffmpeg', ['-v', 'error', '-i', join(files, 'in.ts'), '-c', 'copy', ...hls]);
  const lines = readFileSync(join(files, 'list.m3u8'), 'utf8').split('\n');
  const first = lines.findIndex((line) => line.startsWith('#EXTINF'));
  const head = lines.slice(0, first);
  const entries = lines.slice(first).filter((line) => line !== '' && line !== '#EXT-X-ENDLIST');
  const startedMs = performance.now();
  provider.at(`/${name}/list.m3u8`, (exchange) => {
    const there = 3 + Math.floor((performance.now() - startedMs) / 2000);
    const text = [...head, ...entries.slice(0, 2 * there), ''].join('\n');
    status(200, text, { 'content-type': 'application/vnd.apple.mpegurl' })(exchange);
  });
  for (const file of readdirSync(files)) {
    if (file === 'list.m3u8') continue;
    const bytes = readFileSync(join(files, file));
    provider.at(`/${name}/${file}`, ({ head: begin, pump }) => {
      let left: Buffer | undefined = bytes;
      begin(200, { 'content-type': 'application/octet-stream', 'content-length': String(bytes.length) });
      pump(() => {
        const piece = left;
        left = undefined;
        return piece;
      });
    });
  }
  return `/${name}/list.m3u8`;
}

function steps(times: readonly number[]): ReadonlySet<number> {
  return new Set(times.slice(1).map((time, index) => time - (times[index] ?? 0)));
}

test('ffmpeg plays HLS as a transport stream: every frame, without a word, over a failover too', async () => {
  const first = onAir(clips.clip({ seconds: 60 }));
  const second = onAir(clips.clip({ seconds: 60, startSeconds: 700 }));
  const id = await addStream(relay.url, provider.url(first), provider.url(second));
  const file = join(folder, 'recorded.ts');
  const args = [
    '-v',
    'warning',
    '-i',
    `${relay.url}/stream/${id}`,
    '-t',
    '20',
    '-map',
    '0',
    '-c',
    'copy',
    '-f',
    'mpegts',
  ];
  const ffmpeg = startChild('ffmpeg', [...args, file]);
  await until('some of it is played', async () => {
    const { json } = await callRelay(relay.url, 'GET', `/streams/${id}`);
    return (json['stream'] as { total_bytes_served: number }).total_bytes_served > 100_000;
  });
  provider.at(first, status(404, 'gone'));
  expect(await ffmpeg.exited).toBe(0);
  expect(ffmpeg.lines.join('\n')).toBe('');
  expect(provider.requestsOf(second).length).toBeGreaterThan(0);
  const bytes = readFileSync(file);
  expect(clips.complaints(bytes)).toBe('');
  expect(steps(clips.decodingTimes(bytes, 'v'))).toEqual(new Set([3600]));
  expect(clips.shownTimes(bytes).length).toBeGreaterThanOrEqual(19 * 25);
});

test('clients of a stream share its channel, which ends with the last of them', async () => {
  const path = onAir(clips.clip({ seconds: 60 }));
  const id = await addStream(relay.url, provider.url(path));
  const [one, two] = await Promise.all([1, 2].map(() => readStream(`${relay.url}/stream/${id}`)));
  expect(one?.headers['content-type']).toBe('video/mp2t');
  await Promise.all([one?.more(188), two?.more(188)]);
  const { json } = await callRelay(relay.url, 'GET', `/streams/${id}`);
  expect(json['client_count']).toBe(2);
  expect(provider.requestsOf(path.replace('.m3u8', '0.ts'))).toHaveLength(1);
  one?.leave();
  two?.leave();
  await until('they have gone', async () => {
    const { json: now } = await callRelay(relay.url, 'GET', `/streams/${id}`);
    return now['client_count'] === 0;
  });
  // Whoever comes now begins it anew.
  const asked = provider.requestsOf(path).length;
  const again = await readStream(`${relay.url}/stream/${id}`);
  await again.more(188);
  expect(provider.requestsOf(path).length).toBeGreaterThan(asked);
  again.leave();
});

test('what cannot be a transport stream is answered with 406 and the reason', async () => {
  const path = onAir(clips.clip({ seconds: 20 }), '-hls_segment_type', 'fmp4', '-bsf:a', 'aac_adtstoasc');
  const id = await addStream(relay.url, provider.url(path));
  const response = await fetch(`${relay.url}/stream/${id}`);
  expect(response.status).toBe(406);
  expect(JSON.stringify(await response.json())).toContain('no transport streams');
});
