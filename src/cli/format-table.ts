import { type Colour, type Paint, plain } from './colour';
import { printable } from './printable';

type Value = string | number | null | undefined;

/** A cell: text stands left, numbers stand right, undefined and null are shown as `-`; with a colour where it should be seen. */
export type Cell = Value | { readonly text: Value; readonly colour: Colour | undefined };

/** Lines with a heading and columns two spaces apart. Text is made printable. */
export function formatTable(head: readonly string[], rows: readonly (readonly Cell[])[], paint: Paint = plain): string {
  const texts = rows.map((row) => row.map(textOf));
  const widths = head.map((title, column) => {
    return texts.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), title.length);
  });
  const isNumeric = head.map((_, column) => rows.some((row) => typeof valueOf(row[column]) === 'number'));
  const padded = (text: string, column: number): string =>
    isNumeric[column] === true ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0);
  const lines = texts.map((row, index) => {
    const end = row.length - 1;
    const cells = row.map((text, column) => {
      // Nothing after the last cell: a line must not be longer than what stands in it.
      const shown = column === end && isNumeric[column] !== true ? text : padded(text, column);
      const cell = rows[index]?.[column];
      const colour = typeof cell === 'object' && cell !== null ? cell.colour : undefined;
      return colour === undefined ? shown : paint(colour, shown);
    });
    return cells.join('  ').trimEnd();
  });
  const heading = head.map(padded).join('  ').trimEnd();
  return `${[paint('bold', heading), ...lines].join('\n')}\n`;
}

function valueOf(cell: Cell): Value {
  return typeof cell === 'object' && cell !== null ? cell.text : cell;
}

function textOf(cell: Cell): string {
  const value = valueOf(cell);
  return value === '' ? '-' : printable(String(value ?? '-'));
}
