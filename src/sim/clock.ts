/** Milliseconds since 1970, with fractions. Only ever moves forward between two calls of one clock. */
export type Clock = () => number;

/** The machine's clock in microseconds, strictly increasing: two publishers that start together still have an order. */
export function systemClock(): Clock {
  let lastMicros = 0;
  return () => {
    const nowMicros = Math.floor((performance.timeOrigin + performance.now()) * 1000);
    lastMicros = Math.max(nowMicros, lastMicros + 1);
    return lastMicros / 1000;
  };
}

/** What Go writes for a time that was never set. */
export const GO_ZERO_TIME = '0001-01-01T00:00:00Z';

/** A time as Go's JSON encoder writes it (RFC 3339 with up to nine digits of a second), here with microseconds. */
export function goTime(epochMs: number): string {
  const micros = Math.round(epochMs * 1000);
  const text = new Date(Math.floor(micros / 1000)).toISOString().slice(0, -1);
  const digits = `${text.slice(20)}${String(micros % 1000).padStart(3, '0')}`.replace(/0+$/, '');
  return `${text.slice(0, 19)}${digits === '' ? '' : `.${digits}`}Z`;
}
