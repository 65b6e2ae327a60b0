export type { Control, ControlStats } from './control';
export { createHaproxyControl, type HaproxyControl } from './haproxy-control';
export { createObserver, type Observer } from './observe';
export type {
  ControlledServer,
  ControlProblem,
  ControlResult,
  Intent,
  IntentKind,
  Move,
  NodeServerView,
  NodeTables,
  Operations,
} from './views';
