export { createToldStreams, followsOnTold } from './announced-streams';
export { createToldWatched, followsOnWatched } from './announced-watched';
export { cursorOf, type DeadLetter } from './dead-letters';
export {
  createDelivery,
  type Delivery,
  type DeliveryOperations,
  type DeliveryProblem,
  type Webhook,
  type WebhookView,
} from './delivery';
export * from './event';
export { eventIdPattern, idBefore, isEventId } from './event-id';
export { createEventLog, type EventLog, type EventLogOptions } from './event-log';
export { createLeasedDelivery } from './leased-delivery';
export { deliveryMetrics, eventMetrics } from './metrics';
export { createStreamEvents, type StreamEvents, type StreamHolders, type ToldStream } from './stream-events';
export { createViewerEvents, type ViewerEvents } from './viewer-events';
