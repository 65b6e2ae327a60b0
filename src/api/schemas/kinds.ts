import * as z from 'zod/mini';

type Shape = Readonly<Record<string, z.core.$ZodType>>;

/** An object of the API. */
export interface Contract<Needed extends Shape, Rest extends Shape> extends z.ZodMiniObject<Needed & Rest> {
  /** Never there: it tells the compiler which fields are needed. */
  readonly needed?: Needed;
}

/** Which fields of an object are needed. */
export const neededFields = z.registry<{ readonly fields: readonly string[] }>();

/**
 * An object of which every field is always there; one that is not known is null. An agent of another version may leave out what is in `rest`, while
 * an answer without what is needed tells nothing.
 */
export function record<Needed extends Shape, Rest extends Shape>(
  needed: Needed,
  rest: Rest,
  description?: string,
): Contract<Needed, Rest> {
  const plain: Contract<Needed, Rest> = z.object({ ...needed, ...rest });
  const made = description === undefined ? plain : described(plain, description);
  neededFields.add(made, { fields: Object.keys(needed) });
  return made;
}

/** The same with its meaning in a sentence, for the OpenAPI document. */
export function described<T extends z.ZodMiniType>(schema: T, description: string): T {
  return schema.check(z.describe(description));
}

/** A list of at most so many items. */
export function list<T extends z.ZodMiniType>(items: T, description?: string, most?: number): z.ZodMiniArray<T> {
  const bounded = most === undefined ? z.array(items) : z.array(items).check(z.maxLength(most));
  return description === undefined ? bounded : described(bounded, description);
}

/** The most items on a page of anything. */
export const mostOnPage = 1000;

export const text = z.string();
export const textOrNull = z.nullable(text);
export const flag = z.boolean();
export const count = z.int().check(z.gte(0));
export const countOrNull = z.nullable(count);
export const time = z.string().check(z.meta({ format: 'date-time', description: 'RFC 3339.' }));
const atLeast0 = z.number().check(z.gte(0));
export const ageMs = described(atLeast0, 'Milliseconds.');
export const ageMsOrNull = described(z.nullable(atLeast0), 'Milliseconds.');
export const msOrNull = z.nullable(atLeast0);
export const seconds = atLeast0;

/** `next` of a list that comes page by page. */
export const nextPage = described(textOrNull, 'The `cursor` of the next page; null on the last one.');

/**
 * What an answer is made of: where the contract says null, undefined will do, and lists may be made while they are sent. The answer has null and
 * arrays there.
 */
export type Making<T> = T extends readonly (infer Item)[]
  ? Iterable<Making<Item>>
  : T extends object
    ? { readonly [Key in keyof T]: Making<T[Key]> }
    : T extends null
      ? null | undefined
      : T;
