export type { CourierStats } from './courier';
export { createDelivery, type Delivery, type Webhook } from './delivery';
export * from './event';
export { idBefore, isEventId } from './event-id';
export { createEventLog, type EventLog, type EventLogOptions, type EventLogStats } from './event-log';
export { createStreamEvents, type StreamEvents, type StreamHolders } from './stream-events';
export { createToldStreams } from './told-streams';
export { createToldWatched } from './told-watched';
export { createViewerEvents, type ViewerEvents } from './viewer-events';
