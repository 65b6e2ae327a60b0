import { ownValue } from '../wire';

/** The variables that HAProxy expands while it reads its configuration. */
export type Environment = ReadonlyMap<string, string>;

/** The words of one line, and what HAProxy would refuse in it (undefined: nothing). The words are there all the same. */
export interface SplitLine {
  readonly words: readonly string[];
  readonly mistake: string | undefined;
}

const plainEscapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

/**
 * Splits a line of a configuration into words as HAProxy does (configuration manual, 2.2 "Quoting and escaping" and 2.3
 * "Environment variables"): blanks separate, `#` starts a comment, quotes and backslashes protect, and within double quotes
 * `$NAME`, `${NAME}`, `${NAME-default}` and `${NAME[*]}` are replaced. The default stands in only for a variable that is not set,
 * not for an empty one. Never throws.
 */
export function splitLine(text: string, environment: Environment): SplitLine {
  const words: string[] = [];
  let word: string | undefined;
  let quote: '"' | "'" | undefined;
  let mistake: string | undefined;
  let at = 0;
  const end = (): void => {
    if (word !== undefined) words.push(word);
    word = undefined;
  };

  while (at < text.length) {
    const character = text.charAt(at);
    if (quote === undefined && (character === ' ' || character === '\t' || character === '\r')) {
      end();
      at++;
    } else if (quote === undefined && character === '#') {
      break;
    } else if ((character === '"' || character === "'") && (quote === undefined || quote === character)) {
      quote = quote === undefined ? character : undefined;
      word ??= '';
      at++;
    } else if (character === '\\' && quote !== "'") {
      const escape = readEscape(text, at);
      mistake ??= escape.mistake;
      word = (word ?? '') + escape.value;
      at = escape.next;
    } else if (character === '$' && quote === '"') {
      const variable = readVariable(text, at, environment);
      mistake ??= variable.mistake;
      at = variable.next;
      if (variable.isList) {
        const [first = '', ...others] = variable.value.split(' ').filter((part) => part !== '');
        word = (word ?? '') + first;
        for (const other of others) {
          end();
          word = other;
        }
      } else word = (word ?? '') + variable.value;
    } else {
      word = (word ?? '') + character;
      at++;
    }
  }
  if (quote !== undefined) mistake ??= `a ${quote} that is not closed`;
  end();
  return { words, mistake };
}

interface Read {
  readonly value: string;
  readonly next: number;
  readonly mistake: string | undefined;
}

/** What a backslash at `at` stands for; before a character that needs no escape it stands for itself. */
function readEscape(text: string, at: number): Read {
  const escaped = text.charAt(at + 1);
  const plain = ownValue(plainEscapes, escaped);
  if (plain !== undefined) return { value: plain, next: at + 2, mistake: undefined };
  if (escaped !== '' && ' \\#"\'$'.includes(escaped)) return { value: escaped, next: at + 2, mistake: undefined };
  if (escaped === 'x') {
    const hex = /^[0-9a-fA-F]{2}/.exec(text.slice(at + 2, at + 4))?.[0];
    return hex === undefined
      ? { value: '', next: at + 2, mistake: '\\x without two hexadecimal digits' }
      : { value: String.fromCharCode(Number.parseInt(hex, 16)), next: at + 4, mistake: undefined };
  }
  return { value: '\\', next: at + 1, mistake: undefined };
}

/** The variable whose `$` is at `at`. */
function readVariable(text: string, at: number, environment: Environment): Read & { readonly isList: boolean } {
  // Sticky, so that a line full of dollars is not copied once for each of them.
  const pattern = /\$(?:\{(\.?[A-Za-z_]\w*)(\[\*\])?(?:-([^}]*))?\}|([A-Za-z_]\w*))/y;
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  if (match === null) return { value: '$', next: at + 1, mistake: 'a $ without the name of a variable', isList: false };
  const [whole, braced, list, otherwise, bare] = match;
  const value = environment.get(braced ?? bare ?? '') ?? otherwise ?? '';
  return { value, next: at + whole.length, mistake: undefined, isList: list !== undefined };
}
