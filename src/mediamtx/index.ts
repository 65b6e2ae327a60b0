export type { ApiFailure, ApiOutcome, ApiResult } from './api-result';
export {
  type ApiCall,
  createMediamtxClient,
  type MediamtxClient,
  type MediamtxClientOptions,
  type ServerInfo,
} from './client';
export { controlApiMetrics } from './metrics';
export { idleStart, type PathConfig, type PathStart } from './path-config';
export {
  type Feed,
  isPlayable,
  noReaders,
  type PathReport,
  type PlayableReport,
  type ReaderCounts,
} from './path-report';
export { isStreamName, maxStreamNameLength, streamNamePattern } from './stream-name';
export { streamPattern } from './stream-pattern';
