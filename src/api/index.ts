export { apiMetrics } from './metrics';
export { createHttpServer, type HttpServer, type HttpServerOptions } from './server';
