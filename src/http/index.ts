export type { MetricsPage } from './app';
export { createHttpServer, type HttpServer, type HttpServerOptions } from './http-server';
export type { HttpStats } from './http-stats';
