export { createAnnouncedStreams, followsOnAnnounced } from './announced-streams';
export { createAnnouncedWatched, followsOnWatched } from './announced-watched';
export { cursorOf, type DeadLetter } from './dead-letters';
export { createEventPost, type EventFormat } from './deliver-event';
export {
  createDelivery,
  type Delivery,
  type DeliveryOperations,
  type DeliveryProblem,
  type Webhook,
  type WebhookView,
} from './delivery';
export type { DispatcherStats } from './dispatcher';
export * from './event';
export { eventIdPattern, idBefore, isEventId } from './event-id';
export { createEventLog, type EventLog, type EventLogOptions } from './event-log';
export { announcerFrom } from './leadership';
export { createLeasedDelivery } from './leased-delivery';
export { deliveryMetrics, eventMetrics } from './metrics';
export { type AnnouncedStream, createStreamEvents, type StreamEvents, type StreamHolders } from './stream-events';
export { createViewerEvents, type ViewerEvents } from './viewer-events';
