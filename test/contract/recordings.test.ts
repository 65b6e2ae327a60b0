import { readdirSync, readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { createSimServer, type SimServer, type SimServerOptions, type SimVariant } from '../../src/sim';
import { type LoopbackBlock, takeLoopbackBlock } from '../support/loopback-block';
import { until } from '../support/until';
import { type Answer, ask } from './exchange';

/** One exchange with a real MediaMTX (see README.md beside the recordings). */
interface Recorded {
  readonly label: string;
  readonly request: {
    readonly server: 'api' | 'hls';
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
  };
  readonly status: number;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly ms: number;
  readonly body?: string;
  readonly bodyBytes?: number;
}

const folder = join(__dirname, '../fixtures/recorded');
const files = readdirSync(folder).filter((name) => name.endsWith('.jsonl'));

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const PREFIX = /[0-9a-f]{12}(?=_(?:video1|audio2|main)_)/g;
const TIME = /(?<!0)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z/g;

/** Replaces what differs from run to run, and from publisher to publisher, by what it is. */
function normalize(text: string): string {
  return text
    .replace(/0001-01-01T00:00:00Z/g, 'NEVER')
    .replace(UUID, 'UUID')
    .replace(PREFIX, 'PREFIX')
    .replace(TIME, 'TIME')
    .replace(/(BANDWIDTH=)\d+/g, '$1N')
    .replace(/("(?:\w*[bB]ytes\w*|sampleRate)":)\d+/g, '$1N')
    .replace(/("remoteAddr":"[^"]*:)\d+/g, '$1PORT')
    .replace(/^<!doctype html>[\s\S]*$/i, 'HTML');
}

/** Values of headers, without the length where the body has no constant one. */
function comparable(headers: Readonly<Record<string, readonly string[]>>): Record<string, readonly string[]> {
  const entries = Object.entries(headers)
    .filter(([name]) => name !== 'Date')
    .map(([name, values]): [string, readonly string[]] => [
      name,
      name === 'Content-Length' ? ['N'] : values.map((value) => value.replace(UUID, 'UUID')),
    ]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** How much content a media playlist shows: milliseconds since the content began, as far as the playlist tells. */
function elapsedOf(playlist: string, variant: SimVariant): number {
  const listed = playlist.match(/^#EXTINF/gm)?.length ?? 0;
  const skipped = Number(/SKIPPED-SEGMENTS=(\d+)/.exec(playlist)?.[1] ?? 0);
  const mediaSequence = Number(/MEDIA-SEQUENCE:(\d+)/.exec(playlist)?.[1]);
  const gaps = variant === 'lowLatency' ? 7 : 0;
  const openParts =
    playlist
      .split(/^#EXTINF/m)
      .at(-1)
      ?.match(/^#EXT-X-PART:/gm)?.length ?? 0;
  return (mediaSequence + skipped + listed - gaps) * 1000 + openParts * 200;
}

describe.each(files)('%s, exchange by exchange', (file) => {
  const match = /^(v[\d.]+)-(fmp4|lowLatency|mpegts)\.jsonl$/.exec(file);
  const version = match?.[1] ?? '';
  const variant = (match?.[2] ?? '') as SimVariant;
  const exchanges = readFileSync(join(folder, file), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Recorded);

  const clock = { nowMs: Date.UTC(2026, 0, 1) };
  const connections = new Agent({ keepAlive: true, maxSockets: 1 });
  /** What the recorded server called things, and what the stand-in calls them. */
  const names = new Map<string, string>();
  let block: LoopbackBlock;
  let open: SimServer;
  let locked: SimServer;
  let beganMs = 0;

  beforeAll(async () => {
    block = await takeLoopbackBlock();
    const options: Omit<SimServerOptions, 'address'> = {
      version,
      variant,
      // Stands still but for a tick, which keeps the order of what is created.
      clock: () => {
        clock.nowMs += 0.001;
        return clock.nowMs;
      },
      cdnSecret: 'cdn-secret',
      firstSegmentDelayMs: 0,
      wrongCredentialsDelayMs: [20, 20],
      paths: [{ name: '~^live/' }, { name: 'ondemand/x', onDemand: { startDelayMs: 'never' } }],
    };
    open = await createSimServer({ ...options, address: block.address(11) });
    locked = await createSimServer({
      ...options,
      address: block.address(12),
      apiCredentials: { user: 'ops', password: 'secret' },
    });
    open.publish('live/a');
  });

  afterAll(async () => {
    connections.destroy();
    await open.stop();
    await locked.stop();
    await block.release();
  });

  const translate = (text: string) => {
    let result = text;
    for (const [theirs, ours] of names) result = result.replaceAll(theirs, ours);
    return result;
  };

  function learnNames(recorded: Recorded, answer: Answer): void {
    for (const pattern of [UUID, PREFIX]) {
      const theirs = (recorded.body ?? '').match(pattern) ?? [];
      const ours = answer.text.match(pattern) ?? [];
      theirs.forEach((name, index) => names.set(name, ours[index] ?? ''));
    }
  }

  function question(recorded: Recorded): Promise<Answer> {
    const { method, path, headers, server } = recorded.request;
    const target = recorded.label.startsWith('API') ? locked : open;
    return ask(server === 'api' ? target.apiUrl : target.hlsUrl, {
      method,
      path: translate(path),
      headers,
      agent: connections,
    });
  }

  /** Asks at the moment at which the recorded answer was given. */
  async function replay(recorded: Recorded): Promise<Answer> {
    const isMedia =
      recorded.status === 200 && recorded.body?.startsWith('#EXTM3U') && !recorded.request.path.includes('index.m3u8');
    const thenMs = isMedia ? beganMs + elapsedOf(recorded.body ?? '', variant) : 0;
    const isBlocking = /_HLS_msn=\d+&_HLS_part/.test(recorded.request.path);
    if (!isBlocking) {
      clock.nowMs = Math.max(clock.nowMs, thenMs);
      return question(recorded);
    }
    const before = open.counters().media;
    const answer = question(recorded);
    await until('the request to arrive', () => open.counters().media > before);
    // It is held until the part exists.
    expect(open.requests().at(-1)?.status).toBeUndefined();
    clock.nowMs = thenMs;
    return answer;
  }

  it.each(exchanges.map((recorded, index) => ({ recorded, name: `${index + 1}: ${recorded.label}` })))(
    '$name',
    async ({ recorded }) => {
      if (recorded.label.includes('after the publisher left')) open.unpublish('live/a');
      const answer = await replay(recorded);
      learnNames(recorded, answer);
      if (recorded.request.path.includes('index.m3u8') && answer.status === 200 && beganMs === 0) {
        beganMs = clock.nowMs - (variant === 'fmp4' ? 2000 : 1000);
      }
      expect({ status: answer.status, headers: comparable(answer.headers) }).toEqual({
        status: recorded.status,
        headers: comparable(recorded.headers),
      });
      if (recorded.bodyBytes !== undefined) expect(answer.body.length).toBeGreaterThan(500);
      else expect(normalize(answer.text).split('\n')).toEqual(normalize(recorded.body ?? '').split('\n'));
    },
  );
});

it('has recordings of four versions in three variants', () => {
  expect(files).toHaveLength(12);
});
