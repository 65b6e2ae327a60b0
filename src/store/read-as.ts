import * as z from 'zod/mini';

/** Reads stored documents by a schema: undefined where one does not fit; what the schema does not name is left out. */
export function readAs<T>(schema: z.ZodMiniType<T>): (stored: unknown) => T | undefined {
  return (stored) => z.safeParse(schema, stored).data;
}

/** A time as documents have it: RFC 3339, or whatever else Date can read. */
export const storedTime = z.string().check(z.refine((text) => Number.isFinite(Date.parse(text))));
