import { buildSection, sectionHeaderLength } from './section';

/** A PAT: which programs there are (ISO/IEC 13818-1, 2.4.4.3). */
export interface ProgramAssociation {
  readonly transportStream: number;
  readonly version: number;
  readonly programs: readonly { readonly number: number; readonly mapPid: number }[];
}

export type StreamKind = 'video' | 'audio' | 'other';

/** An elementary stream of a program. */
export interface ElementaryStream {
  /** stream_type of the PMT, e.g. 0x1b for H.264. */
  readonly type: number;
  readonly pid: number;
  readonly kind: StreamKind;
  /** ISO 639 code, e.g. `deu`; empty where none is given. */
  readonly language: string;
  readonly descriptors: Buffer;
}

/** A PMT: what a program is made of (2.4.4.8). */
export interface ProgramMap {
  readonly program: number;
  readonly version: number;
  readonly clockPid: number;
  readonly descriptors: Buffer;
  readonly streams: readonly ElementaryStream[];
}

/** What the tables of a stream say of one program. */
export interface ProgramTables {
  readonly association: ProgramAssociation;
  readonly mapPid: number;
  readonly map: ProgramMap;
}

const associationTable = 0x00;
const mapTable = 0x02;
const languageDescriptor = 0x0a;
/** ISO/IEC 13818-1 table 2-34; VC-1 and the like as they are found. */
const videoTypes = new Set([0x01, 0x02, 0x10, 0x1b, 0x20, 0x24, 0x33, 0x42, 0xd1, 0xd2, 0xea]);
/** MPEG audio, AAC, and those of ATSC and Blu-ray. */
const audioTypes = new Set([0x03, 0x04, 0x0f, 0x11, 0x1c, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0xa1, 0xc1]);
/** In private data, DVB's descriptors say what it is (ETSI EN 300 468): AC-3, E-AC-3, DTS, AAC. */
const privateType = 0x06;
const audioDescriptors = new Set([0x6a, 0x7a, 0x7b, 0x7c]);

/** The stream by which a receiver begins: the first video, or else the first audio; undefined where there is neither. */
export function leadOf(program: ProgramTables | undefined): ElementaryStream | undefined {
  const streams = program?.map.streams ?? [];
  return streams.find(({ kind }) => kind === 'video') ?? streams.find(({ kind }) => kind === 'audio');
}

/** Reads a PAT; undefined when the section is none, or is not yet in force. */
export function readAssociation(section: Buffer): ProgramAssociation | undefined {
  if (section[0] !== associationTable || !isCurrent(section)) return undefined;
  const programs = [];
  for (let at = sectionHeaderLength; at + 4 <= section.length - 4; at += 4) {
    const number = section.readUInt16BE(at);
    // Program 0 is the network's table.
    if (number !== 0) programs.push({ number, mapPid: section.readUInt16BE(at + 2) & 0x1fff });
  }
  return { transportStream: section.readUInt16BE(3), version: versionOf(section), programs };
}

/** Reads a PMT; undefined when the section is none, or is not yet in force, or ends too early. */
export function readMap(section: Buffer): ProgramMap | undefined {
  if (section[0] !== mapTable || !isCurrent(section)) return undefined;
  const end = section.length - 4;
  if (end < sectionHeaderLength + 4) return undefined;
  const infoLength = section.readUInt16BE(10) & 0xfff;
  let at = 12 + infoLength;
  if (at > end) return undefined;
  const descriptors = section.subarray(12, at);
  const streams: ElementaryStream[] = [];
  while (at + 5 <= end) {
    const type = section.readUInt8(at);
    const pid = section.readUInt16BE(at + 1) & 0x1fff;
    const length = section.readUInt16BE(at + 3) & 0xfff;
    if (at + 5 + length > end) return undefined;
    const own = section.subarray(at + 5, at + 5 + length);
    const tags = readDescriptors(own);
    streams.push({ type, pid, kind: kindOf(type, tags), language: languageOf(tags), descriptors: own });
    at += 5 + length;
  }
  return {
    program: section.readUInt16BE(3),
    version: versionOf(section),
    clockPid: section.readUInt16BE(8) & 0x1fff,
    descriptors,
    streams,
  };
}

/** The PAT of a single program as a section. */
export function buildAssociation(transportStream: number, version: number, program: number, mapPid: number): Buffer {
  const body = Buffer.alloc(4);
  body.writeUInt16BE(program, 0);
  body.writeUInt16BE(0xe000 | mapPid, 2);
  return buildSection(associationTable, transportStream, version, body);
}

/** A PMT as a section. */
export function buildMap({
  program,
  version,
  clockPid,
  descriptors,
  streams,
}: Omit<ProgramMap, 'streams'> & {
  readonly streams: readonly Pick<ElementaryStream, 'type' | 'pid' | 'descriptors'>[];
}): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(0xe000 | clockPid, 0);
  head.writeUInt16BE(0xf000 | descriptors.length, 2);
  const entries = streams.map((stream) => {
    const entry = Buffer.alloc(5);
    entry.writeUInt8(stream.type, 0);
    entry.writeUInt16BE(0xe000 | stream.pid, 1);
    entry.writeUInt16BE(0xf000 | stream.descriptors.length, 3);
    return Buffer.concat([entry, stream.descriptors]);
  });
  return buildSection(mapTable, program, version, Buffer.concat([head, descriptors, ...entries]));
}

/** Whether a decoder of the one can go on with the other: the same codecs in the same order, told in the same words. */
export function isSameMake(one: ElementaryStream, other: ElementaryStream): boolean {
  return one.type === other.type && one.kind === other.kind && one.descriptors.equals(other.descriptors);
}

/** The codec of a stream in a word: of private data, it is the descriptor that names it. */
export function codecOf({ type, descriptors }: ElementaryStream): string {
  if (type !== privateType) return String(type);
  return `${type} ${[...readDescriptors(descriptors).keys()].find((tag) => audioDescriptors.has(tag)) ?? ''}`;
}

function versionOf(section: Buffer): number {
  return (section.readUInt8(5) >> 1) & 0x1f;
}

function isCurrent(section: Buffer): boolean {
  return (section.readUInt8(5) & 1) === 1;
}

function readDescriptors(bytes: Buffer): ReadonlyMap<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + 2 <= bytes.length; at += 2 + (bytes[at + 1] ?? 0))
    found.set(bytes[at] ?? 0, bytes.subarray(at + 2, at + 2 + (bytes[at + 1] ?? 0)));
  return found;
}

function kindOf(type: number, tags: ReadonlyMap<number, Buffer>): StreamKind {
  if (videoTypes.has(type)) return 'video';
  if (audioTypes.has(type)) return 'audio';
  return type === privateType && [...tags.keys()].some((tag) => audioDescriptors.has(tag)) ? 'audio' : 'other';
}

function languageOf(tags: ReadonlyMap<number, Buffer>): string {
  return tags.get(languageDescriptor)?.subarray(0, 3).toString('latin1') ?? '';
}
