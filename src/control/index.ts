export { type Control, type ControlOptions, type ControlStats, createControl } from './control';
export type { HaproxyNode } from './node';
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
