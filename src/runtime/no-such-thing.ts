import type { RuntimeClient } from './client';
import { failure, type RuntimeResult } from './result';

/** What HAProxy says when a name in a command means nothing to it; the same words in 2.6, 3.0 and 3.2. */
const noSuch: ReadonlyMap<string, string> = new Map([
  ["Can't find backend.", 'backend'],
  ['No such proxy.', 'backend'],
  ['No such backend.', 'backend'],
  ['No such server.', 'server'],
  ['No such table', 'table'],
  ['Unknown map identifier. Please use #<id> or <file>.', 'map'],
]);

/** `not-found`, when the reply is one of HAProxy's ways to say so. `name` is what was asked for. */
export function noSuchThing(client: RuntimeClient, reply: string, name: string): RuntimeResult<never> | undefined {
  if (reply.length > 200) return undefined;
  const kind = noSuch.get(reply.trimEnd());
  return kind === undefined ? undefined : failure('not-found', `HAProxy at ${client.name} has no ${kind} ${name}`);
}
