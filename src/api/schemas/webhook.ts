import * as z from 'zod/mini';
import { Event, EventType } from './event';
import {
  ageMsOrNull,
  count,
  countOrNull,
  described,
  flag,
  list,
  mostOnPage,
  nextPage,
  record,
  text,
  textOrNull,
  time,
} from './kinds';

export const Webhook = record(
  {
    name: text,
    state: described(
      z.enum(['delivering', 'failing', 'gone', 'elsewhere']),
      '`failing`: the last attempt failed, it is tried again. `gone`: it answered 410; nothing is sent until a replay is requested or its url changes. ' +
        '`elsewhere`: another of the agents that share a store delivers, and knows how that goes.',
    ),
  },
  {
    types: list(EventType, 'Which types of events it wants; an empty list means all.'),
    streams: described(textOrNull, 'Only events of streams whose names fit.'),
    signed: flag,
    trouble: described(textOrNull, 'Why the last attempt failed.'),
    waiting: described(countOrNull, 'Events still to be delivered to it; null where another agent delivers.'),
    oldestAgeMs: described(ageMsOrNull, 'Age of the oldest of them, in milliseconds; 0 without one.'),
  },
  'A receiver of events, as events.webhooks names it. Its url is not shown: it may hold secrets.',
);
export const WebhookList = record({ webhooks: list(Webhook) }, {});
export const DeadLetter = record(
  { webhook: text, event: Event },
  {
    attempts: count,
    reason: described(text, 'Why the last attempt failed.'),
    time: described(time, 'RFC 3339: when it was given up.'),
  },
  'An event that could not be delivered for longer than giveUpAfter.',
);
export const DeadLetterList = record(
  { deadLetters: list(DeadLetter, 'The latest events first.', mostOnPage) },
  { next: nextPage },
);
export const Redelivery = record(
  { delivered: described(count, 'They are dead letters no more.'), failed: count },
  { trouble: described(textOrNull, 'Why the last one failed.') },
);
export const Report = record(
  {},
  { stream: described(textOrNull, 'The stream whose servers are asked now; null when there is no need to.') },
);
