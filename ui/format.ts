/** What stands where nothing is known. */
export const unknownText = '–';

/** `1234567` as `1,234,567`; what is not known as a dash. */
export function formatCount(value: number | null | undefined): string {
  return value === null || value === undefined ? unknownText : Math.round(value).toLocaleString('en');
}

/** A rate or another small figure with as many digits as it is worth: `0.4`, `12`, `1,234`. */
export function formatRate(value: number | null | undefined): string {
  if (value === null || value === undefined) return unknownText;
  if (value !== 0 && Math.abs(value) < 0.05) return '<0.1';
  return Math.abs(value) < 10 ? String(Math.round(value * 10) / 10) : formatCount(value);
}

/** Milliseconds as people read them: `35 µs`, `1.2 ms`, `80 ms`, `1.5 s`. */
export function formatTook(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return unknownText;
  if (ms < 0.9995) return `${Math.round(ms * 1000)} µs`;
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  return ms < 999.5 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** An age in one unit: `0.4 s`, `12 s`, `3 min`, `5 h`, `2 d`. */
export function formatAge(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return unknownText;
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  if (seconds < 5970) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** An age that nobody needs to the tenth of a second, as in "for 3 min". */
export function formatSince(time: string | null | undefined, nowMs: number): string {
  if (time === null || time === undefined) return unknownText;
  const ms = nowMs - Date.parse(time);
  return ms < 10_000 ? `${Math.max(0, Math.floor(ms / 1000))} s` : formatAge(ms);
}

/** Bytes a second as bits: `820 kbit/s`, `4.2 Mbit/s`. */
export function formatBits(bytesPerSecond: number | null | undefined): string {
  if (bytesPerSecond === null || bytesPerSecond === undefined) return unknownText;
  const bits = bytesPerSecond * 8;
  if (bits < 999_500) return `${Math.round(bits / 1000)} kbit/s`;
  if (bits < 999_500_000) return `${(bits / 1e6).toFixed(1)} Mbit/s`;
  return `${(bits / 1e9).toFixed(1)} Gbit/s`;
}

/** Bytes, by thousands: `820 B`, `12 kB`, `4.2 MB`, `1.3 GB`. */
export function formatBytes(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined) return unknownText;
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 999_500) return `${Math.round(bytes / 1000)} kB`;
  return bytes < 999_500_000 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** `1 viewer`, `12 viewers`. */
export function counted(count: number, thing: string): string {
  return `${formatCount(count)} ${thing}${count === 1 ? '' : 's'}`;
}

/** The time of day in the browser's zone, always with 24 hours: `14:03:22`. */
export function formatClock(time: string | number): string {
  return new Date(time).toLocaleTimeString('en-GB', { hour12: false });
}
