import fc from 'fast-check';
import { createEntry } from '../../../src/mpegts/entry';
import { counterOf, hasPayload, packetLength, pidOf, readClock, startsUnit } from '../../../src/mpegts/packet';
import { createPacketReader } from '../../../src/mpegts/packet-reader';
import { readMap } from '../../../src/mpegts/program';
import { packSection } from '../../../src/mpegts/section';
import { createSplicer } from '../../../src/mpegts/splicer';
import { type ClipFolder, type ClipOptions, createClipFolder } from '../../support/ts-clips';

let clips: ClipFolder;
beforeAll(() => {
  clips = createClipFolder();
});
afterAll(() => clips.remove());

/** The first clip up to a packet, then the second from its first access point after a packet on. */
function splice(first: Buffer, second: Buffer, { cutAt = 0.5, joinAfter = 0.3, isInOrder = false } = {}) {
  const splicer = createSplicer();
  const whole = (part: number, bytes: Buffer) => Math.floor((part * bytes.length) / packetLength) * packetLength;
  const out: Buffer[] = [];
  // In runs of seven packets, as they come in UDP and from sockets that are read quickly.
  const run = 7 * packetLength;
  const cut = whole(cutAt, first);
  for (let at = 0; at < cut; at += run)
    out.push(...splicer.write(Buffer.from(first.subarray(at, Math.min(at + run, cut)))));
  const beforeJoin = Buffer.concat(out).length;
  const entry = createEntry();
  // What a receiver of the second source sees first is its middle.
  entry.write(Buffer.from(second.subarray(0, 3 * packetLength)));
  let at = whole(joinAfter, second);
  for (; entry.point === undefined && at < second.length; at += run)
    entry.write(Buffer.from(second.subarray(at, at + run)));
  const { point } = entry;
  if (point === undefined) throw new Error('the second clip has no access point');
  out.push(...splicer.join(point, isInOrder));
  for (; at < second.length; at += run) out.push(...splicer.write(Buffer.from(second.subarray(at, at + run))));
  out.push(...splicer.write(Buffer.alloc(0)));
  return { bytes: Buffer.concat(out), beforeJoin, splicer };
}

function steps(times: readonly number[]): number[] {
  return times.slice(1).map((time, index) => time - (times[index] ?? 0));
}

const bFrames = [
  '-c:v',
  'libx264',
  '-preset',
  'ultrafast',
  '-bf',
  '2',
  '-b_strategy',
  '0',
  '-g',
  '25',
  '-keyint_min',
  '25',
  '-sc_threshold',
  '0',
];
const hevc = [
  '-c:v',
  'libx265',
  '-preset',
  'ultrafast',
  '-x265-params',
  'open-gop=1:bframes=2:keyint=25:min-keyint=25:scenecut=0:log-level=none',
];
const mpeg2 = ['-c:v', 'mpeg2video', '-g', '25', '-bf', '2', '-b:v', '1M'];
const otherPids = ['-mpegts_start_pid', '0x200', '-mpegts_pmt_start_pid', '0x1100', '-mpegts_service_id', '7'];

