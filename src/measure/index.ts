export { type Collector, counter, gauge, histogram, renamed, samplesOf, snakeCase } from './collector';
export { createHistory, type History, type Sample } from './history';
export { inTime } from './in-time';
export { increase } from './increase';
export { createMetricsPage, type MetricsPage } from './metrics-page';
export {
  createOperationTimes,
  createTimesOf,
  durationsOf,
  type OperationTimes,
  operationNames,
  operations,
  windowLimits,
} from './operation-times';
export { nodeMetrics, processMetrics, watchProcess } from './process-metrics';
export { processorMs } from './processor-time';
export { type RecordTime, recordNothing } from './record-time';
export { createTimeHistogram, observeSeconds, type TimeHistogram } from './time-histogram';
export { createTurns } from './turns';
