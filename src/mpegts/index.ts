export { packetLength, syncByte, writeClock, writeCounter } from './packet';
export { ticksAfter, ticksPerSecond, writeTime } from './pes';
export { buildAssociation, buildMap } from './program';
