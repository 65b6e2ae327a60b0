export { type Access, type Caller, createAccess } from './access';
export { createDrain, type Drain } from './drain';
export { createFeedPlaces } from './feed-places';
export { createHeavyWork, type HeavyWork, type Steps } from './heavy-work';
export { createHosts, type Hosts } from './hosts';
export { countAnswer, createHttpStats, type HttpStats } from './http-stats';
export { jsonSteps } from './json-steps';
export { httpMetrics } from './metrics';
export { openAdminSocket } from './open-admin-socket';
export {
  type ProblemDetails,
  type ProblemName,
  problemTitles,
  respondBadParameter,
  respondProblem,
  respondProblemKind,
} from './problem';
export {
  bodyLimitBytes,
  jsonReader,
  onlyJson,
  readBody,
  readJson,
} from './request-body';
export { beginFeed, type RawHeaders, respond, respondJson, toJson } from './respond';
export { createHttpShell, type HttpShell } from './shell';
