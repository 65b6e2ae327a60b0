import { readFileSync, statSync } from 'node:fs';
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { errorText, ownValue } from '../wire';
import { withoutEmptySections } from './check-source';
import { quoteGiven } from './quote-given';
import type { Registry } from './registry';
import type { ReadSource } from './source';
import type { Path, Tree } from './tree';

const largestFileBytes = 1024 * 1024;

/** Reads a YAML file (1.2, one document, at most 1 MiB). What cannot be read is an error that names file, line and column. */
export function fileSource(registry: Registry, file: string): ReadSource {
  const bad = (error: string): ReadSource => ({ source: undefined, errors: [error], warnings: [] });
  let text: string;
  try {
    const { size } = statSync(file);
    if (size > largestFileBytes) return bad(`${file}: the file has ${size} bytes, more than ${largestFileBytes}`);
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return bad(`${file}: ${fileError(error)}`);
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const mistakes = [...document.errors, ...document.warnings];
  if (mistakes.length > 0) {
    const errors = mistakes.map(({ pos, code, message }) => {
      const { line, col } = lines.linePos(pos[0]);
      return `${file}:${line}:${col}: not valid YAML: ${code === 'MULTIPLE_DOCS' ? 'a second document begins' : message}`;
    });
    return { source: undefined, errors, warnings: [] };
  }
  let given: unknown;
  try {
    given = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    // Only aliases fail this late: one without an anchor, or so many that they would fill the memory.
    const reason = errorText(error);
    return bad(`${file}: not valid YAML: ${reason} (a text that begins with * needs quotes)`);
  }
  const tree = withoutEmptySections(given, registry.schema);
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) {
    return bad(`${file}:1: ${quoteGiven(tree)} is not allowed, expected the keys ${registry.keysIn([]).join(', ')}`);
  }
  const origin = (path: Path) => {
    const offset = offsetOf(document.contents, path) ?? 0;
    return { source: 'file', file, line: lines.linePos(offset).line } as const;
  };
  return { source: { tree: tree as Tree, origin }, errors: [], warnings: [] };
}

/** What to say when a file cannot be read. */
export function fileError(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const texts: Readonly<Record<string, string>> = {
    ENOENT: 'no such file',
    EACCES: 'no permission to read it',
    EISDIR: 'is a directory',
    ENOTDIR: 'no such file',
  };
  return ownValue(texts, code) ?? `cannot be read (${code})`;
}

/** Where the deepest key or list item on a path begins. */
function offsetOf(contents: Node | null, path: Path): number | undefined {
  let node: unknown = contents;
  let offset: number | undefined;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => (isScalar(key) ? String(key.value) : undefined) === String(step));
      if (pair === undefined) break;
      offset = isScalar(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(step)];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}
