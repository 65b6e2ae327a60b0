import { buildAssociation, buildMap, isSameMake, readAssociation, readMap } from '../../../src/mpegts/program';
import { crc32, createSectionReader, packSection } from '../../../src/mpegts/section';
import { hex } from '../spoe/hex';

// The checksum of "123456789" is in every table of CRCs (CRC-32/MPEG-2).
it('has the checksum of MPEG-2', () => {
  expect(crc32(Buffer.from('123456789'))).toBe(0x0376e6e7);
});

/*
 * Packets that ffmpeg 5.1 wrote: PAT (one program, PMT on 0x1000) and PMT (H.264 on 0x100, AAC on 0x101, clock on 0x100), without their stuffing.
 */
const association = hex('0000b00d0001c100000001f0002ab104b2');
const map = hex('0002b0170001c10000e100f0001be100f0000fe101f0002f44b99b');

/** The payload of a packet: what is given, then stuffing. */
function payload(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(184 - bytes.length, 0xff)]);
}

describe('tables', () => {
  it('reads what ffmpeg wrote, and writes the same', () => {
    const [first] = createSectionReader().read(payload(association), true);
    expect(first && readAssociation(first)).toEqual({
      transportStream: 1,
      version: 0,
      programs: [{ number: 1, mapPid: 0x1000 }],
    });
    expect(buildAssociation(1, 0, 1, 0x1000).equals(association.subarray(1))).toBe(true);
    const [second] = createSectionReader().read(payload(map), true);
    const program = second && readMap(second);
    expect(program).toMatchObject({
      program: 1,
      version: 0,
      clockPid: 0x100,
      streams: [
        { type: 0x1b, pid: 0x100, kind: 'video', language: '' },
        { type: 0x0f, pid: 0x101, kind: 'audio', language: '' },
      ],
    });
    expect(program && buildMap(program).equals(map.subarray(1))).toBe(true);
  });

  it('knows languages, and sound that is private data', () => {
    const descriptors = hex('0a0464657500' + '6a0100');
    const built = buildMap({
      program: 1,
      version: 3,
      clockPid: 0x1fff,
      descriptors: hex('0500'),
      streams: [
        { type: 6, pid: 0x44, descriptors },
        { type: 6, pid: 0x45, descriptors: hex('5900') },
      ],
    });
    const read = readMap(built);
    expect(read).toMatchObject({ version: 3, streams: [{ kind: 'audio', language: 'deu' }, { kind: 'other' }] });
    const [one, other] = read?.streams ?? [];
    expect(one && other && isSameMake(one, other)).toBe(false);
    expect(one && isSameMake(one, { ...one, pid: 9 })).toBe(true);
  });

  it.each<[name: string, bytes: Buffer]>([
    ['a wrong checksum', hex('0000b00d0001c100000001f0002ab104b3')],
    ['a table that is not yet in force', buildNext()],
  ])('takes nothing of %s', (_name, bytes) => {
    const [section] = createSectionReader().read(payload(bytes), true);
    expect(section === undefined ? undefined : readAssociation(section)).toBeUndefined();
  });

  it('reads a section over several packets, with others before and behind it', () => {
    const streams = Array.from({ length: 60 }, (_, index) => ({
      type: 0x0f,
      pid: 0x200 + index,
      kind: 'audio' as const,
      language: '',
      descriptors: hex('0a0464657500'),
    }));
    const long = buildMap({ program: 1, version: 0, clockPid: 0x200, descriptors: Buffer.alloc(0), streams });
    const packets = packSection(long, 0x1000, 14);
    expect(packets.length / 188).toBe(4);
    expect([0, 1, 2, 3].map((index) => packets[index * 188 + 3])).toEqual([0x1e, 0x1f, 0x10, 0x11]);
    const reader = createSectionReader();
    const found = [0, 1, 2, 3].flatMap((index) =>
      reader.read(packets.subarray(index * 188 + 4, (index + 1) * 188), index === 0),
    );
    expect(found).toEqual([long]);
    // A section whose end stands before the pointer's section.
    const second = createSectionReader();
    expect(second.read(Buffer.concat([Buffer.from([0]), long.subarray(0, 183)]), true)).toEqual([]);
    const tail = long.subarray(183, 500);
    expect(second.read(tail, false)).toEqual([]);
    const rest = long.subarray(500);
    const short = association.subarray(1);
    expect(second.read(Buffer.concat([Buffer.from([rest.length]), rest, short]), true)).toEqual([long, short]);
  });

  it('takes any bytes', () => {
    const reader = createSectionReader();
    for (const bytes of [
      hex('b8ff'),
      hex('00'),
      hex('0000ffff'),
      hex('000002f000'),
      Buffer.alloc(184, 0),
      Buffer.alloc(0),
    ])
      expect(reader.read(bytes, true)).toEqual([]);
    expect(readMap(hex('02b0090001c1000000000000'))).toBeUndefined();
  });
});

function buildNext(): Buffer {
  const section = Buffer.from(association.subarray(1));
  section[5] = 0xc0;
  section.writeUInt32BE(crc32(section, section.length - 4), section.length - 4);
  return Buffer.concat([Buffer.from([0]), section]);
}
