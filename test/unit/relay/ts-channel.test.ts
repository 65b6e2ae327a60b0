import { createChannelStats } from '../../../src/relay/channel-stats';
import type { SourceFailure } from '../../../src/relay/provider';
import type { SharedReader } from '../../../src/relay/shared-source';
import { createTsChannel } from '../../../src/relay/ts-channel';
import { type ClipFolder, createClipFolder } from '../../support/ts-clips';

let clips: ClipFolder;
let clip: Buffer;
beforeAll(() => {
  clips = createClipFolder();
  clip = clips.clip({ seconds: 20 });
});
afterAll(() => clips.remove());

const run = 7 * 188;

/** A channel of a stream that is written by the test, at times that the test sets. */
function lab({ initialSegments = 3 } = {}) {
  const clock = { nowMs: 1000 };
  const readers: SharedReader[] = [];
  const told: string[] = [];
  const waits: { readonly ms: number; readonly over: () => void }[] = [];
  const stats = createChannelStats();
  const channel = createTsChannel({
    read(reader) {
      readers.push(reader);
      return {
        resume: () => told.push('resume'),
        failover: (to) => {
          told.push(`failover ${to}`);
          return 1;
        },
        stop: () => told.push('stop'),
        source: 0,
        card: undefined,
      };
    },
    settings: () => ({ maxSegments: 5, initialSegments }),
    mostBytes: () => 256 * 1024 * 1024,
    reports: {
      changed: () => told.push('changed'),
      failed: (failures) => told.push(`failed ${failures.length}`),
    },
    stats,
    firstNumber: 7,
    nowMs: () => clock.nowMs,
    wait: (ms) => new Promise<void>((resolve) => waits.push({ ms, over: resolve })),
  });
  const reader = () => readers.at(-1) as SharedReader;
  /** Writes a stream at its own pace, or faster. @returns whether it is to go on. */
  const write = (stream: Buffer, seconds: number): boolean => {
    let takesMore = true;
    for (let at = 0; at < stream.length && takesMore; at += run) {
      clock.nowMs += (seconds * 1000 * run) / stream.length;
      takesMore = reader().write([stream.subarray(at, at + run)]);
    }
    return takesMore;
  };
  const segments = () => channel.shape?.main.ring.segments ?? [];
  return { channel, clock, readers, reader, told, waits, stats, write, segments };
}

test('a stream is segments in the ring, with a target duration that stays', () => {
  const { channel, reader, told, write, segments } = lab();
  expect(channel.shape).toBeUndefined();
  reader().begin('video/mp2t');
  expect(write(clip.subarray(0, Math.floor((clip.length * 0.45) / run) * run), 9)).toBe(true);
  expect(segments().map(({ number }) => number)).toEqual([7, 8, 9, 10]);
  expect(segments().map(({ durationSeconds }) => durationSeconds)).toEqual([2, 2, 2, 2]);
  expect(told).toEqual(['changed', 'changed', 'changed', 'changed']);
  expect(channel.shape?.main.ring.targetDuration).toBe(3);
  expect(segments()[0]?.kind).toEqual({ extension: 'ts', contentType: 'video/mp2t' });
  const bytes = Buffer.concat(segments().flatMap((segment) => segment.bytes ?? []));
  expect(clips.complaints(bytes)).toBe('');
});

test('keyframes that are far apart at first make a longer target duration, and none later', () => {
  const slow = clips.clip({
    seconds: 20,
    video: '-c:v libx264 -preset ultrafast -tune zerolatency -g 125'.split(' '),
  });
  const { channel, write, reader, segments } = lab({ initialSegments: 1 });
  reader().begin('video/mp2t');
  write(slow, 20);
  expect(channel.shape?.main.ring.targetDuration).toBe(6);
  reader().write([clips.clip({ seconds: 12, startSeconds: 20, video: '-c:v libx264 -g 500'.split(' ') })]);
  for (const { durationSeconds } of segments()) expect(durationSeconds).toBeLessThan(6.5);
  expect(channel.shape?.main.ring.targetDuration).toBe(6);
});

test('a stream that comes faster than it plays is read as fast as it plays', async () => {
  const { reader, told, waits, write, segments } = lab();
  reader().begin('video/mp2t');
  const faster = Buffer.concat([clip, clips.clip({ seconds: 20, startSeconds: 20 })]);
  expect(write(faster, 1)).toBe(false);
  expect(segments().at(-1)?.number).toBe(7 + 10);
  expect(waits).toHaveLength(1);
  expect(waits[0]?.ms).toBeGreaterThan(1000);
  expect(waits[0]?.ms).toBeLessThan(2000);
  waits[0]?.over();
  await Promise.resolve();
  expect(told.at(-1)).toBe('resume');
});

test('a reader that was dropped reads on, and says that something is missing', () => {
  const { reader, readers, write, segments } = lab();
  reader().begin('video/mp2t');
  write(clip.subarray(0, Math.floor(clip.length / 4 / run) * run), 5);
  reader().drop('It read too slowly.');
  expect(readers).toHaveLength(2);
  reader().begin('video/mp2t');
  write(clips.clip({ seconds: 5, startSeconds: 8 }), 5);
  expect(segments().map(({ isDiscontinuity }) => isDiscontinuity)).toEqual([false, false, false, true, false]);
});

test('an end adds what was left; a failure is told', async () => {
  const { channel, reader, told, write, segments } = lab();
  reader().begin('video/mp2t');
  write(clip.subarray(0, Math.floor(clip.length / 4 / run) * run), 5);
  reader().end();
  expect(channel.isEnded).toBe(true);
  expect(segments()).toHaveLength(3);
  const failed = lab();
  const failure: SourceFailure = { trigger: 'connect', status: undefined, retryAfterMs: undefined, reason: 'no' };
  failed.reader().fail([failure]);
  // Not in the turn in which it is made.
  expect(failed.told).toEqual([]);
  await Promise.resolve();
  expect(failed.told).toEqual(['failed 1']);
  channel.failover('http://b/');
  channel.stop();
  expect(told.slice(-2)).toEqual(['failover http://b/', 'stop']);
});

test('a gap that players must have noticed is counted', () => {
  const { clock, reader, stats, write } = lab();
  reader().begin('video/mp2t');
  write(clip.subarray(0, Math.floor(clip.length / 4 / run) * run), 5);
  clock.nowMs += 20_000;
  write(clip.subarray(Math.floor(clip.length / 4 / run) * run), 15);
  expect(stats.underruns).toBe(1);
});
