export type { Decision, DecisionState } from './decision';
export { decisionStates } from './decision';
export type { Explanation, RuleName } from './explanation';
export { withDecisionLog } from './logged';
export { createRouter, type Router, undecided } from './router';
