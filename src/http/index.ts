export { adminSocketPaths } from './admin-socket';
export { createHttpServer, type HttpServer, type HttpServerOptions } from './http-server';
export { openAdminSocket } from './open-admin-socket';
