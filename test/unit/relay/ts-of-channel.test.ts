import { createCutter, packetLength } from '../../../src/mpegts';
import { createContinuityCheck } from '../../../src/mpegts/continuity';
import { hasPayload, pidOf, writeCounter } from '../../../src/mpegts/packet';
import type { ChannelFollower } from '../../../src/relay/channel';
import { createChannelRing, type SegmentDraft } from '../../../src/relay/channel-ring';
import type { SourceFailure } from '../../../src/relay/provider';
import { transportStream } from '../../../src/relay/segment-kind';
import { createTsOfChannel } from '../../../src/relay/ts-of-channel';
import { type ClipFolder, createClipFolder } from '../../support/ts-clips';

let clips: ClipFolder;
beforeAll(() => {
  clips = createClipFolder();
});
afterAll(() => clips.remove());

/** A clip as segments of two seconds, each of which counts from 0 as many packagers have it. */
function segmentsOf(clip: Buffer): readonly SegmentDraft[] {
  const cutter = createCutter();
  const cut = [...cutter.write(clip)];
  const last = cutter.end();
  return [...cut, ...(last === undefined ? [] : [last])].map(({ parts, seconds }) => {
    const bytes = Buffer.concat(parts);
    const counters = new Map<number, number>();
    for (let at = 0; at < bytes.length; at += packetLength) {
      const pid = pidOf(bytes, at);
      const next = counters.get(pid) ?? 0;
      writeCounter(bytes, at, hasPayload(bytes, at) ? next : next + 15);
      if (hasPayload(bytes, at)) counters.set(pid, next + 1);
    }
    return { bytes: [bytes], kind: transportStream, durationSeconds: seconds, isDiscontinuity: false };
  });
}

/** A channel whose segments the test adds, at times that the test sets. */
function lab({ initialSegments = 3 } = {}) {
  const clock = { nowMs: 100_000 };
  const ring = createChannelRing({ firstNumber: 40, limits: () => ({ segments: 6, bytes: 1e9 }) });
  const out: Buffer[] = [];
  const told: string[] = [];
  const channel = { isEnded: false, failures: undefined as readonly SourceFailure[] | undefined, takesMore: true };
  const follower: { on: Omit<ChannelFollower, 'player'> | undefined } = { on: undefined };
  const feed = createTsOfChannel({
    follow(on) {
      follower.on = on;
      return {
        shape: { attributes: new Map(), renditions: [], main: { name: 'main', ring } },
        source: 1,
        failover: (to) => {
          told.push(`failover ${to}`);
          return 0;
        },
        leave: () => told.push('leave'),
        get isEnded() {
          return channel.isEnded;
        },
        get failures() {
          return channel.failures;
        },
      };
    },
    failedOver: () => told.push('failed over'),
    initialSegments: () => initialSegments,
    nullPacketsAfterMs: 1000,
    sink: {
      begin: (type) => told.push(type),
      write(bytes) {
        out.push(...bytes);
        return channel.takesMore;
      },
      fill: () => told.push('fill'),
      end: () => told.push('end'),
      fail: (failures) => told.push(...failures.map(({ status }) => `fail ${status}`)),
    },
    nowMs: () => clock.nowMs,
  });
  const changed = (): void => follower.on?.changed();
  return {
    feed,
    clock,
    told,
    channel,
    changed,
    add: (...drafts: readonly SegmentDraft[]): void => {
      for (const draft of drafts) ring.push(draft);
      changed();
    },
    wait: (seconds: number): void => {
      for (let tick = 0; tick < seconds * 10; tick++) {
        clock.nowMs += 100;
        feed.tick();
      }
    },
    bytes: () => Buffer.concat(out),
  };
}

function faultOf(bytes: Buffer): string | undefined {
  const check = createContinuityCheck();
  check.write(bytes);
  return check.lastError;
}

function steps(times: readonly number[]): ReadonlySet<number> {
  return new Set(times.slice(1).map((time, index) => time - (times[index] ?? 0)));
}

