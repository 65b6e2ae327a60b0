export { createAccessPoints } from './access-points';
export { type Clip, readClip } from './clip';
export { createEntry, type Entry, type JoinPoint } from './entry';
export { createLoop } from './loop';
export { nullPackets, packetLength, syncByte, writeClock, writeCounter } from './packet';
export { createPacketReader } from './packet-reader';
export { ticksAfter, ticksPerSecond, writeTime } from './pes';
export { buildAssociation, buildMap } from './program';
export { createSplicer } from './splicer';
