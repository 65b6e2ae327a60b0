import * as z from 'zod/mini';
import { count, described, flag, list, msOrNull, record, seconds, text, textOrNull } from './kinds';

export const OperationTimes = record(
  {
    operation: z.enum(['route_decision', 'stream_lookup', 'inventory_poll', 'runtime_command', 'event_delivery']),
  },
  {
    unit: described(z.literal('ms'), 'Of every figure from `min` to `max`.'),
    windowSeconds: described(z.number(), 'What was asked for.'),
    coveredSeconds: described(seconds, 'What was looked at: up to 15 s more, or less while there is no more.'),
    count,
    errors: described(count, 'Of them, those that failed.'),
    min: msOrNull,
    mean: msOrNull,
    p50: msOrNull,
    p95: msOrNull,
    p99: msOrNull,
    max: msOrNull,
  },
  'How long operations took, failed ones included; null without any. `min`, `mean` and `max` are exact; the others are within 1.6 % of the ' +
    'operation of that rank (below 1 µs: within 16 ns).',
);
export const OperationTimesList = record({ operations: list(OperationTimes) }, {});
export const Health = record({ status: z.literal('ok') }, { version: text, uptimeSeconds: seconds });
export const StoreHealth = record(
  {},
  {
    up: described(flag, 'Whether the store saves what is written.'),
    failure: described(textOrNull, 'Why it does not.'),
    damage: described(
      textOrNull,
      'What was found damaged when the agent started, and is lost. The store works nevertheless.',
    ),
    leader: described(flag, 'Whether this agent, of those that share the store, announces events.'),
  },
);
export const Readiness = record(
  { status: z.literal('ready') },
  { store: described(z.nullable(StoreHealth), 'Routing needs no store.') },
);
