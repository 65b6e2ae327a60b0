const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `80ms`, `2s`, `30m`, `1h`, or a number of milliseconds (as a number or as digits) → milliseconds; undefined for anything else. */
export function parseDuration(given: unknown): number | undefined {
  if (typeof given === 'number') return Number.isInteger(given) && given >= 0 ? given : undefined;
  if (typeof given !== 'string') return undefined;
  const match = /^(\d{1,12})(ms|s|m|h)?$/.exec(given);
  if (match === null) return undefined;
  return Number(match[1]) * (unitsMs[match[2] ?? 'ms'] ?? 1);
}

/** Milliseconds in the largest unit that leaves no rest: 80 → `80ms`, 2000 → `2s`, 90000 → `90s`, 0 → `0ms`. */
export function formatDuration(durationMs: number): string {
  for (const unit of ['h', 'm', 's']) {
    const unitMs = unitsMs[unit] ?? 1;
    if (durationMs > 0 && durationMs % unitMs === 0) return `${durationMs / unitMs}${unit}`;
  }
  return `${durationMs}ms`;
}
