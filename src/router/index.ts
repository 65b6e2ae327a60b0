export { withCanaries } from './canary';
export type { Decision } from './decision';
export { decisionStates } from './decision';
export type { Explanation } from './explanation';
export { withDecisionLog } from './logged';
export { createRouter, type Router, undecided } from './router';
