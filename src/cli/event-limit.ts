import { InvalidArgumentError } from 'commander';

/** Reads `--limit` of events: a whole number from 1 to 1000. */
export function parseEventLimit(text: string): number {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > 1000) throw new InvalidArgumentError('Expected a whole number from 1 to 1000.');
  return limit;
}
