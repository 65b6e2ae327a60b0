export { createAccessPoints } from './access-points';
export { createEntry, type Entry, type JoinPoint } from './entry';
export { nullPackets, packetLength, syncByte, writeClock, writeCounter } from './packet';
export { createPacketReader } from './packet-reader';
export { ticksAfter, ticksPerSecond, writeTime } from './pes';
export { buildAssociation, buildMap } from './program';
export { createSplicer } from './splicer';
