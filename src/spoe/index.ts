export { spoeMetrics } from './metrics';
export { createSpoeServer, type SpoeServer, type SpoeServerOptions } from './server';
