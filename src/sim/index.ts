export type { SimCredentials } from './credentials';
export { SIM_FAULT_KINDS, SIM_SIDES, type SimFault, type SimSide } from './fault';
export { addressAfter, createSimFleet, type SimFleet, type SimFleetOptions } from './fleet';
export type { SimOnDemand, SimPathConfig } from './path-table';
export { type RunSimOptions, runSim, SIM_COMMANDS } from './run-sim';
export {
  createSimServer,
  type PublishOptions,
  type SimPublisher,
  type SimServer,
  type SimServerOptions,
  type SimSession,
} from './server';
export type { SimVariant } from './timeline';
export { SIM_ENDPOINTS, type SimCounters, type SimEndpoint, type SimRequest } from './traffic';
export { PROFILE_VERSIONS, type SimProfile } from './version';
