export type { Decide } from './connection';
export { createSpoeServer, type SpoeListenAddress, type SpoeServer, type SpoeServerOptions } from './server';
export type { SpoeStats } from './stats';
export { type StatusName, statusNames } from './status';
