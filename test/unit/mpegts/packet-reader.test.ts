import fc from 'fast-check';
import { packetLength, syncByte } from '../../../src/mpegts/packet';
import { createPacketReader } from '../../../src/mpegts/packet-reader';

/** Packets with a number in each, and no sync byte inside. */
function packets(count: number, first = 0): Buffer {
  const bytes = Buffer.alloc(count * packetLength, 0x11);
  for (let index = 0; index < count; index++) {
    bytes[index * packetLength] = syncByte;
    bytes.writeUInt32BE(0x80000000 + first + index, index * packetLength + 4);
  }
  return bytes;
}

function readAll(chunks: readonly Buffer[]) {
  const reader = createPacketReader();
  const runs = chunks.flatMap((chunk) => reader.read(Buffer.from(chunk)));
  return { bytes: Buffer.concat(runs), runs, reader };
}

function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [0, ...ends].map((start, index, starts) => bytes.subarray(start, starts[index + 1] ?? bytes.length));
}

describe('packet reader', () => {
  const five = packets(5);
  const six = 6 * packetLength;

  it.each<[name: string, chunks: Buffer[]]>([
    ['at once', [five]],
    ['byte by byte', Array.from(five, (byte) => Buffer.from([byte]))],
    ['in halves', cutAt(five, [five.length / 2])],
  ])('gives all packets, whole, %s', (_name, chunks) => {
    const { bytes, runs, reader } = readAll(chunks);
    expect(bytes.equals(five)).toBe(true);
    expect(runs.every(({ length }) => length > 0 && length % packetLength === 0)).toBe(true);
    expect(reader.skipped).toBe(0);
  });

  it('gives the first packet as soon as it is whole', () => {
    const reader = createPacketReader();
    expect(reader.read(five.subarray(0, 187))).toEqual([]);
    expect(Buffer.concat([...reader.read(five.subarray(187, 190))]).equals(five.subarray(0, 188))).toBe(true);
  });

  it.each(Array.from({ length: 189 }, (_, at) => at))('gives all packets when they are split at %d', (at) => {
    expect(readAll([five.subarray(0, at), five.subarray(at)]).bytes.equals(five)).toBe(true);
  });

  it.each<[name: string, junk: Buffer]>([
    ['a warning', Buffer.from('<br />Warning: GET in index.php on line 47\n')],
    ['sync bytes', Buffer.alloc(100, syncByte)],
    ['a byte', Buffer.from([0])],
    ['more than is kept', Buffer.alloc(5000, 0x46)],
  ])('finds packets behind %s, and says how much was skipped', (_name, junk) => {
    for (const chunks of [
      [Buffer.concat([junk, five])],
      Array.from(Buffer.concat([junk, five]), (byte) => Buffer.from([byte])),
    ]) {
      const { bytes, reader } = readAll(chunks);
      expect(bytes.equals(five)).toBe(true);
      expect(reader.skipped).toBe(junk.length);
    }
  });

  it('finds them again after bytes were lost or added', () => {
    const more = packets(4, 5);
    expect(readAll([five, Buffer.from('lost'), more]).bytes.equals(Buffer.concat([five, more]))).toBe(true);
    // The packet that lacks bytes takes those of the next one, which is lost with it.
    const { bytes } = readAll([five, Buffer.concat([packets(1, 9).subarray(0, 100), more])]);
    expect(bytes.subarray(0, five.length).equals(five)).toBe(true);
    expect(bytes.subarray(six).equals(more.subarray(packetLength))).toBe(true);
  });

  it('keeps no more than three packets of what is none', () => {
    const reader = createPacketReader();
    for (let index = 0; index < 100; index++) expect(reader.read(Buffer.alloc(10_000, 0x20))).toEqual([]);
    expect(reader.isSynced).toBe(false);
    expect(reader.skipped).toBeGreaterThanOrEqual(1_000_000 - 3 * packetLength);
  });

  it('gives the same packets however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.nat(20), fc.array(fc.nat(5000), { maxLength: 12 }), (junk, count, places) => {
        const bytes = Buffer.concat([Buffer.alloc(junk, 0x20), packets(count + 3)]);
        expect(readAll(cutAt(bytes, places)).bytes.equals(bytes.subarray(junk))).toBe(true);
      }),
    );
  });
});
