import fc from 'fast-check';
import { createContinuityCheck } from '../../../src/mpegts/continuity';
import { type CutterOptions, createCutter, type Segment } from '../../../src/mpegts/cutter';
import { createEntry } from '../../../src/mpegts/entry';
import { counterOf, hasPayload, packetLength, payloadStart, pidOf, startsUnit } from '../../../src/mpegts/packet';
import { shiftTimes } from '../../../src/mpegts/pes';
import { createSplicer } from '../../../src/mpegts/splicer';
import { type ClipFolder, type ClipOptions, createClipFolder } from '../../support/ts-clips';

let clips: ClipFolder;
beforeAll(() => {
  clips = createClipFolder();
});
afterAll(() => clips.remove());

const bytesOf = ({ parts }: Segment): Buffer => Buffer.concat(parts);
const run = 7 * packetLength;

/** All segments of a stream that comes in runs of so many bytes. */
function cut(stream: Buffer, { runBytes = run, ...options }: CutterOptions & { readonly runBytes?: number } = {}) {
  const cutter = createCutter(options);
  const segments: Segment[] = [];
  for (let at = 0; at < stream.length; at += runBytes)
    segments.push(...cutter.write(stream.subarray(at, at + runBytes)));
  const last = cutter.end();
  return last === undefined ? segments : [...segments, last];
}

/** The first clip up to its middle, then the second from its first access point on. */
function splice(first: Buffer, second: Buffer): Buffer {
  const splicer = createSplicer();
  const out: Buffer[] = [];
  const middle = Math.floor(first.length / 2 / run) * run;
  for (let at = 0; at < middle; at += run) out.push(...splicer.write(first.subarray(at, at + run)));
  const entry = createEntry();
  let at = 0;
  for (; entry.point === undefined; at += run) entry.write(second.subarray(at, at + run));
  out.push(...splicer.join(entry.point));
  for (; at < second.length; at += run) out.push(...splicer.write(second.subarray(at, at + run)));
  return Buffer.concat(out);
}

function whole(segments: readonly Segment[]): Buffer {
  return Buffer.concat(segments.map(bytesOf));
}

/** PID and first byte of what a segment begins with. */
function firstPids(segment: Segment, count = 3): readonly number[] {
  const bytes = bytesOf(segment);
  return Array.from({ length: count }, (_, index) => pidOf(bytes, index * packetLength));
}

function steps(times: readonly number[]): number[] {
  return times.slice(1).map((time, index) => time - (times[index] ?? 0));
}

const usual = '-c:v libx264 -preset ultrafast -tune zerolatency -g 25 -keyint_min 25'.split(' ');
const bFrames = '-c:v libx264 -preset ultrafast -bf 2 -b_strategy 0 -g 25 -keyint_min 25 -sc_threshold 0'.split(' ');
const hevcParams = 'open-gop=1:bframes=2:keyint=25:min-keyint=25:scenecut=0:log-level=none';
const hevc = ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', hevcParams];
const mpeg2 = '-c:v mpeg2video -g 25 -bf 2 -b:v 1M'.split(' ');
const twoSounds = '-map 0:v -map 1:a -map 1:a -c:a:0 aac -c:a:1 ac3 -metadata:s:a:1 language=deu'.split(' ');

