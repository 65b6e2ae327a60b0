import { printable } from './printable';

/** A cell: text stands left, numbers stand right, undefined and null are shown as `-`. */
export type Cell = string | number | null | undefined;

/** Lines with a heading and columns two spaces apart. Text is made printable. */
export function formatTable(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = rows.map((row) => row.map((cell) => (cell === '' ? '-' : printable(String(cell ?? '-')))));
  const widths = head.map((title, column) => {
    return texts.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), title.length);
  });
  const isNumeric = head.map((_, column) => rows.some((row) => typeof row[column] === 'number'));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        isNumeric[column] === true ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return `${[head, ...texts].map(line).join('\n')}\n`;
}
