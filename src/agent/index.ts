export { runAgent } from './start';
