export { createSpoeServer, type SpoeServer, type SpoeServerOptions } from './server';
