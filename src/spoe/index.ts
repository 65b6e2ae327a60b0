export { createSpoeServer, type SpoeServer, type SpoeServerOptions } from './server';
export type { SpoeStats } from './stats';