describe('the segments of a stream, one after the other, are the stream', () => {
  it.each<[name: string, clip: ClipOptions, lengths: readonly number[]]>([
    ['a keyframe a second', {}, [2, 2, 2, 1]],
    ['B-frames', { video: bFrames }, [2, 2, 2, 1]],
    ['open GOPs of H.265', { video: hevc }, [2, 2, 2, 1]],
    ['open GOPs of MPEG-2', { video: mpeg2 }, [2.04, 1.92, 1.92, 1.12]],
    ['keyframes that do not fit the target', { video: [...usual, '-g', '35'] }, [2.8, 2.8, 1.4]],
    ['times that begin again in it', { startSeconds: 95_440.4 }, [2, 2, 2, 1]],
    ['several sounds', { audio: twoSounds }, [2, 2, 2, 1]],
    ['no sound', { audio: null }, [2, 2, 2, 1]],
  ])('%s', (_name, options, lengths) => {
    const stream = clips.clip({ seconds: 7, ...options });
    const segments = cut(stream);
    expect(segments.map(({ seconds }) => Number(seconds.toFixed(3)))).toEqual(lengths);
    expect(segments.some(({ isDiscontinuous }) => isDiscontinuous)).toBe(false);
    for (const segment of segments) {
      expect(segment.bytes).toBe(bytesOf(segment).length);
      expect(firstPids(segment)).toEqual([0, 0x1000, 0x100]);
      // By itself it is played to its end, beginning with its first picture.
      expect(clips.complaints(bytesOf(segment))).toBe('');
    }
    const joined = whole(segments);
    expect(clips.complaints(joined)).toBe('');
    expect(clips.shownTimes(joined)).toEqual(clips.shownTimes(stream));
    for (const kind of ['v', 'a'] as const)
      expect(clips.decodingTimes(joined, kind)).toEqual(clips.decodingTimes(stream, kind));
    const check = createContinuityCheck();
    check.write(joined);
    expect(check.lastError).toBeUndefined();
  });

  it('sound alone is cut at its frames', () => {
    const stream = clips.clip({ video: null, seconds: 7 });
    const segments = cut(stream);
    expect(segments).toHaveLength(4);
    for (const { seconds } of segments.slice(0, -1)) {
      expect(seconds).toBeGreaterThanOrEqual(1.9);
      expect(seconds).toBeLessThan(2.4);
    }
    const joined = whole(segments);
    expect(clips.complaints(joined)).toBe('');
    expect(clips.decodingTimes(joined, 'a')).toEqual(clips.decodingTimes(stream, 'a'));
  });

  it('in whatever runs it comes', () => {
    const stream = clips.clip({ seconds: 7 });
    const expected = cut(stream, { runBytes: packetLength });
    for (const packets of [2, 50, 1000, stream.length / packetLength]) {
      const segments = cut(stream, { runBytes: packets * packetLength });
      expect(whole(segments).equals(whole(expected))).toBe(true);
      expect(segments.map(({ seconds }) => seconds)).toEqual(expected.map(({ seconds }) => seconds));
    }
  });

  it('without a copy of anything but short pieces, which are gathered', () => {
    const stream = clips.clip({ seconds: 4, size: '1280x720' });
    const isOf = (part: Buffer) => part.buffer === stream.buffer && part.byteOffset >= stream.byteOffset;
    const large = cut(stream, { runBytes: 60 * packetLength }).flatMap(({ parts }) => parts);
    const copied = large.filter((part) => !isOf(part)).reduce((sum, { length }) => sum + length, 0);
    expect(copied).toBeLessThan(stream.length / 5);
    for (const { parts, bytes } of cut(stream, { runBytes: packetLength }))
      expect(parts.length).toBeLessThanOrEqual(bytes / 60_000 + 2);
  });
});

