/** One box of an ISO base media file (ISO/IEC 14496-12, 4.2): its type and where its content lies in the file. */
export interface Box {
  readonly type: string;
  /** First byte of the box, its size field. */
  readonly start: number;
  /** First byte of the content, after size and type. */
  readonly contentStart: number;
  /** First byte after the box. */
  readonly end: number;
}

const HEADER_LENGTH = 8;

/**
 * The boxes between `start` and `end`, in order; their content is not looked into.
 * Throws a RangeError when a box is longer than what holds it, or has a 64-bit size (the clips have none).
 */
export function readBoxes(file: Buffer, start = 0, end = file.length): Box[] {
  const boxes: Box[] = [];
  for (let at = start; at < end; ) {
    const size = at + HEADER_LENGTH <= end ? file.readUInt32BE(at) : 0;
    if (size < HEADER_LENGTH || at + size > end) {
      throw new RangeError(`box at byte ${at} has size ${size}; allowed are ${HEADER_LENGTH} to ${end - at}`);
    }
    const type = file.toString('latin1', at + 4, at + HEADER_LENGTH);
    boxes.push({ type, start: at, contentStart: at + HEADER_LENGTH, end: at + size });
    at += size;
  }
  return boxes;
}

/** The first box at the end of a path of types, e.g. `['moov', 'trak', 'mdia']`. Throws a RangeError when there is none. */
export function findBox(file: Buffer, types: readonly string[], start = 0, end = file.length): Box {
  const [type, ...rest] = types;
  const found = readBoxes(file, start, end).find((box) => box.type === type);
  if (!found) throw new RangeError(`no box '${type}' between bytes ${start} and ${end}`);
  return rest.length === 0 ? found : findBox(file, rest, found.contentStart, found.end);
}

/** One box: size, type and the parts of its content. */
export function makeBox(type: string, ...content: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(HEADER_LENGTH);
  const size = content.reduce((sum, part) => sum + part.length, HEADER_LENGTH);
  header.writeUInt32BE(size, 0);
  header.write(type, 4, 'latin1');
  return Buffer.concat([header, ...content]);
}

/** A full box (ISO/IEC 14496-12, 4.2): a box whose content begins with version and flags. */
export function makeFullBox(type: string, version: number, flags: number, ...content: readonly Buffer[]): Buffer {
  const versionAndFlags = Buffer.alloc(4);
  versionAndFlags.writeUInt32BE(((version << 24) | flags) >>> 0, 0);
  return makeBox(type, versionAndFlags, ...content);
}

/** Numbers as consecutive big-endian 32-bit integers. */
export function uint32s(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => bytes.writeUInt32BE(value, index * 4));
  return bytes;
}
