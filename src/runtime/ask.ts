import type { ExecuteOptions, PayloadOptions, RuntimeClient } from './client';
import { failure, quote, type RuntimeResult, success } from './result';

/** What HAProxy says when a name in a command means nothing to it; the same words in 2.6, 3.0 and 3.2. */
const noSuch: ReadonlyMap<string, string> = new Map([
  ["Can't find backend.", 'backend'],
  ['No such proxy.', 'backend'],
  ['No such backend.', 'backend'],
  ['No such server.', 'server'],
  ['No such table', 'table'],
  ['Unknown map identifier. Please use #<id> or <file>.', 'map'],
]);

/** The refusals that a command about a backend, a server, a table or a map may meet, or undefined. `name` is what was asked for. */
export function refused(
  client: RuntimeClient,
  reply: string,
  command: string,
  name?: string,
): RuntimeResult<never> | undefined {
  const kind = reply.length > 200 || name === undefined ? undefined : noSuch.get(reply.trimEnd());
  if (kind !== undefined) return failure('not-found', `HAProxy at ${client.name} has no ${kind} ${name}`);
  const firstLine = reply.slice(0, 200).split('\n', 1)[0] ?? '';
  if (firstLine.startsWith('Permission denied')) {
    return failure('denied', `HAProxy does not permit "${command}" here: the "stats socket" line needs "level admin"`);
  }
  if (firstLine.startsWith('Unknown command')) {
    return failure('unexpected', `HAProxy does not know "${command}": ${quote(firstLine)}`);
  }
  return undefined;
}

/** Asks a question, and has `parse` read the answer. `name` is what it is about, where HAProxy may say that it does not know it. */
export async function ask<T>(
  client: RuntimeClient,
  command: string,
  args: readonly string[],
  name: string | undefined,
  options: ExecuteOptions | undefined,
  parse: (reply: string) => RuntimeResult<T>,
): Promise<RuntimeResult<T>> {
  const reply = await client.execute([...command.split(' '), ...args], options);
  if (!reply.ok) return reply;
  return refused(client, reply.value, command, name) ?? parse(reply.value);
}

/**
 * Gives a command whose one good answer is to say nothing. `name` is what it is about (a server, a table, a map), for messages.
 * `known` reads further answers that this command may give.
 */
export function executeSilent(
  client: RuntimeClient,
  command: string,
  args: readonly string[],
  name: string,
  options: PayloadOptions = {},
  known?: (reply: string) => RuntimeResult<never> | undefined,
): Promise<RuntimeResult<undefined>> {
  return ask(client, command, args, name, options, (reply) => {
    const text = reply.trimEnd();
    if (text === '') return success(undefined);
    return known?.(text) ?? failure('unexpected', `HAProxy answered "${command}" of ${name} with ${quote(text)}`);
  });
}
