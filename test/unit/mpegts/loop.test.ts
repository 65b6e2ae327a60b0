import { type Clip, createLoop, createSplicer, packetLength, readClip } from '../../../src/mpegts';
import { type ClipFolder, createClipFolder } from '../../support/ts-clips';

let clips: ClipFolder;
beforeAll(() => {
  clips = createClipFolder();
});
afterAll(() => clips.remove());

function read(bytes: Buffer): Clip {
  const { clip, problem } = readClip(bytes);
  if (clip === undefined) throw new Error(problem);
  return clip;
}

/** As a receiver gets it, asked for in steps of a tenth of a second. */
function played(clip: Clip, seconds: number): Buffer {
  const loop = createLoop(clip);
  const splicer = createSplicer();
  const out = [...splicer.join(loop.point)];
  for (let ticks = 0; ticks <= seconds * 90_000; ticks += 9000) out.push(...splicer.write(loop.read(ticks)));
  return Buffer.concat(out);
}

function steps(bytes: Buffer, stream: 'v' | 'a'): number[] {
  const times = clips.decodingTimes(bytes, stream);
  return times.slice(1).map((at, index) => at - (times[index] ?? at));
}

const bFrames = ['-c:v', 'libx264', '-preset', 'veryfast', '-g', '25', '-bf', '2', '-x264-params', 'open-gop=0'];
const makes: [string, Parameters<ClipFolder['clip']>[0], number][] = [
  ['H.264 and AAC', { seconds: 2 }, 3600],
  ['B-frames', { seconds: 2, video: bFrames }, 3600],
  [
    'H.265',
    { seconds: 2, video: ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', 'log-level=0:bframes=0'] },
    3600,
  ],
  ['MPEG-2 and MP2', { seconds: 2, video: ['-c:v', 'mpeg2video', '-bf', '0'], audio: ['-c:a', 'mp2'] }, 3600],
  ['times that wrap within it', { seconds: 2, startSeconds: 95_442.5 }, 3600],
];
test.each(makes)('%s: many rounds are one stream, and no decoder complains', (_name, options, step) => {
  const clip = read(clips.clip(options));
  const bytes = played(clip, 21);
  expect(clips.complaints(bytes)).toBe('');
  const video = steps(bytes, 'v');
  expect(video.length).toBeGreaterThan(20 * 25);
  // Where a round ends with a frame of sound, its last picture stays for as long.
  expect(Math.min(...video)).toBe(step);
  expect(Math.max(...video)).toBeLessThan(2 * step);
  expect(video.filter((one) => one !== step).length).toBeLessThanOrEqual(10);
  expect(Math.min(...steps(bytes, 'a'))).toBeGreaterThan(0);
});

test('its tables come again and again, for whoever begins in the middle', () => {
  const bytes = played(read(clips.clip({ seconds: 2 })), 10);
  const tables = (pid: number) =>
    Array.from({ length: bytes.length / packetLength }, (_, index) =>
      bytes.readUInt16BE(index * packetLength + 1),
    ).filter((head) => (head & 0x1fff) === pid).length;
  expect(tables(0)).toBeGreaterThan(20);
  expect(tables(0x1000)).toBe(tables(0));
});

test('sound alone loops as well', () => {
  const bytes = played(read(clips.clip({ seconds: 2, video: null })), 10);
  expect(clips.complaints(bytes)).toBe('');
  expect(Math.min(...steps(bytes, 'a'))).toBeGreaterThan(0);
});

test('it never runs ahead of the time that it is given, and gives everything once', () => {
  const clip = read(clips.clip({ seconds: 2 }));
  const loop = createLoop(clip);
  expect(loop.read(-1)).toHaveLength(0);
  const first = loop.read(0);
  expect(first.length).toBeGreaterThan(0);
  expect(loop.read(0)).toHaveLength(0);
  const round = loop.read(clip.lengthTicks - 1);
  expect(first.length + round.length).toBe(clip.packets.length);
  expect(loop.read(clip.lengthTicks * 3 - 1)).toHaveLength(2 * clip.packets.length);
});

test('how it is asked for changes nothing, and the clip stays as it was', () => {
  const clip = read(clips.clip({ seconds: 2 }));
  const before = Buffer.from(clip.packets);
  const [whole, pieces] = [createLoop(clip), createLoop(clip)];
  const parts: Buffer[] = [];
  for (let ticks = 0; ticks <= 900_000; ticks += 50) parts.push(pieces.read(ticks));
  const bytes = whole.read(900_000);
  expect(Buffer.concat(parts).equals(bytes)).toBe(true);
  bytes.fill(0);
  expect(clip.packets.equals(before)).toBe(true);
});

test('what is no clip is refused with the reason', () => {
  const good = clips.clip({ seconds: 1 });
  const pidOf = (at: number) => good.readUInt16BE(at + 1) & 0x1fff;
  const without = (isLeftOut: (at: number) => boolean) =>
    Buffer.concat(
      Array.from({ length: good.length / packetLength }, (_, index) => index * packetLength)
        .filter((at) => !isLeftOut(at))
        .map((at) => good.subarray(at, at + packetLength)),
    );
  const isFlagged = (at: number, flag: number) =>
    (good.readUInt8(at + 3) & 0x20) !== 0 && good.readUInt8(at + 4) > 0 && (good.readUInt8(at + 5) & flag) !== 0;
  const problems: [Buffer, string][] = [
    [Buffer.alloc(0), 'is no MPEG transport stream'],
    [Buffer.from('<html>'.repeat(1000)), 'is no MPEG transport stream'],
    [without((at) => pidOf(at) === 0), 'has no PAT and PMT that a player could follow'],
    [without((at) => pidOf(at) === 0x1000), 'has no PAT and PMT that a player could follow'],
    [without((at) => pidOf(at) === 0x100 && isFlagged(at, 0x40)), 'has no keyframe'],
    [without((at) => pidOf(at) === 0x100 && !isFlagged(at, 0x40)), 'is too short, or its times go back'],
  ];
  for (const [bytes, problem] of problems) expect(readClip(bytes)).toEqual({ problem });
  const noClock = Buffer.from(good);
  for (let at = 0; at < noClock.length; at += packetLength)
    if (isFlagged(at, 0x10)) noClock.writeUInt8(noClock.readUInt8(at + 5) & ~0x10, at + 5);
  expect(readClip(noClock)).toEqual({ problem: 'has no program clock (PCR), or one that does not fit its times' });
  // Whatever comes, it is an answer.
  for (let length = 0; length < 3000; length += 7) readClip(good.subarray(0, length));
});
