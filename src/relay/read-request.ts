import * as z from 'zod/mini';
import { ownValue } from '../wire';
import { type Refused, refused } from './endpoint';

type Read = { readonly value: unknown; readonly refused?: undefined } | { readonly refused: Refused };

/** Of a path that has none; others are ignored, `api_token` among them. */
export const noParameters = z.object({});

/** Reads the parameters of a query; what is wrong is told without what was given, which may hold secrets. */
export function readParameters(shape: z.ZodMiniObject, query: Readonly<Record<string, unknown>>): Read {
  const read = z.safeParse(shape, query);
  if (read.success) return { value: read.data };
  const name = String(read.error.issues[0]?.path[0] ?? '');
  const isMissing = ownValue(query, name) === undefined;
  const detail = `The parameter "${name}" is ${isMissing ? 'missing' : 'wrong'}.`;
  return { refused: refused('Unprocessable', detail, allowedIn(shape, name)) };
}

/** Reads a body, in the same way. */
export function readFields(shape: z.ZodMiniType, body: unknown): Read {
  const read = z.safeParse(shape, body);
  if (read.success) return { value: read.data };
  const [name, ...inside] = read.error.issues[0]?.path ?? [];
  if (name === undefined || !(shape instanceof z.ZodMiniObject)) {
    return { refused: refused('Unprocessable', 'The body must be a JSON object.') };
  }
  const isMissing =
    inside.length === 0 && ownValue((body ?? {}) as Readonly<Record<string, unknown>>, String(name)) === undefined;
  const at = inside.filter((step) => typeof step === 'number').map((step) => `[${step}]`);
  const detail = isMissing
    ? `The body lacks "${String(name)}".`
    : `The field "${String(name)}${at.join('')}" is wrong.`;
  return { refused: refused('Unprocessable', detail, allowedIn(shape, String(name))) };
}

function allowedIn(shape: z.ZodMiniObject, name: string): { readonly allowed?: string } {
  let schema: z.core.$ZodType | undefined = ownValue(shape.shape as Readonly<Record<string, z.core.$ZodType>>, name);
  while (schema !== undefined) {
    const { allowed } = z.globalRegistry.get(schema) ?? {};
    if (typeof allowed === 'string') return { allowed };
    const { innerType } = schema._zod.def as { readonly innerType?: z.core.$ZodType };
    schema = innerType;
  }
  return {};
}
