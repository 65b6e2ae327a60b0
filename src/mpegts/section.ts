import { packetLength, syncByte } from './packet';

/*
 * A section of a program table (ISO/IEC 13818-1, 2.4.4):
 *
 *   byte  bits
 *   0     table_id
 *   1     section_syntax(1) 0(1) reserved(2) section_length(12): what follows it, checksum included
 *   3     table_id_extension(16): transport stream or program
 *   5     reserved(2) version(5) current_next(1)
 *   6     section_number, last_section_number
 *   8     body
 *   -4    CRC-32
 *
 * The first payload in which a section starts begins with a pointer field: how many bytes of an older section come first.
 */

export const sectionHeaderLength = 8;
const checksumLength = 4;
/** Of PAT and PMT; longer ones are none. */
const maxSectionLength = 3 + 1021;

const table = Uint32Array.from({ length: 256 }, (_, index) => {
  let crc = index << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc >>> 0;
});

/** CRC-32 as MPEG has it (2.4.4, annex A): 0 over a whole section, its checksum included. */
export function crc32(bytes: Buffer, end = bytes.length): number {
  let crc = 0xffffffff;
  for (let index = 0; index < end; index++) crc = (crc << 8) ^ (table[(crc >>> 24) ^ (bytes[index] ?? 0)] ?? 0);
  return crc >>> 0;
}

/** Puts the sections of one PID together. */
export interface SectionReader {
  /** The whole sections that end in this payload. A damaged one is left out. */
  read(payload: Buffer, startsUnit: boolean): readonly Buffer[];
}

export function createSectionReader(): SectionReader {
  let begun: Buffer | undefined;

  /** Takes whole sections off the front; what is left waits for more. */
  function takeWhole(bytes: Buffer, sections: Buffer[]): void {
    let left = bytes;
    // 0xff is stuffing, up to the packet's end.
    while (left.length >= 3 && left[0] !== 0xff) {
      const length = 3 + (left.readUInt16BE(1) & 0xfff);
      if (length > maxSectionLength || length < sectionHeaderLength + checksumLength) {
        begun = undefined;
        return;
      }
      if (left.length < length) break;
      const section = Buffer.from(left.subarray(0, length));
      if (crc32(section) === 0) sections.push(section);
      left = left.subarray(length);
    }
    begun = left.length === 0 || left[0] === 0xff ? undefined : Buffer.from(left);
  }

  return {
    read(payload, startsUnit) {
      const sections: Buffer[] = [];
      if (!startsUnit) {
        if (begun !== undefined) takeWhole(Buffer.concat([begun, payload]), sections);
        return sections;
      }
      const pointer = payload[0] ?? 0;
      if (1 + pointer > payload.length) {
        begun = undefined;
        return sections;
      }
      if (begun !== undefined && pointer > 0)
        takeWhole(Buffer.concat([begun, payload.subarray(1, 1 + pointer)]), sections);
      takeWhole(payload.subarray(1 + pointer), sections);
      return sections;
    },
  };
}

/** Makes a whole section of its header's fields and its body. */
export function buildSection(tableId: number, extension: number, version: number, body: Buffer): Buffer {
  const section = Buffer.alloc(sectionHeaderLength + body.length + checksumLength);
  section.writeUInt8(tableId, 0);
  section.writeUInt16BE(0xb000 | (section.length - 3), 1);
  section.writeUInt16BE(extension, 3);
  section.writeUInt8(0xc0 | (version << 1) | 1, 5);
  body.copy(section, sectionHeaderLength);
  section.writeUInt32BE(crc32(section, section.length - checksumLength), section.length - checksumLength);
  return section;
}

/** The packets that carry a section, the first with the given continuity counter. */
export function packSection(section: Buffer, pid: number, firstCounter: number): Buffer {
  const payload = Buffer.concat([Buffer.from([0]), section]);
  const room = packetLength - 4;
  const count = Math.ceil(payload.length / room);
  const packets = Buffer.alloc(count * packetLength, 0xff);
  for (let index = 0; index < count; index++) {
    const at = index * packetLength;
    packets.set(
      [syncByte, (index === 0 ? 0x40 : 0) | (pid >> 8), pid & 0xff, 0x10 | ((firstCounter + index) & 0x0f)],
      at,
    );
    payload.copy(packets, at + 4, index * room, Math.min(payload.length, (index + 1) * room));
  }
  return packets;
}
