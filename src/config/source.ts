import type { Registry } from './registry';
import { type Path, putAt, type Tree, valueAt } from './tree';

/** Where a value was given. */
export type Origin =
  | { readonly source: 'file'; readonly file: string; readonly line: number }
  | { readonly source: 'environment'; readonly variable: string }
  | { readonly source: 'flag'; readonly flag: string };

/** The place as a person looks it up: `mtxpilot.yaml:3`, `MTXPILOT_LOG_LEVEL`, `--log-level`, or `the default`. */
export function originText(origin: Origin | undefined): string {
  switch (origin?.source) {
    case undefined:
      return 'the default';
    case 'file':
      return `${origin.file}:${origin.line}`;
    case 'environment':
      return origin.variable;
    case 'flag':
      return origin.flag;
  }
}

/** One of the places that configuration comes from. */
export interface Source {
  readonly tree: Tree;
  /** Where the value at a path was given; for a value inside a list, the nearest place that is known. */
  origin(path: Path): Origin;
}

/** A source, with what was wrong already when it was read. */
export interface ReadSource {
  readonly source: Source | undefined;
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

/** One value, as given, and where. */
export interface GivenValue {
  readonly path: readonly string[];
  readonly value: unknown;
  readonly origin: Origin;
}

/**
 * The values of several sources, the later over the earlier, key by key; lists are replaced as a whole, maps are merged by name and key.
 * A secret replaces the file of that secret of an earlier source, and the other way round.
 */
export function mergeSources(registry: Registry, sources: readonly Source[]): ReadonlyMap<string, GivenValue> {
  const merged = new Map<string, GivenValue>();
  for (const source of sources) {
    for (const path of givenPaths(registry, source.tree)) {
      const key = path.join('.');
      merged.delete(`${key}File`);
      const secret = registry.secretOfFile(path);
      if (secret !== undefined) merged.delete(secret.join('.'));
      merged.set(key, { path, value: valueAt(source.tree, path), origin: source.origin(path) });
    }
  }
  return merged;
}

/** The values as one tree, to be read by the schema. */
export function treeOf(values: Iterable<GivenValue>): Tree {
  const tree: Tree = {};
  for (const { path, value } of values) putAt(tree, path, value);
  return tree;
}

/** Where something was given, down to the keys inside a map. */
function givenPaths({ keys }: Registry, tree: Tree): (readonly string[])[] {
  return keys.flatMap(({ path, meta }) => {
    const value = valueAt(tree, path);
    if (value === undefined) return [];
    if (meta.type !== 'map') return [path];
    return keysAt(tree, path).flatMap((name) => {
      const inner = keysAt(tree, [...path, name]);
      return inner.map((key) => [...path, name, key]);
    });
  });
}

function keysAt(tree: Tree, path: Path): string[] {
  return Object.keys(valueAt(tree, path) ?? {});
}
