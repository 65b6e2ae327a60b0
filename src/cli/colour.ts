import type { Terminal } from './terminal';

/** Colours of a terminal's own palette, and one that is less than usual. */
export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';

/** Gives a text a colour, or leaves it as it is where none are wanted. The text must be printable already. */
export type Paint = (colour: Colour, text: string) => string;

const codes: Readonly<Record<Colour, number>> = { red: 31, green: 32, yellow: 33, cyan: 36, dim: 2, bold: 1 };

/** Leaves texts as they are. */
export const plain: Paint = (_colour, text) => text;

/** Colours only where a person looks on (a terminal, and not a dumb one) and has not said no: https://no-color.org. */
export function paintFor({ stdout, env }: Pick<Terminal, 'stdout' | 'env'>): Paint {
  const noColor = env['NO_COLOR'];
  if (stdout.isTTY !== true || env['TERM'] === 'dumb' || (noColor !== undefined && noColor !== '')) return plain;
  return (colour, text) => `\u001b[${codes[colour]}m${text}\u001b[0m`;
}

/** The colour of a state of HAProxy, a wish, or the health of an API; undefined where there is nothing to heed. */
export function colourOf(state: string | null | undefined): Colour | undefined {
  switch (state ?? '') {
    case 'DOWN':
    case 'suspect':
    case 'failing':
      return 'red';
    case 'drain':
    case 'maint':
    case 'external':
    case 'placed':
    case 'unknown':
      return 'yellow';
    case 'UP':
    case 'ready':
    case 'ok':
    case 'located':
      return 'green';
    default:
      return undefined;
  }
}
