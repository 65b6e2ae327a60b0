import * as z from 'zod';
import { ownValue } from '../wire';
import { isWrapper, type KeyMeta, metaOf } from './keys';
import { nearest } from './nearest';
import { quoteText } from './quote-given';
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

/** Every key of the configuration: what messages, variables, flags, the reference and `mtxpilot config` are made from. */
export interface Registry<S extends z.ZodObject = z.ZodObject> {
  readonly schema: S;
  /** In the order of the schema. */
  readonly keys: readonly SettingKey[];
  /** The schema of what stands at a path, through lists and maps; undefined where the schema knows no such place. */
  schemaAt(path: Path): z.ZodType | undefined;
  /** What is known of the key at a path; undefined for a section, and where there is none. */
  metaAt(path: Path): KeyMeta | undefined;
  /** The keys that may stand in the section at a path; empty where there is no section. */
  keysIn(path: Path): readonly string[];
  /** The path of the secret that the file at a path holds: `http.token` for `http.tokenFile`; undefined for any other key. */
  secretOfFile(path: readonly string[]): readonly string[] | undefined;
}

/** @param schema the sections of every program. */
export function createRegistry<S extends z.ZodObject>(schema: S): Registry<S> {
  const schemaAt = (path: Path): z.ZodType | undefined =>
    path.reduce<z.ZodType | undefined>((outer, step) => outer && schemaInside(outer, String(step)), schema);
  const metaAt = (path: Path): KeyMeta | undefined => {
    const found = schemaAt(path);
    return found === undefined ? undefined : metaOf(found);
  };
  return {
    schema,
    keys: keysOf(schema, [], schema.parse({})),
    schemaAt,
    metaAt,
    keysIn(path) {
      const found = schemaAt(path);
      const section = found === undefined ? undefined : unwrap(found);
      return section instanceof z.ZodObject ? Object.keys(section.shape) : [];
    },
    secretOfFile(path) {
      const name = path.at(-1) ?? '';
      if (!name.endsWith('File')) return undefined;
      const secret = [...path.slice(0, -1), name.slice(0, -'File'.length)];
      return metaAt(secret)?.type === 'secret' ? secret : undefined;
    },
  };
}

function schemaInside(schema: z.ZodType, step: string): z.ZodType | undefined {
  const outer = unwrap(schema);
  if (outer instanceof z.ZodObject) return ownValue(outer.shape as Readonly<Record<string, z.ZodType>>, step);
  if (outer instanceof z.ZodArray) return outer.element as z.ZodType;
  return outer instanceof z.ZodRecord ? (outer.valueType as z.ZodType) : undefined;
}

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

/** A path as people write it: `mediamtx.servers.mtx2.api`, `servers[0].address`. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    return text === '' ? String(step) : `${text}.${String(step)}`;
  }, '');
}

/**
 * What to say about a key that does not exist: the nearest one of its section, else a key of that name (or nearly) in another section, else
 * all keys of the section.
 */
export function unknownKey(registry: Registry, section: Path, name: string): string {
  const siblings = registry.keysIn(section);
  const given = /^[\w.:-]{1,60}$/.test(name) ? pathText([...section, name]) : quoteText(name);
  const sibling = nearest(name, siblings);
  if (sibling !== undefined) return `${given}: unknown key, did you mean ${pathText([...section, sibling])}?`;
  const elsewhere = keyLike(registry, name);
  if (elsewhere !== undefined) return `${given}: unknown key, did you mean ${elsewhere}?`;
  const where = section.length === 0 ? 'at the top' : `in ${pathText(section)}`;
  return `${given}: unknown key, ${where} there are ${siblings.join(', ')}`;
}

/** The key that a word outside its section was probably meant to be: `deadline` → `lookup.deadline`. */
function keyLike({ keys }: Registry, name: string): string | undefined {
  const lastNames = keys.map(({ path }) => path.at(-1) ?? '');
  const last = nearest(name, lastNames);
  const found = keys.filter(({ path }) => path.at(-1) === last);
  // `listen` could be several: proposing one of them would mislead.
  return found.length === 1
    ? found[0]?.key
    : nearest(
        name,
        keys.map(({ key }) => key),
      );
}
