export type { ApiFailure, ApiOutcome, ApiResult } from './api-result';
export {
  type ApiCall,
  createMediamtxClient,
  type MediamtxClient,
  type MediamtxClientOptions,
  type ServerInfo,
} from './client';
export { noReaders, type PathReport, type ReaderCounts } from './path-report';
export { isStreamName, maxStreamNameLength } from './stream-name';
