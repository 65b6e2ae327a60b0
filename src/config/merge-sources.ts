import type { Origin } from './origin';
import { secretOfFile } from './secret-of-file';
import { settingKeys } from './setting-keys';
import type { Source } from './source';
import { type Path, putAt, type Tree, valueAt } from './tree';

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
export function mergeSources(sources: readonly Source[]): ReadonlyMap<string, GivenValue> {
  const merged = new Map<string, GivenValue>();
  for (const source of sources) {
    for (const path of givenPaths(source.tree)) {
      const key = path.join('.');
      merged.delete(`${key}File`);
      const secret = secretOfFile(path);
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
function givenPaths(tree: Tree): (readonly string[])[] {
  return settingKeys.flatMap(({ path, meta }) => {
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
