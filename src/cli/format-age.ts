/** An age for people: `40 ms`, `2.1 s`, `75 s`, `12 min`, `3 h`; undefined stays undefined. */
export function formatAge(ageMs: number | null | undefined): string | undefined {
  if (ageMs === null || ageMs === undefined) return undefined;
  if (ageMs < 1000) return `${Math.round(ageMs)} ms`;
  const seconds = ageMs / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
