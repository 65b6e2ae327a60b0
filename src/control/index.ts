export { createObserver, type Observer } from './observe';
