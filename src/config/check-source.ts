import * as z from 'zod';
import { ownValue } from '../wire';
import { quoteGiven, quoteText } from './quote-given';
import { pathText, type Registry, unknownKey, unwrap } from './registry';
import { originText, type Source } from './source';
import { type Path, type Tree, valueAt } from './tree';

/**
 * What is wrong with the values of one source, a line a mistake, in the order of the file:
 * `mtxpilot.yaml:3: lookup.deadline: "soon" is not allowed, expected a duration …`.
 */
export function checkSource(registry: Registry, source: Source): string[] {
  const found = [...prototypeKeys(registry, source.tree), ...twiceGivenSecrets(registry, source.tree)];
  const checked = registry.schema.safeParse(source.tree);
  if (!checked.success)
    found.push(...checked.error.issues.flatMap((issue) => describeIssue(registry, issue, source.tree)));
  const lines = found.map(({ path, text }) => {
    const origin = source.origin(path);
    return { line: origin.source === 'file' ? origin.line : 0, text: `${originText(origin)}: ${text}` };
  });
  return lines.sort((a, b) => a.line - b.line).map(({ text }) => text);
}

interface Mistake {
  readonly path: Path;
  readonly text: string;
}

function describeIssue(registry: Registry, issue: z.core.$ZodIssue, tree: Tree): Mistake[] {
  const { path } = issue;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...path, key], text: unknownKey(registry, path, key) }));
  }
  if (issue.code === 'invalid_key') {
    const name = quoteText(String(path.at(-1)));
    const map = path.slice(0, -1);
    return [
      {
        path,
        text: `${pathText(map)}: ${name} is not the name of a ${namesOf(registry, map)}, ${expected(registry, map)}`,
      },
    ];
  }
  const given = valueAt(tree, path);
  const verdict = given === undefined ? 'is missing' : `${shown(registry, given, path)} is not allowed`;
  return [{ path, text: `${pathText(path)}: ${verdict}, ${expected(registry, path)}` }];
}

/** What the names in a map are names of. */
function namesOf(registry: Registry, map: Path): string {
  return registry.metaAt(map)?.namesOf ?? 'section';
}

/** What was given, without what is nobody's business in a log. */
function shown(registry: Registry, given: unknown, path: Path): string {
  const type = registry.metaAt(path)?.type;
  if (type === 'secret' && typeof given === 'string') return 'this text';
  if (type === 'secret' && typeof given === 'number') return 'a number';
  if (type === 'URL' && typeof given === 'string') return quoteText(given.replace(/\/\/.*@/, '//(hidden)@'));
  return quoteGiven(given);
}

function expected(registry: Registry, path: Path): string {
  return `expected ${registry.metaAt(path)?.allowed ?? `a section with the keys ${registry.keysIn(path).join(', ')}`}`;
}

/** A key `__proto__` is no key anywhere, and the one that a map of names would swallow silently. */
function prototypeKeys(registry: Registry, tree: Tree): Mistake[] {
  return registry.keys
    .filter(({ meta }) => meta.type === 'map')
    .filter(({ path }) => Object.keys(valueAt(tree, path) ?? {}).includes('__proto__'))
    .map(({ path, key }) => ({
      path: [...path, '__proto__'],
      text: `${key}: "__proto__" is not the name of a ${namesOf(registry, path)}`,
    }));
}

/** In one source, a secret and the file that holds it contradict each other. */
function twiceGivenSecrets(registry: Registry, tree: Tree): Mistake[] {
  const paths = registry.keys.flatMap(({ path, meta }) => (meta.type === 'map' ? pathsInside(tree, path) : [path]));
  return paths.flatMap((path) => {
    const secret = registry.secretOfFile(path);
    if (secret === undefined || valueAt(tree, path) === undefined || valueAt(tree, secret) === undefined) return [];
    return [{ path, text: `${pathText(path)}: there is a ${secret.at(-1) ?? ''} too, give one of the two` }];
  });
}

/** The keys of every section of a map. */
function pathsInside(tree: Tree, map: readonly string[]): (readonly string[])[] {
  const sections = valueAt(tree, map);
  if (typeof sections !== 'object' || sections === null) return [];
  return Object.entries(sections).flatMap(([name, section]: [string, unknown]) =>
    typeof section === 'object' && section !== null ? Object.keys(section).map((key) => [...map, name, key]) : [],
  );
}

/**
 * The tree without the nulls of sections, lists and maps that hold nothing but comments: `spoe:` alone on its line is an empty section.
 */
export function withoutEmptySections(given: unknown, schema: z.ZodType): unknown {
  const kind = unwrap(schema);
  if (kind instanceof z.ZodObject)
    return given === null
      ? {}
      : mapValues(given, (key) => ownValue(kind.shape as Readonly<Record<string, z.ZodType>>, key));
  if (kind instanceof z.ZodRecord) return given === null ? {} : mapValues(given, () => kind.valueType as z.ZodType);
  return kind instanceof z.ZodArray && given === null ? [] : given;
}

function mapValues(given: unknown, schemaOf: (key: string) => z.ZodType | undefined): unknown {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return given;
  return Object.fromEntries(
    Object.entries(given).map(([key, value]) => {
      const schema = Object.hasOwn(given, key) ? schemaOf(key) : undefined;
      return [key, schema === undefined ? (value as unknown) : withoutEmptySections(value, schema)];
    }),
  );
}
