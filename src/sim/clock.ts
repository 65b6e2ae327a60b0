/** Milliseconds since 1970, with fractions. Only ever moves forward between two calls of one clock. */
export type Clock = () => number;

/** The machine's clock in microseconds, strictly increasing: two publishers that start together still have an order. */
export function systemClock(): Clock {
  let last = 0;
  return () => {
    const now = performance.timeOrigin + performance.now();
    last = now > last ? now : last + 0.001;
    return last;
  };
}

/** What Go writes for a time that was never set. */
export const GO_ZERO_TIME = '0001-01-01T00:00:00Z';

/** A time as Go's JSON encoder writes it (RFC 3339 with up to nine digits of a second), here with microseconds. */
export function goTime(epochMs: number): string {
  const micros = Math.floor((epochMs - Math.floor(epochMs)) * 1000);
  const text = new Date(Math.floor(epochMs)).toISOString().slice(0, -1);
  const digits = `${text.slice(20)}${String(micros).padStart(3, '0')}`.replace(/0+$/, '');
  return `${text.slice(0, 19)}${digits === '' ? '' : `.${digits}`}Z`;
}
