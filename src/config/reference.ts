import { metaOf } from './keys';
import { keysIn, type SettingKey, schemaAt, settingKeys, unwrap } from './setting-keys';
import type { Path } from './tree';

/**
 * The configuration reference: a Markdown table of every key with type, default, environment variable and meaning, and one of the keys inside lists
 * and maps.
 */
export function renderReference(): string {
  const rows = settingKeys.map((key) => [
    code(key.key),
    key.meta.type,
    key.standard === undefined ? '–' : code(key.standard),
    code(key.variable),
    key.meta.description,
  ]);
  const inner = settingKeys.flatMap(innerRows);
  return [
    ...table(['Key', 'Type', 'Default', 'Variable', 'Meaning'], rows),
    '',
    ...table(['Key inside a list or map', 'Type', 'Needed', 'Meaning'], inner),
    '',
  ].join('\n');
}

function innerRows({ key, path, meta }: SettingKey): string[][] {
  if (meta.type !== 'list' && meta.type !== 'map') return [];
  const element: Path = [...path, meta.type === 'list' ? 0 : 'NAME'];
  return keysIn(element).map((name) => {
    const schema = schemaAt([...element, name]);
    const innerMeta = schema === undefined ? undefined : metaOf(schema);
    const isNeeded = schema !== undefined && unwrap(schema) === schema;
    const where = meta.type === 'list' ? `${key}[].${name}` : `${key}.NAME.${name}`;
    return [code(where), innerMeta?.type ?? '', isNeeded ? 'yes' : 'no', innerMeta?.description ?? ''];
  });
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${' --- |'.repeat(head.length)}`, ...rows.map(line)];
}

function code(text: string): string {
  return `\`${text}\``;
}