describe('two sources of the same make go out as one stream that no decoder complains of', () => {
  it.each<[name: string, first: ClipOptions, second: ClipOptions, mostFrames?: number]>([
    ['the same PIDs', {}, { startSeconds: 1000 }],
    ['an earlier time', { startSeconds: 5000 }, {}],
    ['other PIDs', {}, { mux: otherPids, startSeconds: 40 }],
    ['another size', {}, { size: '640x360', startSeconds: 77 }],
    ['B-frames', { video: bFrames }, { video: bFrames, startSeconds: 1000 }],
    ['B-frames, other PIDs', { video: bFrames }, { video: bFrames, mux: otherPids, startSeconds: 3 }],
    ['open GOPs of H.265', { video: hevc }, { video: hevc, startSeconds: 1000 }, 3],
    ['open GOPs of MPEG-2', { video: mpeg2 }, { video: mpeg2, startSeconds: 100 }],
    ['times that begin again at the joint', { startSeconds: 95_440.4 }, { startSeconds: 10 }],
    ['times that begin again before the joint', { startSeconds: 95_441.5 }, { startSeconds: 10 }],
    ['times that begin again in the second', {}, { startSeconds: 95_441.5 }],
  ])('%s', (_name, firstOptions, secondOptions, mostFrames = 2) => {
    const first = clips.clip(firstOptions);
    const second = clips.clip(secondOptions);
    for (const cutAt of [0.31, 0.5, 0.523, 0.617]) {
      const { bytes, beforeJoin, splicer } = splice(first, second, { cutAt });
      expect(bytes.subarray(0, beforeJoin).equals(first.subarray(0, beforeJoin))).toBe(true);
      expect(splicer.joint?.isSame).toBe(true);
      expect(bytes.length % packetLength).toBe(0);
      expect(clips.complaints(bytes)).toBe('');
      expect([...new Set(steps(clips.decodingTimes(bytes, 'v')))]).toEqual([3600]);
      const shown = clips.shownTimes(bytes);
      expect(steps(shown).every((step) => step > 0)).toBe(true);
      expect(Math.max(...steps(shown))).toBeLessThanOrEqual(mostFrames * 3600);
      const audio = steps(clips.decodingTimes(bytes, 'a'));
      expect(audio.every((step) => step > 0)).toBe(true);
    }
  });

  it('another frame rate', () => {
    const first = clips.clip({});
    const { bytes, splicer } = splice(first, clips.clip({ rate: 50, size: '640x360', startSeconds: 9 }));
    expect(splicer.joint?.isSame).toBe(true);
    expect(clips.complaints(bytes)).toBe('');
    expect([...new Set(steps(clips.decodingTimes(bytes, 'v')))]).toEqual([3600, 1800]);
  });

  it('audio only', () => {
    const { bytes } = splice(
      clips.clip({ video: null, seconds: 8 }),
      clips.clip({ video: null, seconds: 8, startSeconds: 500 }),
    );
    expect(clips.complaints(bytes)).toBe('');
    expect([...new Set(steps(clips.decodingTimes(bytes, 'a')))]).toEqual([1920]);
  });

  it('without the splice a decoder does complain', () => {
    const first = clips.clip({});
    const second = clips.clip({ startSeconds: 1000 });
    const half = Math.floor(first.length / 2 / packetLength) * packetLength;
    expect(clips.complaints(Buffer.concat([first.subarray(0, half), second.subarray(half)]))).not.toBe('');
  });
});

/** Every packet: where it is, and its PID. */
function* each(bytes: Buffer): Generator<{ at: number; pid: number }> {
  for (let at = 0; at < bytes.length; at += packetLength) yield { at, pid: pidOf(bytes, at) };
}

/** How often a counter is not the next one, by PID. */
function counterFaults(bytes: Buffer): number {
  const last = new Map<number, number>();
  let faults = 0;
  for (const { at, pid } of each(bytes)) {
    const before = last.get(pid);
    const counter = counterOf(bytes, at);
    if (before !== undefined && counter !== ((before + (hasPayload(bytes, at) ? 1 : 0)) & 15)) faults++;
    last.set(pid, counter);
  }
  return faults;
}

