import { ownValue } from './own-value';

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `80ms`, `2s`, `30m`, `1h`, or a number of milliseconds (as a number or as digits) → milliseconds; undefined for anything else. */
export function parseDuration(given: unknown): number | undefined {
  if (typeof given === 'number') return Number.isInteger(given) && given >= 0 ? given : undefined;
  if (typeof given !== 'string') return undefined;
  const match = /^(\d{1,12})(ms|s|m|h)?$/.exec(given);
  if (match === null) return undefined;
  return Number(match[1]) * (ownValue(unitsMs, match[2] ?? 'ms') ?? 1);
}

/**
 * A regular expression (in the syntax that ECMAScript, Python and Rust share) of the durations in a range, both of them included, for the schema
 * of what `parseDuration` reads; `unit` is whether one must be given.
 */
export function durationPattern(leastMs: number, mostMs: number, unit: 'needed' | 'may be left out'): string {
  const ofUnits = Object.entries(unitsMs).flatMap(([name, unitMs]) => {
    const [least, most] = [Math.ceil(leastMs / unitMs), Math.floor(mostMs / unitMs)];
    const ending = name === 'ms' && unit === 'may be left out' ? '(ms)?' : name;
    return least > most ? [] : [`(${wholeNumbers(least, most).join('|')})${ending}`];
  });
  return `^(${ofUnits.join('|')})$`;
}

/** Patterns of the whole numbers in a range: 15 to 3600 → `1[5-9]`, `[2-9][0-9]{1}`, `[1-9][0-9]{2}`, …, `3600`. */
function wholeNumbers(least: number, most: number): string[] {
  const patterns: string[] = [];
  for (let from = least; from <= most; ) {
    // As many last digits as are free from here on, and then the digit before them.
    let free = 1;
    while (from % (free * 10) === 0 && from + free * 10 - 1 <= most && from > 0) free *= 10;
    const digit = Math.floor(from / free) % 10;
    const last = Math.min(9, digit + Math.floor((most - from + 1) / free) - 1);
    const before = Math.floor(from / (free * 10));
    const digits = free > 1 ? `[0-9]{${String(free).length - 1}}` : '';
    patterns.push(`${before > 0 ? before : ''}${digit === last ? digit : `[${digit}-${last}]`}${digits}`);
    from += (last - digit + 1) * free;
  }
  return patterns;
}

/** Milliseconds in the largest unit that leaves no rest: 80 → `80ms`, 2000 → `2s`, 90000 → `90s`, 0 → `0ms`. */
export function formatDuration(durationMs: number): string {
  for (const unit of ['h', 'm', 's']) {
    const unitMs = ownValue(unitsMs, unit) ?? 1;
    if (durationMs > 0 && durationMs % unitMs === 0) return `${durationMs / unitMs}${unit}`;
  }
  return `${durationMs}ms`;
}
