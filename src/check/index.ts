export { countFindings, type Finding } from './finding';
export { runCheck } from './run-check';
export { startUpCheck } from './start-up-check';
