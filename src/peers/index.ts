export { createPeersServer, type PeersServer, type PeersServerOptions } from './server';
export type { PeersStats } from './stats';
export type { PeersListener, Touch } from './touch';
export { createTableWatch, type TableWatchOptions } from './table-watch';
