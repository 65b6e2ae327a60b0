export { administrativeState } from './administrative-state';
export { createRuntimeClient, type RuntimeAddress, type RuntimeClient } from './client';
export type { HaproxyInfo } from './parse-info';
export type { ServerState } from './parse-servers-state';
export type { RuntimeError } from './result';
export { showInfo } from './show-info';
export { showServersState } from './show-servers-state';
