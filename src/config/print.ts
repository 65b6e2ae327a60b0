import { Document, isMap, type Pair, Scalar } from 'yaml';
import type { Registry } from './registry';
import { type Origin, originText } from './source';
import { putAt, type Tree, valueAt } from './tree';

/**
 * The settings as the configuration file would have them: every key, durations and addresses as people write them, secrets as `(hidden)`.
 * A password that came from a file is left out, since the file's name is there.
 */
export function writtenSettings({ keys }: Registry, settings: object): Tree {
  const written: Tree = {};
  for (const { path, meta } of keys) {
    const value = valueAt(settings, path);
    if (value === undefined) continue;
    if (meta.type === 'secret' && valueAt(settings, [...path.slice(0, -1), `${path.at(-1) ?? ''}File`]) !== undefined)
      continue;
    putAt(written, path, meta.write(value));
  }
  for (const { path, meta } of keys) {
    if (meta.type === 'map') putAt(written, path, withoutReadSecrets(valueAt(written, path)));
  }
  return written;
}

/** The sections of a map without the secrets whose files they name. */
function withoutReadSecrets(sections: unknown): unknown {
  const kept = Object.entries(sections ?? {}).map(([name, section]: [string, Tree]) => [
    name,
    Object.fromEntries(Object.entries(section).filter(([key]) => !Object.hasOwn(section, `${key}File`))),
  ]);
  return Object.fromEntries(kept) as unknown;
}

/**
 * The effective settings as YAML, with the origin of each value that is not a default as a comment.
 * It can be read back as it is, but for secrets.
 */
export function printSettings(registry: Registry, settings: object, origins: Readonly<Record<string, Origin>>): string {
  const document = new Document(writtenSettings(registry, settings));
  for (const [key, origin] of Object.entries(origins)) {
    const pair = pairAt(document.contents, key);
    const note = ` from ${originText(origin)}`;
    if (pair?.value instanceof Scalar) pair.value.comment = note;
    else if (pair?.key instanceof Scalar) pair.key.commentBefore = note;
  }
  return document.toString({ lineWidth: 0 });
}

/** The pair of a dotted key. A server's name may hold dots, so every name that fits is followed. */
function pairAt(node: unknown, key: string): Pair | undefined {
  if (!isMap(node)) return undefined;
  for (const pair of node.items) {
    const name = String(pair.key instanceof Scalar ? pair.key.value : '');
    if (key === name) return pair;
    const found = key.startsWith(`${name}.`) ? pairAt(pair.value, key.slice(name.length + 1)) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}
