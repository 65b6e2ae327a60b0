export { apiOutcomes, type ApiFailure, type ApiOutcome, type ApiResult } from './api-result';
export {
  createMediamtxClient,
  type ApiCall,
  type MediamtxClient,
  type MediamtxClientOptions,
  type PathList,
  type ServerInfo,
} from './client';
export type { PathReport } from './path-report';
export { isStreamName, maxStreamNameLength } from './stream-name';
