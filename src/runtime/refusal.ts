import { failure, quote, type RuntimeResult } from './result';

/** The refusals that any command may meet, or undefined: level too low, a command that this version does not know, a command that its buffer cannot hold. */
export function refusal(reply: string, command: string): RuntimeResult<never> | undefined {
  const firstLine = reply.slice(0, 200).split('\n', 1)[0] ?? '';
  if (firstLine.startsWith('Permission denied')) {
    return failure('denied', `HAProxy does not permit "${command}" here: the "stats socket" line needs "level admin"`);
  }
  if (firstLine.startsWith('Unknown command')) {
    return failure('unexpected', `HAProxy does not know "${command}": ${quote(firstLine)}`);
  }
  if (/^The command (line )?is too big for the buffer size/.test(firstLine)) {
    return failure('too-large', `"${command}" does not fit HAProxy's tune.bufsize`);
  }
  return undefined;
}
