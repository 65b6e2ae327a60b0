import * as z from 'zod/mini';
import { described, list, mostOnPage, record, text, textOrNull, time } from './kinds';

export const EventType = z.enum([
  'stream.started',
  'stream.ended',
  'stream.moved',
  'stream.conflict',
  'stream.watched',
  'stream.unwatched',
  'viewer.joined',
  'viewer.left',
  'server.up',
  'server.down',
  'server.suspect',
  'server.intent',
  'haproxy.reloaded',
  'agent.started',
  'stream.failover',
  'stream.failed',
]);

export const Event = record(
  {
    id: described(text, 'Ascending as text: the cursor, and `Last-Event-ID`.'),
    time,
    type: EventType,
    data: z.record(z.string(), z.unknown()),
  },
  {
    specversion: z.literal('1.0'),
    source: text,
    subject: described(textOrNull, 'The stream, or the server where there is no stream.'),
    datacontenttype: z.literal('application/json'),
  },
  'CloudEvents 1.0, JSON format.',
);
export const EventList = record(
  { events: list(Event, 'Oldest first.', mostOnPage) },
  { next: described(textOrNull, 'The `after` with which to go on; null when there is nothing yet.') },
);
