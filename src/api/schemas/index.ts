import { DecisionState, Explanation, Route } from './decision';
import { Event, EventList } from './event';
import { Move, MoveList, StreamMove } from './move';
import { Problem } from './problem';
import { Health, OperationTimes, OperationTimesList, Readiness } from './program';
import { ControlledServer, Intent, Server, ServerList } from './server';
import { Holder, Stream, StreamList } from './stream';
import { Viewer, ViewerList } from './viewer';
import { DeadLetter, DeadLetterList, Redelivery, Report, Webhook, WebhookList } from './webhook';

export type * from './dashboard';
export { type Contract, type Making, mostOnPage, neededFields } from './kinds';
export type { StoreHealth } from './program';
export type { EmptySlot, IntentKind } from './server';
export { mostStreamsCounted } from './viewer';

/** What the HTTP API answers, by the names in the OpenAPI document. */
export const contract = {
  DecisionState,
  Route,
  Holder,
  Stream,
  StreamList,
  Intent,
  ControlledServer,
  Move,
  MoveList,
  StreamMove,
  Viewer,
  ViewerList,
  Event,
  EventList,
  Webhook,
  WebhookList,
  DeadLetter,
  DeadLetterList,
  Redelivery,
  Report,
  Explanation,
  Server,
  ServerList,
  OperationTimes,
  OperationTimesList,
  Health,
  Readiness,
  Problem,
};
export {
  ControlledServer,
  DeadLetter,
  DeadLetterList,
  DecisionState,
  Event,
  EventList,
  Explanation,
  Health,
  Holder,
  Intent,
  Move,
  MoveList,
  OperationTimes,
  OperationTimesList,
  Problem,
  Readiness,
  Redelivery,
  Report,
  Route,
  Server,
  ServerList,
  Stream,
  StreamList,
  StreamMove,
  Viewer,
  ViewerList,
  Webhook,
  WebhookList,
};
