import type { StoredEvent } from '../events';

/** An event, with every field there. */
export function eventView({ subject, ...event }: StoredEvent) {
  return { ...event, subject };
}
