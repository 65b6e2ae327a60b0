import fc from 'fast-check';
import { createFrameReader, type FrameLengthError } from '../../../src/spoe/frame-reader';
import { feedings } from './feedings';
import { haproxyDisconnectNormal, haproxyHello, notify, whereLiveA } from './golden';
import { hex } from './hex';
import { recordedFrames, recordedVersions } from './recorded-frames';

interface Outcome {
  frames: string[];
  error: FrameLengthError | undefined;
}

/** Reads the chunks until an error and checks the bound of what is held on the way. */
function readAll(chunks: Buffer[], maxFrameSizeBytes = 16_380): Outcome {
  const frames: string[] = [];
  const reader = createFrameReader(maxFrameSizeBytes, (bytes, start, end) => {
    frames.push(bytes.toString('hex', start, end));
    return true;
  });
  for (const chunk of chunks) {
    const error = reader.read(chunk);
    expect(reader.heldBytes).toBeLessThanOrEqual(maxFrameSizeBytes + 4);
    if (error !== undefined) return { frames, error };
  }
  return { frames, error: undefined };
}

const bodies = (frames: Buffer[]) => frames.map((frame) => frame.subarray(4).toString('hex'));

describe('frame reader', () => {
  const frames = [haproxyHello, notify('00 01', whereLiveA), notify('01 01', ''), haproxyDisconnectNormal];
  it.each(feedings(Buffer.concat(frames)))('cuts four frames: $name', ({ chunks }) => {
    expect(readAll(chunks)).toEqual({ frames: bodies(frames), error: undefined });
  });

  it.each(recordedVersions)('cuts what HAProxy %s wrote, however it arrives', (version) => {
    const recorded = recordedFrames(version).map(({ bytes }) => bytes);
    for (const { chunks } of feedings(Buffer.concat(recorded))) {
      expect(readAll(chunks).frames).toEqual(bodies(recorded));
    }
  });

  it('does not copy a frame that lies whole in a chunk', () => {
    const chunk = Buffer.concat(frames);
    let seen = 0;
    const reader = createFrameReader(16_380, (bytes) => {
      if (bytes === chunk) seen++;
      return true;
    });
    reader.read(chunk);
    expect(seen).toBe(4);
    expect(reader.heldBytes).toBe(0);
  });

  it('takes a frame of exactly the longest length, and none that is a byte longer', () => {
    const longest = Buffer.concat([hex('00000100'), Buffer.alloc(256, 1)]);
    for (const { chunks } of feedings(longest)) {
      expect(readAll(chunks, 256)).toEqual({ frames: bodies([longest]), error: undefined });
    }
    expect(readAll([hex('00000101')], 256)).toEqual({ frames: [], error: 'too-long' });
  });

  it('refuses a length before it holds a byte of the frame', () => {
    const http = Buffer.from('GET / HTTP/1.1\r\n\r\n');
    for (const { chunks } of feedings(http)) {
      const reader = createFrameReader(16_380, () => true);
      const errors = chunks.map((chunk) => {
        const error = reader.read(chunk);
        return error === undefined ? reader.heldBytes : error;
      });
      const first = errors.find((each) => typeof each === 'string');
      expect(first).toBe('too-long');
      for (const held of errors.slice(0, errors.indexOf('too-long'))) expect(held).toBeLessThan(4);
    }
  });

  it.each(['00000000', '00000006 01000000 0100'])('refuses a frame that is shorter than any: %s', (text) => {
    for (const { chunks } of feedings(hex(text))) expect(readAll(chunks).error).toBe('too-short');
  });

  it('follows a maximum that the handler lowers', () => {
    const reader = createFrameReader(1000, () => {
      reader.maxFrameSizeBytes = 256;
      return true;
    });
    expect(reader.read(Buffer.concat([notify('00 01', ''), hex('00000101')]))).toBe('too-long');
  });

  it('stops when the handler says so', () => {
    let seen = 0;
    const reader = createFrameReader(1000, () => ++seen < 2);
    reader.read(Buffer.concat([...frames, hex('ffffffff')]));
    expect(seen).toBe(2);
  });

  it('gives the same frames for every way of cutting', () => {
    const frame = fc.uint8Array({ minLength: 7, maxLength: 300 }).map((body) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(body.length);
      return Buffer.concat([length, body]);
    });
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }),
        (all, sizes) => {
          expect(readAll(cut(Buffer.concat(all), sizes), 300)).toEqual({ frames: bodies(all), error: undefined });
        },
      ),
    );
  });

  it('holds no more than the longest frame and its length, whatever the bytes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.uint8Array({ maxLength: 600 }), fc.constant(hex('00000100'))), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 }),
        (noise, sizes) => {
          readAll(cut(Buffer.concat(noise), sizes), 256);
        },
      ),
    );
  });
});

function cut(bytes: Buffer, sizes: number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let offset = 0, index = 0; offset < bytes.length; index++) {
    const size = sizes[index % sizes.length] ?? 1;
    chunks.push(bytes.subarray(offset, offset + size));
    offset += size;
  }
  return chunks;
}
