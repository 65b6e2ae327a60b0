import type * as z from 'zod/mini';
import { type Contract, neededFields } from '../api/schemas';
import { ownValue } from '../wire';

/** A value as an agent of another version may say it: only what is needed is there for certain, and words may be others than are known here. */
export type Tolerant<T> =
  T extends Contract<infer Needed, infer Rest>
    ? { readonly [Key in keyof Needed]: Tolerant<Needed[Key]> } & {
        readonly [Key in keyof Rest]?: Tolerant<Rest[Key]> | null | undefined;
      }
    : T extends z.ZodMiniArray<infer Item>
      ? Tolerant<Item>[]
      : T extends z.ZodMiniNullable<infer Inner> | z.ZodMiniOptional<infer Inner>
        ? Tolerant<Inner> | null | undefined
        : T extends z.core.$ZodType<infer Value>
          ? Value extends string
            ? string
            : Value
          : never;

/** What contracts are made of. */
type Kind =
  | z.core.$ZodObject
  | z.core.$ZodArray
  | z.core.$ZodRecord
  | z.core.$ZodNullable
  | z.core.$ZodOptional
  | z.core.$ZodUnknown
  | z.core.$ZodEnum
  | z.core.$ZodLiteral
  | z.core.$ZodString
  | z.core.$ZodNumber
  | z.core.$ZodBoolean;

/**
 * The first thing that keeps a value from being understood, as a path: `servers.0.name`, empty for the value as a whole. Undefined when it can be
 * understood: what is not known here may be in it, and fields that are not needed may be missing.
 */
export function whatIsMissing(schema: z.core.$ZodType, value: unknown): string | undefined {
  const { def } = (schema as Kind)._zod;
  switch (def.type) {
    case 'object': {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return '';
      const needed = neededFields.get(schema)?.fields ?? [];
      return firstMissing(Object.entries(def.shape), ([key, field]) => {
        const inner = ownValue(value as Readonly<Record<string, unknown>>, key);
        const mayBeMissing = (inner === undefined || inner === null) && !needed.includes(key);
        return mayBeMissing ? undefined : at(key, whatIsMissing(field, inner));
      });
    }
    case 'array':
      if (!Array.isArray(value)) return '';
      return firstMissing(value.entries(), ([i, item]) => at(String(i), whatIsMissing(def.element, item)));
    case 'record':
      if (typeof value !== 'object' || value === null) return '';
      return firstMissing(Object.entries(value), ([key, item]) => at(key, whatIsMissing(def.valueType, item)));
    case 'nullable':
    case 'optional':
      return value === null || value === undefined ? undefined : whatIsMissing(def.innerType, value);
    case 'unknown':
      return undefined;
    // All our words and constants are text.
    case 'enum':
    case 'literal':
      return typeof value === 'string' ? undefined : '';
    case 'string':
    case 'number':
    case 'boolean':
      return typeof value === def.type ? undefined : '';
  }
}

/** Whether a value can be understood, as `whatIsMissing` has it. */
export function isUnderstood<T extends z.core.$ZodType>(schema: T, value: unknown): value is Tolerant<T> {
  return whatIsMissing(schema, value) === undefined;
}

function firstMissing<T>(items: Iterable<T>, missingIn: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const missing = missingIn(item);
    if (missing !== undefined) return missing;
  }
  return undefined;
}

function at(key: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  return path === '' ? key : `${key}.${path}`;
}
