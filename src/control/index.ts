export { createHaproxyControl, type HaproxyControl } from './control';
export type { ApiUrlFor } from './fleet-servers';
export { isLine, isOneLine, longestDeadlineMs, longestOperator, longestReason, shortestDeadlineMs } from './intent';
export { controlMetrics, routeMetrics } from './metrics';
export { createObserver, type Observer } from './observe';
export {
  type ControlledServer,
  type ControlProblem,
  type EmptySlot,
  type Intent,
  type IntentKind,
  intentKinds,
  type Move,
  type NodeTables,
  type Operations,
} from './views';
