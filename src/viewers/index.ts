export type { Count } from './tally';
export type { Sighting, Viewer, ViewerChange } from './viewer';
export {
  createViewers,
  type NodeCount,
  type ViewerPage,
  type ViewerQuery,
  type Viewers,
  type ViewersStats,
} from './viewers';
export { createTablePoll, type TablePoll, type TablePollOptions, type TablePollStats } from './table-poll';
