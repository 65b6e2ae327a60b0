import type { PayloadOptions, RuntimeClient } from './client';
import { noSuchThing } from './no-such-thing';
import { refusal } from './refusal';
import { failure, quote, type RuntimeResult, success } from './result';

/**
 * Runs a command whose one good answer is to say nothing. `name` is what it is about (a server, a table, a map), for messages.
 * `known` reads further answers that this command may give.
 */
export async function executeSilent(
  client: RuntimeClient,
  words: readonly string[],
  name: string,
  options: PayloadOptions = {},
  known?: (reply: string) => RuntimeResult<never> | undefined,
): Promise<RuntimeResult<undefined>> {
  const reply = await client.execute(words, options);
  if (!reply.ok) return reply;
  const text = reply.value.trimEnd();
  if (text === '') return success(undefined);
  const command = words.slice(0, 2).join(' ');
  return (
    noSuchThing(client, text, name) ??
    refusal(text, command) ??
    known?.(text) ??
    failure('unexpected', `HAProxy answered "${command}" of ${name} with ${quote(text)}`)
  );
}
