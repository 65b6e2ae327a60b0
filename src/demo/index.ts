export { DemoError } from './demo-error';
export { createEnding, type Ending } from './ending';
export { runDemo } from './run-demo';
export { type OnceSummary, runOnce } from './run-once';
