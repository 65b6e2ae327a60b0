import { z } from 'zod';
import { isWrapper, type KeyMeta, metaOf } from './keys';
import { settingsSchema } from './schema';
import { type Path, valueAt } from './tree';

/** One key of the configuration that a variable or flag can set as a whole. */
export interface SettingKey {
  /** e.g. `lookup.missTtl`. */
  readonly key: string;
  readonly path: readonly string[];
  /** e.g. `MTXPILOT_LOOKUP_MISS_TTL`. */
  readonly variable: string;
  /** e.g. `--lookup-miss-ttl`; undefined for secrets (a command line is public), lists and maps. */
  readonly flag: string | undefined;
  readonly meta: KeyMeta;
  /** The default as it is written in the file, e.g. `500ms`; undefined where there is none. */
  readonly standard: string | undefined;
}

/** Every key, in the order of the schema. */
export const settingKeys: readonly SettingKey[] = keysOf(settingsSchema, [], settingsSchema.parse({}));

function keysOf(schema: z.ZodType, path: readonly string[], standard: unknown): SettingKey[] {
  const meta = metaOf(schema);
  if (meta !== undefined) return [settingKey(path, meta, standard)];
  const section = unwrap(schema);
  if (!(section instanceof z.ZodObject)) return [];
  return Object.entries(section.shape).flatMap(([name, inner]) =>
    keysOf(inner as z.ZodType, [...path, name], valueAt(standard, [name])),
  );
}

function settingKey(path: readonly string[], meta: KeyMeta, standard: unknown): SettingKey {
  const words = path.flatMap((name) => name.split(/(?=[A-Z])/));
  const hasFlag = !['secret', 'list', 'map'].includes(meta.type);
  return {
    key: path.join('.'),
    path,
    variable: `MTXPILOT_${words.join('_').toUpperCase()}`,
    flag: hasFlag ? `--${words.join('-').toLowerCase()}` : undefined,
    meta,
    standard: standard === undefined ? undefined : writtenText(meta.write(standard)),
  };
}

/**
 * The default of a key inside a list or map, as it is written in the file; undefined where there is none: it may be left out, or it is
 * needed.
 */
export function innerStandard(schema: z.ZodType): string | undefined {
  const standard = schema.safeParse(undefined);
  if (!standard.success || standard.data === undefined) return undefined;
  return writtenText(metaOf(schema)?.write(standard.data) ?? standard.data);
}

function writtenText(written: unknown): string {
  return typeof written === 'string' ? written : JSON.stringify(written);
}

/** The schema without its default. */
export function unwrap(schema: z.ZodType): z.ZodType {
  return isWrapper(schema) ? unwrap(schema.unwrap() as z.ZodType) : schema;
}

/** The schema of what stands at a path, through lists and maps; undefined where the schema knows no such place. */
export function schemaAt(path: Path): z.ZodType | undefined {
  let schema: z.ZodType | undefined = settingsSchema;
  for (const step of path) {
    const outer: z.ZodType | undefined = schema === undefined ? undefined : unwrap(schema);
    if (outer instanceof z.ZodObject) schema = outer.shape[String(step)] as z.ZodType | undefined;
    else if (outer instanceof z.ZodArray) schema = outer.element as z.ZodType;
    else if (outer instanceof z.ZodRecord) schema = outer.valueType as z.ZodType;
    else return undefined;
  }
  return schema;
}

/** The keys that may stand in the section at a path; empty where there is no section. */
export function keysIn(path: Path): readonly string[] {
  const schema = schemaAt(path);
  const section = schema === undefined ? undefined : unwrap(schema);
  return section instanceof z.ZodObject ? Object.keys(section.shape) : [];
}

/** A path as people write it: `mediamtx.servers.mtx2.api`, `servers[0].address`. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? String(step) : `${text}.${String(step)}`;
  }, '');
}
