import { failure, quote, type RuntimeResult } from './result';

/** The refusals that any command may meet, or undefined: "Permission denied" (level too low) and "Unknown command". */
export function refusal(reply: string, command: string): RuntimeResult<never> | undefined {
  const firstLine = reply.slice(0, 200).split('\n', 1)[0] ?? '';
  if (firstLine.startsWith('Permission denied')) {
    return failure('denied', `HAProxy does not permit "${command}" here: the "stats socket" line needs "level admin"`);
  }
  if (firstLine.startsWith('Unknown command')) {
    return failure('unexpected', `HAProxy does not know "${command}": ${quote(firstLine)}`);
  }
  return undefined;
}