describe('where it begins, and where it goes on', () => {
  it('begins with the first keyframe', () => {
    const stream = clips.clip({ seconds: 5 });
    const middle = Math.floor(stream.length / 10 / packetLength) * packetLength;
    // The tables have come; the picture in whose middle it is tuned in is of no use.
    const segments = cut(Buffer.concat([stream.subarray(0, 3 * packetLength), stream.subarray(middle)]));
    expect(segments.map(({ seconds }) => Number(seconds.toFixed(3)))).toEqual([2, 2]);
    expect(segments[0]?.isDiscontinuous).toBe(false);
    expect(clips.shownTimes(whole(segments))).toEqual(clips.shownTimes(stream).slice(25));
  });

  it('is cut anyway where no keyframe comes for too long, and no picture is lost', () => {
    const stream = clips.clip({ seconds: 7, video: [...usual, '-g', '500'] });
    const segments = cut(stream, { longestSeconds: () => 3 });
    expect(segments).toHaveLength(3);
    for (const { seconds } of segments) expect(seconds).toBeLessThan(3.1);
    const joined = whole(segments);
    expect(clips.complaints(joined)).toBe('');
    expect(clips.shownTimes(joined)).toEqual(clips.shownTimes(stream));
  });

  it('is cut by its sound where its pictures stay away', () => {
    const stream = clips.clip({ seconds: 7 });
    const packets = Array.from({ length: stream.length / packetLength }, (_, index) => index * packetLength);
    const sound = packets.filter((at) => pidOf(stream, at) !== 0x100);
    const silent = Buffer.concat(sound.map((at) => stream.subarray(at, at + packetLength)));
    const segments = cut(silent, { longestSeconds: () => 2.5 });
    expect(segments.map(({ seconds }) => Math.round(seconds))).toEqual([3, expect.any(Number)]);
    expect(firstPids(segments[0] as Segment)).toEqual([0, 0x1000, 0x101]);
  });

  it('goes on without a break where a source of the same make follows another', () => {
    const stream = splice(clips.clip({ seconds: 7 }), clips.clip({ seconds: 7, startSeconds: 1000 }));
    const segments = cut(stream);
    expect(segments.some(({ isDiscontinuous }) => isDiscontinuous)).toBe(false);
    const joined = whole(segments);
    expect(clips.complaints(joined)).toBe('');
    expect(new Set(steps(clips.decodingTimes(joined, 'v')))).toEqual(new Set([3600]));
    const check = createContinuityCheck();
    check.write(joined);
    expect(check.lastError).toBeUndefined();
  });

  it('takes a keyframe that comes just before the target', () => {
    const stream = clips.clip({ seconds: 7, rate: 30, video: [...usual, '-g', '58', '-keyint_min', '58'] });
    expect(cut(stream).map(({ seconds }) => Number(seconds.toFixed(3)))).toEqual([1.933, 1.933, 1.933, 1.2]);
  });

  it('begins a segment that says so where a source of another codec follows', () => {
    const [first, second] = [clips.clip({ seconds: 7, video: mpeg2 }), clips.clip({ seconds: 5, startSeconds: 40 })];
    const stream = splice(first, second);
    const segments = cut(stream);
    expect(segments.map(({ isDiscontinuous }) => isDiscontinuous)).toEqual([false, false, true, false, false]);
    const before = clips.shownTimes(whole(segments.slice(0, 2)));
    const after = clips.shownTimes(whole(segments.slice(2)));
    expect(before.length).toBeGreaterThan(80);
    expect(new Set([...steps(before), ...steps(after)])).toEqual(new Set([3600]));
    // Every frame of the second but those that the splicer still holds.
    expect(after.length).toBeGreaterThanOrEqual(5 * 25 - 1);
    expect(firstPids(segments[2] as Segment)).toEqual([0, 0x1000, 0x100]);
    expect(clips.complaints(whole(segments.slice(2)))).toBe('');
    const check = createContinuityCheck();
    check.write(whole(segments));
    expect(check.lastError).toBeUndefined();
  });

  it.each<[name: string, video: readonly string[]]>([
    ['H.264', usual],
    ['H.265', hevc],
    ['MPEG-2', mpeg2],
  ])('begins a segment that says so where pictures of another size follow: %s', (_name, video) => {
    const [first, second] = [
      clips.clip({ seconds: 5, video }),
      clips.clip({ seconds: 5, video, size: '640x360', startSeconds: 40 }),
    ];
    const segments = cut(splice(first, second));
    const at = segments.findIndex(({ isDiscontinuous }) => isDiscontinuous);
    expect(at).toBeGreaterThan(0);
    expect(segments.filter(({ isDiscontinuous }) => isDiscontinuous)).toHaveLength(1);
    const shown = clips.shownTimes(whole(segments));
    expect(Math.max(...steps(shown))).toBeLessThanOrEqual(3 * 3600);
    expect(clips.sizes(whole(segments.slice(0, at)))).toEqual(['320x180']);
    expect(clips.sizes(whole(segments.slice(at)))).toEqual(['640x360']);
  });

  it.each([
    ['back', 500, 20],
    ['far ahead', 20, 500],
  ])('begins a segment that says so where the times leap %s', (_name, startSeconds, then) => {
    const [first, second] = [clips.clip({ seconds: 3, startSeconds }), clips.clip({ seconds: 3, startSeconds: then })];
    const segments = cut(Buffer.concat([first, second]));
    expect(segments.map(({ isDiscontinuous }) => isDiscontinuous)).toEqual([false, false, true, false]);
    expect(segments.map(({ seconds }) => Number(seconds.toFixed(3)))).toEqual([2, 1, 2, 1]);
    expect(clips.shownTimes(whole(segments.slice(0, 2)))).toEqual(clips.shownTimes(first));
    expect(clips.shownTimes(whole(segments.slice(2)))).toEqual(clips.shownTimes(second));
  });
});

