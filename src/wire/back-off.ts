/** How waits grow. */
export interface BackOff {
  readonly firstMs: number;
  readonly longestMs: number;
  /** By which each wait is longer than the one before. Default 2. */
  readonly factor?: number;
}

/**
 * How long to wait after so many failures in a row, 1 or more.
 * @param random from 0 to 1: waits are up to a quarter shorter, so that not all come back at once. Default: none is shorter.
 */
export function backOffMs(failures: number, { firstMs, longestMs, factor = 2 }: BackOff, random = () => 0): number {
  return Math.min(longestMs, firstMs * factor ** (failures - 1)) * (1 - random() / 4);
}
