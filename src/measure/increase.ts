/** How much a counter has grown. One that is smaller than before began anew at zero, as HAProxy's do with each process. */
export function increase(before: number, after: number): number {
  return after < before ? after : after - before;
}
