import fc from 'fast-check';
import { readClock, writeClock } from '../../../src/mpegts/packet';
import {
  readPesHead,
  shiftTimes,
  ticksAfter,
  ticksBetween,
  timeModulus,
  writeDecodingTime,
} from '../../../src/mpegts/pes';
import { hex } from '../spoe/hex';

/*
 * Heads that ffmpeg 5.1 wrote: video with both times (PTS 133200, DTS 126000, no length), audio with one (PTS 126000, 2938 bytes behind the head's first six).
 */
const video = hex('000001e0000080c00a31000910a1110007d861');
const audio = hex('000001c00b7a808005210007d861');

describe('PES head', () => {
  it('reads what ffmpeg wrote', () => {
    expect(readPesHead(video, 0, video.length)).toEqual({ length: 0, pts: 133_200, dts: 126_000, dataOffset: 19 });
    expect(readPesHead(audio, 0, audio.length)).toEqual({ length: 2944, pts: 126_000, dts: 126_000, dataOffset: 14 });
  });

  it.each([0, 3, 8, 9, 13])('is none when it ends after %d bytes', (end) => {
    expect(readPesHead(audio, 0, end)).toBeUndefined();
  });

  it('of padding has no times', () => {
    expect(readPesHead(hex('000001be0010ffffffffff'), 0, 11)).toEqual({
      length: 22,
      pts: undefined,
      dts: undefined,
      dataOffset: 6,
    });
  });

  it('is moved by any time, over the end of the clock too', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 33), max: 2 ** 33 }), (ticks) => {
        const bytes = Buffer.from(video);
        shiftTimes(bytes, 0, ticks);
        const moved = readPesHead(bytes, 0, bytes.length);
        expect(moved?.pts).toBe(ticksAfter(133_200, ticks));
        expect(moved?.dts).toBe(ticksAfter(126_000, ticks));
        // The marker bits stay.
        expect([9, 11, 13, 14, 16, 18].map((at) => (bytes[at] ?? 0) & 1)).toEqual([1, 1, 1, 1, 1, 1]);
        expect([(bytes[9] ?? 0) >> 4, (bytes[14] ?? 0) >> 4]).toEqual([3, 1]);
      }),
    );
  });

  it('is decoded when it is told so; one with a single time stays', () => {
    const bytes = Buffer.from(video);
    writeDecodingTime(bytes, 0, 2 ** 33 - 1);
    expect(readPesHead(bytes, 0, bytes.length)).toMatchObject({ pts: 133_200, dts: 2 ** 33 - 1 });
    const single = Buffer.from(audio);
    writeDecodingTime(single, 0, 5);
    expect(single.equals(audio)).toBe(true);
  });
});

describe('clocks', () => {
  it('knows what lies between two times', () => {
    expect(ticksBetween(timeModulus - 10, 20)).toBe(30);
    expect(ticksBetween(20, timeModulus - 10)).toBe(-30);
    expect(ticksAfter(10, -20)).toBe(timeModulus - 10);
  });

  it('reads the clock that ffmpeg wrote (63,000 * 300), and writes any', () => {
    const packet = Buffer.concat([hex('47410030075000007b0c7e00'), Buffer.alloc(176)]);
    expect(readClock(packet, 0)).toBe(63_000 * 300);
    fc.assert(
      fc.property(fc.nat(2 ** 33 * 300 - 1), (clock) => {
        writeClock(packet, 0, clock);
        expect(readClock(packet, 0)).toBe(clock);
      }),
    );
    writeClock(packet, 0, -300);
    expect(readClock(packet, 0)).toBe((2 ** 33 - 1) * 300);
    expect(readClock(hex('47410010075000007b0c7e00'), 0)).toBeUndefined();
  });
});