describe('what a provider does', () => {
  it('a segment is never longer than it may be, wherever it must be cut', () => {
    const stream = clips.clip({ seconds: 4, size: '1280x720' });
    const segments = cut(stream, { maxBytes: 20 * packetLength });
    for (const { bytes } of segments) expect(bytes).toBeLessThanOrEqual((20 + 7 + 4) * packetLength);
    expect(clips.shownTimes(whole(segments))).toEqual(clips.shownTimes(stream));
  });

  it('a stream without times makes no segment', () => {
    const stream = clips.clip({ seconds: 3 });
    for (let at = 0; at < stream.length; at += packetLength) {
      if (startsUnit(stream, at) && pidOf(stream, at) >= 0x100 && pidOf(stream, at) < 0x1000)
        stream[payloadStart(stream, at) + 7] = 0;
    }
    expect(cut(stream)).toEqual([]);
  });

  it('a time that stumbles by less than half a second is no leap', () => {
    const stream = clips.clip({ seconds: 3, audio: null });
    let count = 0;
    for (let at = 0; at < stream.length; at += packetLength) {
      if (pidOf(stream, at) !== 0x100 || !startsUnit(stream, at) || !hasPayload(stream, at)) continue;
      if (++count === 30) shiftTimes(stream, payloadStart(stream, at), -20_000);
    }
    expect(cut(stream).map(({ isDiscontinuous }) => isDiscontinuous)).toEqual([false, false]);
  });

  it('makes segments of whole packets of any bytes, each with its tables first', () => {
    const clip = clips.clip({ seconds: 3 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(clip.length - 1), fc.nat(255)), { maxLength: 400 }),
        fc.integer({ min: 1, max: 300 }),
        (faults, packets) => {
          const stream = Buffer.from(clip);
          for (const [at, value] of faults) if (at % packetLength !== 0) stream[at] = value;
          const counters = new Map<number, number>();
          for (const segment of cut(stream, { runBytes: packets * packetLength })) {
            const bytes = bytesOf(segment);
            expect(bytes.length % packetLength).toBe(0);
            expect(pidOf(bytes, 0)).toBe(0);
            expect(segment.seconds).toBeGreaterThanOrEqual(0);
            for (let at = 0; at < bytes.length; at += packetLength) {
              if (pidOf(bytes, at) !== 0) continue;
              const before = counters.get(0);
              if (before !== undefined) expect(counterOf(bytes, at)).toBe((before + 1) & 15);
              counters.set(0, counterOf(bytes, at));
            }
          }
        },
      ),
      { numRuns: 30 },
    );
  });
});
