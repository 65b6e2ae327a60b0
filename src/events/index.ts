export type { CourierStats } from './courier';
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
export { idBefore, isEventId } from './event-id';
export { createEventLog, type EventLog, type EventLogOptions, type EventLogStats } from './event-log';
export { createLeasedDelivery } from './leased-delivery';
export { createStreamEvents, type StreamEvents, type StreamHolders, type ToldStream } from './stream-events';
export { createToldStreams, followsOnTold } from './told-streams';
export { createToldWatched, followsOnWatched } from './told-watched';
export { createViewerEvents, type ViewerEvents } from './viewer-events';
