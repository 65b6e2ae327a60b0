import { isRecord } from '../wire';
import { type EventType, eventTypes, type StoredEvent } from './event';

/** Checks a stored event; undefined when it is none, or one of a type that this version does not know. */
export function readEvent(value: unknown): StoredEvent | undefined {
  if (!isRecord(value)) return undefined;
  const { specversion, id, time, source, type, subject, datacontenttype, data } = value;
  if (specversion !== '1.0' || datacontenttype !== 'application/json') return undefined;
  if (typeof id !== 'string' || typeof time !== 'string' || typeof source !== 'string') return undefined;
  if (!isEventType(type) || !isRecord(data)) return undefined;
  if (subject !== undefined && typeof subject !== 'string') return undefined;
  const event = { specversion, id, time, source, type, datacontenttype, data } as const;
  return subject === undefined ? event : { ...event, subject };
}

export function isEventType(value: unknown): value is EventType {
  return (eventTypes as readonly unknown[]).includes(value);
}
