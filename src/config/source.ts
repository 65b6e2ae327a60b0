import type { Origin } from './origin';
import type { Path } from './setting-keys';

/** Values as they were given in one place, nested by section, not yet checked. */
export type Tree = { [key: string]: unknown };

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

/** What stands at a path; undefined where nothing does. */
export function valueAt(tree: unknown, path: Path): unknown {
  let value = tree;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[step];
  }
  return value;
}

/** Puts a value at a path, with the sections on the way; every step becomes a property of its own, `__proto__` too. */
export function putAt(tree: Tree, path: readonly string[], value: unknown): void {
  const [first, ...rest] = path;
  if (first === undefined) return;
  const set = (inner: unknown) => {
    Object.defineProperty(tree, first, { value: inner, enumerable: true, writable: true, configurable: true });
  };
  if (rest.length === 0) {
    set(value);
    return;
  }
  const inner = valueAt(tree, [first]);
  const section: Tree = typeof inner === 'object' && inner !== null ? (inner as Tree) : {};
  set(section);
  putAt(section, rest, value);
}
