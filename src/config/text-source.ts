import { parse as parseYaml } from 'yaml';
import { withoutEmptySections } from './check-source';
import type { KeyMeta } from './keys';
import { nearest } from './nearest';
import { quoteText } from './quote-given';
import { type Registry, type SettingKey, unknownKey } from './registry';
import { type Origin, originText, type ReadSource } from './source';
import { type Path, putAt, type Tree } from './tree';

/** One setting on the command line: `{ flag: '--set', key: 'lookup.ttl', value: '5s' }`. */
export interface FlagSetting {
  /** As the person wrote it, for messages. */
  readonly flag: string;
  readonly key: string;
  readonly value: string;
}

/** Variables that are ours but no settings. */
const otherVariables = ['MTXPILOT_CONFIG', 'MTXPILOT_URL'];
/** Kubernetes gives these to every pod of a namespace that has a service called `mtxpilot`. */
const serviceLink = /^MTXPILOT_(?:SERVICE_(?:HOST|PORT)|PORT(?:_\d+_(?:TCP|UDP)(?:_(?:PROTO|PORT|ADDR))?)?$)/;

/**
 * The settings among the environment's variables, `MTXPILOT_SPOE_LISTEN` and so on. An empty variable counts as not given. A variable that is
 * no setting is a warning and no error: others may set variables that begin like ours.
 */
export function environmentSource(registry: Registry, env: NodeJS.ProcessEnv): ReadSource {
  const given: Given[] = [];
  const warnings: string[] = [];
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith('MTXPILOT_') || text === undefined || text === '') continue;
    const known = registry.keys.find((candidate) => candidate.variable === variable);
    if (known !== undefined) {
      const { path, meta } = known;
      given.push({ path, meta, text, origin: { source: 'environment', variable } });
    } else if (!otherVariables.includes(variable) && !serviceLink.test(variable)) {
      const like = nearestVariable(registry, variable);
      warnings.push(`${variable}: no such setting${like === undefined ? '' : `, did you mean ${like}?`}`);
    }
  }
  return { ...readGiven(registry, given), warnings };
}

/** Compared without the prefix that all share. */
function nearestVariable({ keys }: Registry, variable: string): string | undefined {
  const prefix = 'MTXPILOT_';
  const known = [...keys.map((candidate) => candidate.variable), ...otherVariables];
  const like = nearest(
    variable.slice(prefix.length),
    known.map((candidate) => candidate.slice(prefix.length)),
  );
  return like === undefined ? undefined : prefix + like;
}

/** The settings of a command line; of two for the same key, the later counts. */
export function flagSource(registry: Registry, flags: readonly FlagSetting[]): ReadSource {
  const given: Given[] = [];
  const errors: string[] = [];
  const warnings: string[] = [];
  for (const { flag, key, value: text } of flags) {
    const found = keyNamed(registry, key);
    if (typeof found === 'string') {
      errors.push(`${flag}: ${found}`);
      continue;
    }
    given.push({ ...found, text, origin: { source: 'flag', flag } });
    if (found.meta.type === 'secret') {
      warnings.push(`${flag}: ${key} on a command line can be read by every user of this machine, use ${key}File`);
    }
  }
  const read = readGiven(registry, given);
  return { source: read.source, errors: [...errors, ...read.errors], warnings };
}

/** One value of a key as text. */
export interface Given {
  readonly path: readonly string[];
  readonly meta: KeyMeta;
  readonly text: string;
  readonly origin: Origin;
}

/** The key of that name, also inside the map of servers, or what is wrong with the name. */
function keyNamed(registry: Registry, key: string): Pick<SettingKey, 'path' | 'meta'> | string {
  const { keys } = registry;
  const known = keys.find((candidate) => candidate.key === key);
  if (known !== undefined) return known;
  for (const { path, meta } of keys) {
    const prefix = `${path.join('.')}.`;
    // A server's name may hold dots: the key is what follows the last one.
    const dot = key.lastIndexOf('.');
    if (meta.type !== 'map' || !key.startsWith(prefix) || dot < prefix.length) continue;
    const map = [...path, key.slice(prefix.length, dot)];
    const inner = key.slice(dot + 1);
    const innerMeta = registry.metaAt([...map, inner]);
    return innerMeta === undefined ? unknownKey(registry, map, inner) : { path: [...map, inner], meta: innerMeta };
  }
  const inside = keys.filter((candidate) => candidate.key.startsWith(`${key}.`)).map((candidate) => candidate.key);
  if (inside.length > 0) return `${key} is a section, give one of its keys: ${inside.join(', ')}`;
  const path = key.split('.');
  const section = path.slice(0, -1);
  const isSection = keys.some(
    ({ path: known }) => known.length > section.length && section.every((step, i) => step === known[i]),
  );
  return isSection ? unknownKey(registry, section, path.at(-1) ?? '') : unknownKey(registry, [], key);
}

/** The values of keys that were given as texts. */
export function readGiven({ schema }: Registry, given: readonly Given[]): Pick<ReadSource, 'source' | 'errors'> {
  const tree: Tree = {};
  const errors: string[] = [];
  for (const { path, meta, text, origin } of given) {
    const read = valueOf(meta, text);
    if ('error' in read) errors.push(`${originText(origin)}: ${path.join('.')}: ${read.error}`);
    else putAt(tree, path, read.value);
  }
  const origin = (path: Path): Origin => {
    const found = given.findLast((one) => one.path.every((step, index) => step === path[index]));
    return found?.origin ?? given[0]?.origin ?? { source: 'flag', flag: '--set' };
  };
  return { source: { tree: withoutEmptySections(tree, schema) as Tree, origin }, errors };
}

/** A text as the file would have it: digits are a number where a number belongs, lists and maps are YAML (and so JSON), a list is `a, b` as well. */
function valueOf(meta: KeyMeta, text: string): { readonly value: unknown } | { readonly error: string } {
  if (meta.type === 'number') return { value: /^-?\d{1,15}(?:\.\d{1,15})?$/.test(text) ? Number(text) : text };
  if (meta.type !== 'list' && meta.type !== 'map') return { value: text };
  try {
    const value = parseYaml(text, { prettyErrors: false, stringKeys: true, logLevel: 'error' }) as unknown;
    // One element alone needs no brackets, and several need commas.
    if (meta.type === 'list' && typeof value === 'string') return { value: value.split(',').map((one) => one.trim()) };
    return { value };
  } catch {
    return { error: `${quoteText(text)} is not valid YAML, expected ${meta.allowed}` };
  }
}
