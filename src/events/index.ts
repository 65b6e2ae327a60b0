export * from './event';
export { idBefore, isEventId } from './event-id';
export { createEventLog, type EventLog, type EventLogOptions, type EventLogStats, type EventQuery } from './event-log';
