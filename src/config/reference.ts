import { type KeyMeta, metaOf } from './keys';
import { innerStandard, type Registry, type SettingKey, unwrap } from './registry';
import type { Path } from './tree';

/**
 * The configuration reference: a Markdown table of every key with type, what is allowed, default, environment variable and meaning, and one of
 * the keys inside lists and maps.
 */
export function renderReference(registry: Registry): string {
  const rows = registry.keys.map((key) => [
    code(key.key),
    key.meta.type,
    limitsOf(key.meta),
    key.standard === undefined ? '–' : code(key.standard),
    code(key.variable),
    key.meta.description,
  ]);
  const inner = registry.keys.flatMap((key) => innerRows(registry, key));
  return [
    ...table(['Key', 'Type', 'Allowed', 'Default', 'Variable', 'Meaning'], rows),
    '',
    ...table(['Key inside a list or map', 'Type', 'Allowed', 'Default', 'Meaning'], inner),
    '',
  ].join('\n');
}

function innerRows(registry: Registry, { key, path, meta }: SettingKey): string[][] {
  if (meta.type !== 'list' && meta.type !== 'map') return [];
  const element: Path = [...path, meta.type === 'list' ? 0 : 'NAME'];
  return registry.keysIn(element).flatMap((name) => {
    const schema = registry.schemaAt([...element, name]);
    const innerMeta = schema === undefined ? undefined : metaOf(schema);
    if (schema === undefined || innerMeta === undefined) return [];
    const where = meta.type === 'list' ? `${key}[].${name}` : `${key}.NAME.${name}`;
    const standard = innerStandard(schema);
    const whenLeftOut = unwrap(schema) === schema ? 'needed' : standard === undefined ? '–' : code(standard);
    return [[code(where), innerMeta.type, limitsOf(innerMeta), whenLeftOut, innerMeta.description]];
  });
}

function limitsOf({ limits, allowed }: KeyMeta): string {
  return limits ?? allowed;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${' --- |'.repeat(head.length)}`, ...rows.map(line)];
}

function code(text: string): string {
  return `\`${text}\``;
}
