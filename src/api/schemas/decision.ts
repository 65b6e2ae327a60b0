import * as z from 'zod/mini';
import { ageMs, ageMsOrNull, count, described, flag, list, record, text, textOrNull } from './kinds';
import { Move } from './move';
import { RelayStream } from './relay-stream';

export const DecisionState = described(
  z.enum(['located', 'placed', 'unknown']),
  '`located`: a server has the stream live, or shows its filler while the publisher is away. `placed`: nobody has it, the server is where it should start. ' +
    '`unknown`: there is not enough evidence, HAProxy uses its own memory.',
);

const serverOrNull = described(
  textOrNull,
  "The server's name in haproxy.cfg; null exactly when the state is `unknown`.",
);

/** What servers are. */
export const serverKind = z.enum(['mediamtx', 'relay']);

export const Route = record({ stream: text, state: DecisionState }, { session: text, server: serverOrNull });
const howKnown = 'How the fact became known.';
const evidenceSource = z.enum(['inventory', 'lookup', 'push']);

/** Of a holder: how that is known. */
export const holderEvidence = record(
  {},
  {
    source: described(evidenceSource, howKnown),
    ageMs,
    stale: described(flag, "The server's Control API has not confirmed it lately: a last good answer."),
  },
);

export const Explanation = record(
  {
    stream: text,
    state: DecisionState,
    because: described(text, 'The rule in one sentence.'),
    evidence: list(
      record(
        { server: text, says: z.enum(['live', 'not live', 'no answer', 'filler']) },
        {
          source: described(z.nullable(evidenceSource), howKnown),
          ageMs: ageMsOrNull,
          stale: flag,
          path: described(
            z.nullable(z.enum(['startable', 'configured', 'not configured', 'unknown'])),
            'What a server that has not got the stream could do about it: start it for a viewer, wait for its publisher, nothing; or it has not said. Null where it has the stream.',
          ),
        },
      ),
    ),
  },
  {
    session: textOrNull,
    server: serverOrNull,
    rule: z.enum([
      'moved-by-operator',
      'only-holder',
      'newest-publisher',
      'spread-by-session',
      'filler',
      'placed-on-demand',
      'placed-unsure',
      'placed-as-configured',
      'placed-by-hash',
      'no-server',
      'no-evidence',
      'invalid-name',
      'canary',
      'relay-of-account',
    ]),
    move: described(z.nullable(Move), "An operator's choice that is in force."),
    haproxy: described(
      z.nullable(
        z.array(
          record(
            { node: text },
            {
              lastServer: described(
                textOrNull,
                "The server in the stick table `streams`; of a relay's stream, that of its account in `relay_accounts`.",
              ),
              route: described(textOrNull, 'The server that routes.map names.'),
              sessions: described(z.record(z.string(), count), 'Sessions of the stream, by server.'),
              error: described(textOrNull, 'Why it could not be asked.'),
            },
          ),
        ),
      ),
      'What each HAProxy holds; null where none is controlled.',
    ),
    relay: described(z.nullable(RelayStream), 'What relays say of it; null for what is no stream of theirs.'),
    next: list(text, 'What happens to the next viewers, in sentences.'),
    kind: described(serverKind, 'What has the stream, or where it would be placed.'),
  },
);
