export { withCanaries } from './canary';
export type { Decision } from './decision';
export { decisionStates } from './decision';
export { countDecision, createDecisionStats, type DecisionStats } from './decision-stats';
export { type Explanation, ruleNames } from './explanation';
export { withDecisionLog } from './logged';
export { type Bridge, decisionMetrics } from './metrics';
export { createRouter, type Router, undecided } from './router';
