/**
 * What a record itself holds under a key that may be any text. `record[key]` would also answer `constructor`, `toString` and `__proto__`, with what
 * every object inherits.
 */
export function ownValue<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
