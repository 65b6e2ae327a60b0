/*
 * A transport stream packet (ISO/IEC 13818-1, 2.4.3.2), 188 bytes:
 *
 *   byte  bits
 *   0     sync byte, 0x47
 *   1     transport_error(1) payload_unit_start(1) priority(1) PID(5, high)
 *   2     PID(8, low)
 *   3     scrambling(2) adaptation_field(1) payload(1) continuity_counter(4)
 *   4     adaptation_field_length, where there is an adaptation field; then, where it is not 0:
 *   5     discontinuity(1) random_access(1) priority(1) PCR(1) OPCR(1) splicing_point(1) private(1) extension(1)
 *   6     PCR: base(33) reserved(6) extension(9), in 27 MHz: base * 300 + extension
 */

export const packetLength = 188;
export const syncByte = 0x47;
/** Packets of this PID are stuffing; whoever receives them drops them. */
export const nullPid = 0x1fff;
const clockModulus = 2 ** 33 * 300;

/*
 * Every function takes the bytes and where in them the packet begins. Bytes are read by their index: each packet of each client comes by here, and Buffer's own
 * functions check more than is needed.
 */

export function pidOf(bytes: Buffer, at: number): number {
  return (((bytes[at + 1] ?? 0) & 0x1f) << 8) | (bytes[at + 2] ?? 0);
}

export function writePid(bytes: Buffer, at: number, pid: number): void {
  bytes[at + 1] = ((bytes[at + 1] ?? 0) & 0xe0) | (pid >> 8);
  bytes[at + 2] = pid & 0xff;
}

/** Whether a PES packet or a section begins in this packet. */
export function startsUnit(bytes: Buffer, at: number): boolean {
  return ((bytes[at + 1] ?? 0) & 0x40) !== 0;
}

export function isScrambled(bytes: Buffer, at: number): boolean {
  return ((bytes[at + 3] ?? 0) & 0xc0) !== 0;
}

export function hasPayload(bytes: Buffer, at: number): boolean {
  return ((bytes[at + 3] ?? 0) & 0x10) !== 0;
}

export function counterOf(bytes: Buffer, at: number): number {
  return (bytes[at + 3] ?? 0) & 0x0f;
}

export function writeCounter(bytes: Buffer, at: number, counter: number): void {
  bytes[at + 3] = ((bytes[at + 3] ?? 0) & 0xf0) | (counter & 0x0f);
}

/** Where the payload begins; the packet's end where it has none, or where its adaptation field is longer than it may be. */
export function payloadStart(bytes: Buffer, at: number): number {
  const control = (bytes[at + 3] ?? 0) & 0x30;
  if (control === 0x10) return at + 4;
  if (control !== 0x30) return at + packetLength;
  return Math.min(at + packetLength, at + 5 + (bytes[at + 4] ?? 0));
}

/** Only a packet with an adaptation field can hold a clock. */
export function hasAdaptation(bytes: Buffer, at: number): boolean {
  return ((bytes[at + 3] ?? 0) & 0x20) !== 0;
}

/** The flags of the adaptation field; 0 where there is none. */
function adaptationFlags(bytes: Buffer, at: number): number {
  return hasAdaptation(bytes, at) && (bytes[at + 4] ?? 0) > 0 ? (bytes[at + 5] ?? 0) : 0;
}

/** A decoder can begin with the unit that starts here, says who made the stream. */
export function isRandomAccess(bytes: Buffer, at: number): boolean {
  return (adaptationFlags(bytes, at) & 0x40) !== 0;
}

/** The program clock reference in 27 MHz; undefined where the packet has none. */
export function readClock(bytes: Buffer, at: number): number | undefined {
  if ((adaptationFlags(bytes, at) & 0x10) === 0 || (bytes[at + 4] ?? 0) < 7) return undefined;
  const low = bytes.readUInt16BE(at + 10);
  return (bytes.readUInt32BE(at + 6) * 2 + (low >> 15)) * 300 + (low & 0x1ff);
}

/** Writes a clock over the one that is there. */
export function writeClock(bytes: Buffer, at: number, clock: number): void {
  const wrapped = ((clock % clockModulus) + clockModulus) % clockModulus;
  const base = Math.floor(wrapped / 300);
  bytes.writeUInt32BE(Math.floor(base / 2), at + 6);
  bytes.writeUInt16BE(((base % 2) << 15) | 0x7e00 | (wrapped % 300), at + 10);
}

/** A packet of one PID with only an adaptation field that says: what follows here does not continue what was before. */
export function discontinuityPacket(pid: number, counter: number): Buffer {
  const packet = Buffer.alloc(packetLength, 0xff);
  packet.set([syncByte, pid >> 8, pid & 0xff, 0x20 | (counter & 0x0f), packetLength - 5, 0x80]);
  return packet;
}

/** A packet that adds a few bytes to the unit that its PID is at. */
export function trailingPacket(pid: number, counter: number, payload: Buffer): Buffer {
  const packet = Buffer.alloc(packetLength, 0xff);
  const stuffing = packetLength - 5 - payload.length;
  packet.set([syncByte, pid >> 8, pid & 0xff, 0x30 | (counter & 0x0f), stuffing, 0]);
  payload.copy(packet, packetLength - payload.length);
  return packet;
}

/** Packets that mean nothing, for a receiver to get while there is nothing else. */
export const nullPackets = makeNullPackets(7);

function makeNullPackets(count: number): Buffer {
  const packets = Buffer.alloc(count * packetLength, 0xff);
  for (let at = 0; at < packets.length; at += packetLength) packets.writeUInt32BE(0x471fff10, at);
  return packets;
}
