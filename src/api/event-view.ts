import type { StoredEvent } from '../events';
import type { Answer } from './schemas';

/** An event, with every field there. */
export function eventView({ subject, ...event }: StoredEvent): Answer<'Event'> {
  return { ...event, subject };
}
