import { errorText } from '../wire';
import type { EventDraft, StoredEvent } from './event';

const maxEventBytes = 64 * 1024;

/** The event, but for its id; or why it is none. @param source as in EventLogOptions. */
export function makeEvent(draft: EventDraft, source: string, timeMs: number): Omit<StoredEvent, 'id'> | string {
  const { type, stream, server, reason, evidence } = draft;
  let data: Record<string, unknown>;
  try {
    // A copy as JSON has it: the caller may go on with his own, and what is passed on now is what is read again.
    const text = JSON.stringify({ stream, server, reason, evidence, ...draft.data });
    if (Buffer.byteLength(text) > maxEventBytes) return `its data is larger than ${maxEventBytes} bytes`;
    data = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    return `its data is no JSON (${errorText(error)})`;
  }
  const subject = stream ?? server;
  return {
    specversion: '1.0',
    time: new Date(timeMs).toISOString(),
    source,
    type,
    ...(subject === undefined ? {} : { subject }),
    datacontenttype: 'application/json',
    data,
  };
}
