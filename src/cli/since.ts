import { InvalidArgumentError } from 'commander';
import { parseDuration } from '../wire';

/** Reads `--since`: how long ago (`90s`, `30m`, `2h`), or a time as in RFC 3339. @returns the time in RFC 3339, UTC. */
export function parseSince(text: string): string {
  const agoMs = /^\d+(ms|s|m|h)$/.test(text) ? parseDuration(text) : undefined;
  const timeMs =
    agoMs !== undefined ? Date.now() - agoMs : /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  if (!(timeMs >= 0)) {
    throw new InvalidArgumentError('Expected how long ago, such as 30m, or a time, such as 2026-11-21T10:00:00Z.');
  }
  return new Date(timeMs).toISOString();
}
