import type { IncomingHttpHeaders } from 'node:http';

/** What an answer says by which two states of a file can be told apart (RFC 9110, 8.8). */
export interface Validators {
  /** As it came, `W/` included; undefined where there is none. */
  readonly entityTag: string | undefined;
  /** As it came; undefined where there is none. */
  readonly lastModified: string | undefined;
  /** Whether the file was at rest for so long before the answer that another change would show in another date. */
  readonly isDateStrong: boolean;
}

/** Two changes within one second have the same date, and the clocks of a provider's machines may differ (RFC 9110, 8.8.2.2). */
const restMs = 60_000;

export function readValidators(headers: IncomingHttpHeaders): Validators {
  const { etag, date } = headers;
  const lastModified = headers['last-modified'];
  const restedMs = Date.parse(date ?? '') - Date.parse(lastModified ?? '');
  return { entityTag: etag, lastModified, isDateStrong: restedMs >= restMs };
}

/** What may stand in `If-Range` at the source that gave these validators: never a weak one (RFC 9110, 13.1.5). */
export function ifRangeOf({ entityTag, lastModified, isDateStrong }: Validators): string | undefined {
  if (entityTag !== undefined) return isStrong(entityTag) ? entityTag : undefined;
  return isDateStrong ? lastModified : undefined;
}

/**
 * Whether two answers are of the same bytes for certain, if their lengths agree too. Equal strong entity tags say so. A weak tag says nothing of bytes, and of a
 * file that has none the date is all there is: then both must give the same one, and a strong one. Tags that differ say no, whatever the dates are.
 */
export function isSameFile(one: Validators, other: Validators): boolean {
  if (one.entityTag !== undefined && other.entityTag !== undefined) {
    if (opaqueTag(one.entityTag) !== opaqueTag(other.entityTag)) return false;
    if (isStrong(one.entityTag) && isStrong(other.entityTag)) return true;
  }
  return (
    one.isDateStrong && other.isDateStrong && one.lastModified !== undefined && one.lastModified === other.lastModified
  );
}

function isStrong(entityTag: string): boolean {
  return /^"[^"]*"$/.test(entityTag);
}

function opaqueTag(entityTag: string): string {
  return entityTag.replace(/^W\//, '');
}