describe('what goes out', () => {
  it('has counters without a fault, clocks that never go back, and one PAT and PMT at the joint', () => {
    const first = clips.clip({});
    const { bytes, beforeJoin } = splice(first, clips.clip({ mux: otherPids, startSeconds: 700 }));
    expect(counterFaults(first)).toBe(0);
    expect(counterFaults(bytes)).toBe(0);
    const clocks = [...each(bytes)].map(({ at }) => readClock(bytes, at)).filter((clock) => clock !== undefined);
    expect(clocks.every((clock, index) => index === 0 || clock > (clocks[index - 1] ?? 0))).toBe(true);
    expect([0, 1].map((index) => pidOf(bytes, beforeJoin + index * packetLength))).toEqual([0, 0x1000]);
    expect(new Set([...each(bytes)].map(({ pid }) => pid))).toEqual(new Set([0, 0x11, 0x100, 0x101, 0x1000]));
  });

  it('is the first source byte for byte, held back by no more than a picture', () => {
    const first = clips.clip({});
    const splicer = createSplicer();
    let longest = 0;
    const out: Buffer[] = [];
    for (let at = 0; at < first.length; at += packetLength) {
      out.push(...splicer.write(first.subarray(at, at + packetLength)));
      longest = Math.max(longest, splicer.output.heldBytes);
    }
    const bytes = Buffer.concat(out);
    expect(bytes.equals(first.subarray(0, bytes.length))).toBe(true);
    expect(first.length - bytes.length).toBe(splicer.output.heldBytes);
    expect(longest).toBeLessThan(48 * 1024);
    expect(longest).toBeGreaterThan(packetLength);
  });

  it('never holds more than it may', () => {
    const first = clips.clip({ size: '1280x720' });
    const splicer = createSplicer({ maxHeldBytes: 10 * packetLength });
    let total = 0;
    for (let at = 0; at < first.length; at += packetLength) {
      for (const run of splicer.write(first.subarray(at, at + packetLength))) total += run.length;
      expect(splicer.output.heldBytes).toBeLessThanOrEqual(10 * packetLength);
    }
    expect(total + splicer.output.heldBytes).toBe(first.length);
  });

  it('says with a new version of its map that the codecs differ, and where streams do not continue', () => {
    const { bytes, beforeJoin, splicer } = splice(clips.clip({ video: mpeg2 }), clips.clip({ startSeconds: 30 }));
    expect(splicer.joint?.isSame).toBe(false);
    const at = beforeJoin + packetLength;
    const section = bytes.subarray(at + 5, at + 5 + 3 + (bytes.readUInt16BE(at + 6) & 0xfff));
    expect(readMap(section)).toMatchObject({
      version: 1,
      streams: [
        { type: 0x1b, pid: 0x100 },
        { type: 0x0f, pid: 0x101 },
      ],
    });
    for (const [index, pid] of [0x100, 0x101].entries()) {
      const packet = at + (index + 1) * packetLength;
      expect(pidOf(bytes, packet)).toBe(pid);
      expect(hasPayload(bytes, packet)).toBe(false);
      expect((bytes[packet + 5] ?? 0) & 0x80).toBe(0x80);
    }
    expect(counterFaults(bytes)).toBe(0);
  });

  it('passes tables that it does not know, with counters that go on', () => {
    const events = (counter: number) => packSection(Buffer.from('4ef0090001c100000001f000', 'hex'), 0x12, counter);
    const withEvents = (clip: Buffer, first: number) => {
      const parts: Buffer[] = [];
      let counter = first;
      for (let at = 0; at < clip.length; at += 50 * packetLength)
        parts.push(clip.subarray(at, at + 50 * packetLength), events(counter++));
      return Buffer.concat(parts);
    };
    const { bytes, beforeJoin } = splice(
      withEvents(clips.clip({}), 3),
      withEvents(clips.clip({ startSeconds: 9 }), 11),
    );
    expect(counterFaults(bytes)).toBe(0);
    expect([...each(bytes.subarray(beforeJoin))].some(({ pid }) => pid === 0x12)).toBe(true);
    expect([...new Set(steps(clips.decodingTimes(bytes, 'v')))]).toEqual([3600]);
  });

  it('adds streams that were not there before under PIDs of their own', () => {
    const first = clips.clip({ audio: null });
    const { bytes, splicer } = splice(
      first,
      clips.clip({ startSeconds: 9, mux: ['-streamid', '0:257', '-streamid', '1:256'] }),
    );
    expect(splicer.joint?.isSame).toBe(false);
    expect(splicer.output.program?.map.streams.map(({ pid, kind }) => [pid, kind])).toEqual([
      [0x100, 'video'],
      [0x101, 'audio'],
    ]);
    expect(counterFaults(bytes)).toBe(0);
  });

  it('is joined behind a source that used every PID there is: what finds no PID does not go out', () => {
    // A packet of each PID but those of the clip.
    const everyPid = Array.from({ length: 0x1fff }, (_, pid) => pid)
      .filter((pid) => pid > 0x1f && pid !== 0x100 && pid !== 0x1000)
      .map((pid) => Buffer.concat([Buffer.from([0x47, pid >> 8, pid & 0xff, 0x10]), Buffer.alloc(184, 0xff)]));
    const { bytes, beforeJoin, splicer } = splice(
      Buffer.concat([...everyPid, clips.clip({ audio: null })]),
      clips.clip({ startSeconds: 9, mux: otherPids }),
      { cutAt: 0.95 },
    );
    expect(splicer.output.program?.map.streams.map(({ pid }) => pid)).toEqual([0x100]);
    const pids = new Set([...each(bytes.subarray(beforeJoin))].map(({ pid }) => pid));
    expect([...pids].filter((pid) => pid > 0x1f)).toEqual([0x1000, 0x100]);
  });

  it('is joined behind a source that ended in order without losing its last picture', () => {
    const first = clips.clip({});
    const { bytes, beforeJoin } = splice(first, clips.clip({ startSeconds: 8 }), {
      cutAt: 1,
      joinAfter: 0,
      isInOrder: true,
    });
    expect(beforeJoin).toBeLessThan(first.length);
    expect(bytes.subarray(0, first.length).equals(first)).toBe(true);
    expect(clips.complaints(bytes)).toBe('');
    expect([...new Set(steps(clips.decodingTimes(bytes, 'v')))]).toEqual([3600]);
  });

  it('is joined again and again', () => {
    const sources = [{}, { startSeconds: 100, mux: otherPids }, { startSeconds: 5 }].map((options) =>
      clips.clip(options),
    );
    const splicer = createSplicer();
    const out: Buffer[] = [];
    let current = createPacketReader();
    for (let turn = 0; turn < 9; turn++) {
      // Packets are changed in place.
      const bytes = Buffer.from(sources[turn % 3] ?? []);
      const entry = createEntry();
      const packets = current.read(bytes.subarray(0, bytes.length * (0.5 + turn / 20)));
      if (turn === 0) for (const run of packets) out.push(...splicer.write(run));
      else {
        for (const run of packets) entry.write(run);
        if (entry.point === undefined) throw new Error('no access point');
        out.push(...splicer.join(entry.point));
      }
      current = createPacketReader();
    }
    const all = Buffer.concat(out);
    expect(splicer.joins).toBe(8);
    expect(counterFaults(all)).toBe(0);
    expect(clips.complaints(all)).toBe('');
    expect([...new Set(steps(clips.decodingTimes(all, 'v')))]).toEqual([3600]);
  });

  it('joins scrambled streams by what is in the clear', () => {
    const scrambled = (clip: Buffer) => {
      for (const { at, pid } of each(clip)) {
        if (pid !== 0x100 && pid !== 0x101) continue;
        clip[at + 3] = (clip[at + 3] ?? 0) | 0x80;
        // What is scrambled is noise.
        const from = at + ((clip[at + 3] ?? 0) & 0x20 ? 5 + (clip[at + 4] ?? 0) : 4);
        for (let index = from; index < at + packetLength; index++) clip[index] = (clip[index] ?? 0) ^ 0x5a;
      }
      return clip;
    };
    const { bytes, beforeJoin } = splice(
      scrambled(clips.clip({})),
      scrambled(clips.clip({ startSeconds: 50, mux: otherPids.slice(2) })),
    );
    expect(counterFaults(bytes)).toBe(0);
    const joined = [...each(bytes.subarray(beforeJoin))].find(({ pid }) => pid === 0x100);
    expect(joined && startsUnit(bytes, beforeJoin + joined.at)).toBe(true);
    expect(bytes.length % packetLength).toBe(0);
  });

  it('takes a source that never has an access point at the beginning of a unit', () => {
    const entry = createEntry();
    const second = clips.clip({ video: [...'-c:v libx264 -preset ultrafast -tune zerolatency -g 500'.split(' ')] });
    entry.write(second.subarray(0, 3 * packetLength));
    entry.write(second.subarray(Math.floor(second.length / 3 / packetLength) * packetLength));
    expect(entry.point).toBeUndefined();
    expect(entry.anyPoint?.isClean).toBe(false);
    const splicer = createSplicer();
    const first = clips.clip({});
    const out = [...splicer.write(Buffer.from(first.subarray(0, 300 * packetLength)))];
    if (entry.anyPoint !== undefined) out.push(...splicer.join(entry.anyPoint));
    expect(counterFaults(Buffer.concat(out))).toBe(0);
  });
});

describe('an entry', () => {
  it('goes on to the newest access point while it waits, and says when it has more than it may keep', () => {
    const clip = clips.clip({});
    const newest = createEntry({ isNewest: true });
    const oldest = createEntry();
    for (let at = 0; at < clip.length; at += packetLength) {
      newest.write(clip.subarray(at, at + packetLength));
      oldest.write(clip.subarray(at, at + packetLength));
    }
    expect(oldest.point?.dts).toBeLessThan(newest.point?.dts ?? 0);
    expect(newest.keptBytes).toBeLessThan(oldest.keptBytes / 2);
    const small = createEntry({ maxBytes: 20 * packetLength });
    small.write(clip);
    expect(small.isOverfull).toBe(true);
  });

  it('makes nothing of any bytes, and bounds what it keeps of them', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: packetLength, maxLength: packetLength }), { maxLength: 30 }),
        (packets) => {
          const entry = createEntry();
          const splicer = createSplicer();
          for (const packet of packets) {
            packet[0] = 0x47;
            entry.write(Buffer.from(packet));
            splicer.write(Buffer.from(packet));
          }
          if (entry.anyPoint !== undefined) splicer.join(entry.anyPoint);
        },
      ),
    );
  });
});
