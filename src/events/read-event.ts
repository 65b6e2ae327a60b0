import * as z from 'zod/mini';
import { readAs } from '../store';
import { eventTypes, type StoredEvent } from './event';

export const storedEvent = z.object({
  specversion: z.literal('1.0'),
  id: z.string(),
  time: z.string(),
  source: z.string(),
  type: z.enum(eventTypes),
  subject: z.optional(z.string()),
  datacontenttype: z.literal('application/json'),
  data: z.record(z.string(), z.unknown()),
});

/** Checks a stored event; undefined when it is none, or one of a type that this version does not know. */
export const readEvent = readAs<StoredEvent>(storedEvent);
