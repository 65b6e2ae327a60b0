export type { SimFault, SimSide } from './fault';
export { createSimFleet, type SimFleet, type SimFleetOptions } from './fleet';
export { createLiveSegments } from './live-segments';
export { type RunSimOptions, runSim, SIM_COMMANDS } from './run-sim';
export { createSimServer, type SimServer, type SimServerOptions } from './server';
export type { SimVariant } from './timeline';
export type { SimProfile } from './version';
