export { shareViewers } from './count-exchange';
export { viewerMetrics } from './metrics';
export { createTablePoll, type TablePoll } from './table-poll';
export type { Count } from './tally';
export type { Sighting, Viewer, ViewerChange } from './viewer';
export { createViewers, type Viewers } from './viewers';
export { type ViewersWithOthers, withOthers } from './with-others';
