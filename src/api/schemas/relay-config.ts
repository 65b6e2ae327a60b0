import * as z from 'zod/mini';
import { described, flag, list, record, text, textOrNull } from './kinds';

/*
 * What a relay is set to while it runs: what it says of itself, and what the agent makes of the answers of all relays.
 */

const number = z.number();
const streamMode = z.enum(['TS', 'HLS']);

export const RelaySetting = record(
  {
    name: described(text, 'As `POST /v1/config` takes it: `hls_max_segments`.'),
    value: described(number, 'What is in force.'),
    least: described(number, 'The least that is allowed.'),
    most: described(number, 'The most that is allowed.'),
  },
  {
    unit: described(z.enum(['segments', 's', 'target durations']), 'Of all these values.'),
    isWhole: described(flag, 'Whether only whole numbers are allowed.'),
    standard: described(number, 'The default.'),
    configured: described(number, 'What file, environment and flags say: what it becomes at a reset.'),
    isChanged: described(flag, 'Whether it was changed over the API.'),
    mostOf: described(textOrNull, 'The setting that it may not be above; null where there is none.'),
  },
  'One setting of HLS.',
);

/** What one relay says of its settings. */
export const RelayConfig = record(
  {
    tag: described(text, 'Another one after every change: the entity tag, without its quotes.'),
    streamMode: described(streamMode, 'What templates answer.'),
    settings: list(RelaySetting, 'The settings of HLS.', 64),
  },
  {
    configuredStreamMode: described(streamMode, 'What it becomes at a reset.'),
    isDurable: described(flag, 'Whether changes outlive the relay.'),
    failure: described(textOrNull, 'Why it is not the last change that is in force; null when it is.'),
  },
  'The settings of a relay that may change while it runs.',
);

export const RelayConfigList = record(
  {
    relays: list(
      record(
        { name: described(text, "The server's name in haproxy.cfg."), config: z.nullable(RelayConfig) },
        { problem: described(textOrNull, 'Why the relay gave no answer; null when it did.') },
        'What one relay is set to; `config` is null where it did not answer, or is of a version without it.',
      ),
    ),
  },
  {},
);