test('segments are one transport stream, spread over the time that they play', () => {
  const clip = clips.clip({
    seconds: 11,
    size: '640x360',
    video: '-c:v libx264 -preset ultrafast -g 25 -b:v 6M -nal-hrd cbr -minrate 6M -maxrate 6M -bufsize 2M'.split(' '),
  });
  const segments = segmentsOf(clip);
  expect(segments).toHaveLength(6);
  const { add, wait, bytes, told, channel, changed } = lab();
  add(...segments.slice(0, 3));
  expect(told).toEqual(['video/mp2t']);
  // Some of it at once, the rest in its time.
  const first = bytes().length;
  expect(first).toBeGreaterThan(900_000);
  expect(first).toBeLessThan(1_100_000);
  wait(1);
  expect(bytes().length - first).toBeGreaterThan(500_000);
  expect(bytes().length - first).toBeLessThan(1_200_000);
  add(...segments.slice(3));
  wait(9);
  channel.isEnded = true;
  changed();
  wait(2);
  expect(told).toEqual(['video/mp2t', 'end']);
  expect(faultOf(bytes())).toBeUndefined();
  expect(clips.complaints(bytes())).toBe('');
  // The last picture is whole when the next one begins.
  expect(clips.shownTimes(bytes()).length).toBeGreaterThanOrEqual(11 * 25 - 1);
  expect(steps(clips.decodingTimes(bytes(), 'v'))).toEqual(new Set([3600]));
});

test('a segment that continues nothing is spliced in, and so is one whose times leap without a word', () => {
  const one = segmentsOf(clips.clip({ seconds: 4 }));
  const two = segmentsOf(clips.clip({ seconds: 4, startSeconds: 500 }));
  const three = segmentsOf(clips.clip({ seconds: 4, startSeconds: 20 }));
  const { add, wait, bytes } = lab({ initialSegments: 6 });
  add(...one, { ...(two[0] as SegmentDraft), isDiscontinuity: true }, two[1] as SegmentDraft, ...three);
  wait(13);
  expect(faultOf(bytes())).toBeUndefined();
  expect(clips.complaints(bytes())).toBe('');
  expect(steps(clips.decodingTimes(bytes(), 'v'))).toEqual(new Set([3600]));
  expect(clips.shownTimes(bytes()).length).toBeGreaterThanOrEqual(12 * 25 - 1);
});

test('null packets bridge the wait for a segment, but not the wait for the first one', () => {
  const segments = segmentsOf(clips.clip({ seconds: 6 }));
  const { add, wait, told, bytes } = lab();
  wait(5);
  expect(told).toEqual([]);
  add(segments[0] as SegmentDraft);
  wait(5);
  expect(told.filter((one) => one === 'fill').length).toBeGreaterThan(4);
  const before = bytes().length;
  add(segments[1] as SegmentDraft);
  wait(2);
  expect(bytes().length).toBeGreaterThan(before);
  expect(faultOf(bytes())).toBeUndefined();
});

test('segments that nobody had, and those that went before they were read, are left out without a fault in what follows', () => {
  const segments = segmentsOf(clips.clip({ seconds: 20 }));
  const { add, wait, bytes, channel, feed } = lab();
  add(...segments.slice(0, 2));
  add({ ...(segments[2] as SegmentDraft), bytes: undefined });
  add(segments[3] as SegmentDraft);
  wait(9);
  channel.takesMore = false;
  wait(1);
  // More than the ring holds.
  const [joint, ...others] = segmentsOf(clips.clip({ seconds: 6, startSeconds: 300 }));
  add(...segments.slice(4, 10), { ...(joint as SegmentDraft), isDiscontinuity: true }, ...others);
  channel.takesMore = true;
  feed.resume();
  wait(15);
  expect(faultOf(bytes())).toBeUndefined();
  expect(clips.complaints(bytes())).toBe('');
  expect(steps(clips.decodingTimes(bytes(), 'v'))).toEqual(new Set([3600]));
});

test('nothing is sent while nobody can take it', () => {
  const segments = segmentsOf(clips.clip({ seconds: 6 }));
  const { add, wait, bytes, channel, feed } = lab();
  channel.takesMore = false;
  add(...segments);
  const before = bytes().length;
  wait(3);
  expect(bytes().length).toBe(before);
  channel.takesMore = true;
  feed.resume();
  wait(1);
  expect(bytes().length).toBeGreaterThan(before);
});

test('what is no transport stream is refused, a failure is told, and who leaves is told nothing', () => {
  const [segment] = segmentsOf(clips.clip({ seconds: 2 }));
  const fragments = lab();
  fragments.add({ ...(segment as SegmentDraft), kind: { extension: 'm4s', contentType: 'video/mp4' } });
  fragments.wait(3);
  expect(fragments.told).toEqual(['fail 406']);
  const failed = lab();
  failed.channel.failures = [{ trigger: 'status', status: 404, retryAfterMs: undefined, reason: 'no' }];
  failed.channel.isEnded = true;
  failed.changed();
  expect(failed.told).toEqual(['fail 404']);
  const left = lab();
  expect(left.feed.failover('http://b/')).toBe(0);
  expect(left.feed.source).toBe(1);
  left.feed.stop();
  left.add(segment as SegmentDraft);
  expect(left.told).toEqual(['failover http://b/', 'leave']);
});
