export type { Control } from './control';
export { createHaproxyControl, type HaproxyControl } from './haproxy-control';
export { createObserver, type Observer } from './observe';
