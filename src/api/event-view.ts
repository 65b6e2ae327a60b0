import type { StoredEvent } from '../events';
import type * as said from './schemas';
import type { Making } from './schemas';

/** An event, with every field there. */
export function eventView({ subject, ...event }: StoredEvent): Making<said.Event> {
  return { ...event, subject };
}
