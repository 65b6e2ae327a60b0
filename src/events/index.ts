export * from './event';
export { idBefore, isEventId } from './event-id';
export { createEventLog, type EventLog, type EventLogOptions, type EventLogStats, type EventQuery } from './event-log';
export {
  createStreamEvents,
  type StreamEvents,
  type StreamHolder,
  type StreamHolders,
  type ToldStream,
} from './stream-events';
export { createToldStreams, type ToldStreams } from './told-streams';
export { createToldWatched } from './told-watched';
export { createViewerEvents, type ViewerEvents } from './viewer-events';
export type { CourierStats, DeadLetter } from './courier';
export { createDelivery, type Delivery, type Webhook } from './delivery';
