import { ownValue } from '../wire';

const unitsMs: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A time as HAProxy writes it (configuration manual, 2.5), in milliseconds, its own unit where none is given; undefined for anything else. */
export function parseHaproxyTime(text: string): number | undefined {
  const match = /^(\d{1,12})(us|ms|s|m|h|d)?$/.exec(text);
  return match === null ? undefined : Number(match[1]) * (ownValue(unitsMs, match[2] ?? 'ms') ?? 1);
}

const sizes: Readonly<Record<string, number>> = { k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** A size as HAProxy writes it: `200k`, `1m`, `500000`; undefined for anything else. */
export function parseHaproxySize(text: string): number | undefined {
  const match = /^(\d{1,15})([kmg])?$/i.exec(text);
  return match === null ? undefined : Number(match[1]) * (ownValue(sizes, match[2]?.toLowerCase() ?? '') ?? 1);
}
