/** Values nested by section, not yet checked. */
export type Tree = { [key: string]: unknown };

export type Path = readonly PropertyKey[];

/** What stands at a path; undefined where nothing does. */
export function valueAt(tree: unknown, path: Path): unknown {
  let value = tree;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = Reflect.get(value, step) as unknown;
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
