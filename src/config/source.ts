import type { Origin } from './origin';
import type { Path, Tree } from './tree';

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
