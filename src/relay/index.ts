export { runRelay } from './start';
