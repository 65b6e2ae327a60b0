export { peersMetrics } from './metrics';
export { createPeersServer, type PeersServer, type PeersServerOptions } from './server';
export { createTableWatch } from './table-watch';
export type { Touch } from './touch';
