export { countFindings, type Finding } from './finding';
export { type CheckOptions, runCheck } from './run-check';
export { startUpCheck } from './start-up-check';
