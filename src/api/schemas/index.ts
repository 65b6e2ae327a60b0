import type * as z from 'zod/mini';
import { DecisionState, Explanation, Route } from './decision';
import { Event, EventList } from './event';
import type { Making } from './kinds';
import { Move, MoveList, StreamMove } from './move';
import { Problem } from './problem';
import { Health, OperationTimes, OperationTimesList, Readiness } from './program';
import { RelayConfig, RelayConfigList } from './relay-config';
import {
  RelayAccountList,
  RelayFailoverDone,
  RelayOverview,
  RelayStream,
  RelayStreamList,
  RelayWhy,
} from './relay-stream';
import { ControlledServer, Intent, Server, ServerList } from './server';
import { Holder, Stream, StreamList } from './stream';
import { Viewer, ViewerList } from './viewer';
import { DeadLetter, DeadLetterList, Redelivery, Report, Webhook, WebhookList } from './webhook';

export { type Contract, type Making, mostOnPage, neededFields } from './kinds';
export { mostClients, mostFailovers, mostRelayRows } from './relay-stream';
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
  RelayStreamList,
  RelayStream,
  RelayAccountList,
  RelayFailoverDone,
  RelayConfig,
  RelayConfigList,
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
  RelayAccountList,
  RelayConfig,
  RelayConfigList,
  RelayFailoverDone,
  RelayOverview,
  RelayStream,
  RelayStreamList,
  RelayWhy,
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

/** The types of what is answered, by the same names. */
export type Said = { readonly [Name in keyof typeof contract]: z.infer<(typeof contract)[Name]> };

/** What such an answer is made of. */
export type Answer<Name extends keyof Said> = Making<Said[Name]>;
