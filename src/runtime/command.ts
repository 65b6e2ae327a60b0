import { failure, quote, type RuntimeResult, success } from './result';

/**
 * What a word of a command may hold. HAProxy's CLI gives a meaning to `;` (next command), `\` (escape), newline, space and tab (next word)
 * and `<<` (payload follows); a stream name comes from the viewer's URL. So words are checked against what names, addresses, numbers and table
 * keys need, and anything else is refused instead of escaped.
 */
const word = /^[A-Za-z0-9_.:/@,=+%#|[\]~*-]{1,1024}$/;
const notAllowed = /[^A-Za-z0-9_.:/@,=+%#|[\]~*-]/u;

/** HAProxy splits a command into at most 64 words and reads it into one buffer (`tune.bufsize`, 16384 bytes by default). */
const mostWords = 63;
const longestLine = 8192;

/**
 * One command line without its newline, e.g. `['show', 'servers', 'state', 'mtx']` → `show servers state mtx`.
 * Error: `invalid-command`, which names the word and the character.
 */
export function commandLine(words: readonly string[]): RuntimeResult<string> {
  if (words.length === 0 || words.length > mostWords) {
    return failure('invalid-command', `a command has 1 to ${mostWords} words, not ${words.length}`);
  }
  for (const candidate of words) {
    if (word.test(candidate)) continue;
    return failure('invalid-command', `${quote(candidate)} cannot be sent to HAProxy: ${whyNot(candidate)}`);
  }
  const line = words.join(' ');
  if (line.length > longestLine) {
    return failure('invalid-command', `the command has ${line.length} characters, more than ${longestLine}`);
  }
  return success(line);
}

function whyNot(candidate: string): string {
  if (candidate === '') return 'the word is empty';
  const character = notAllowed.exec(candidate)?.[0];
  if (character === undefined) return `the word has ${candidate.length} characters, more than 1024`;
  return `${quote(character)} is not allowed (letters, digits and _ . : / @ , = + % # | [ ] ~ * - are)`;
}

/**
 * What a line of a payload may hold: printable ASCII, words separated by single spaces. Between `<<` and the empty line HAProxy takes bytes as they
 * come, so an empty line would end the payload and turn its rest into commands, and a newline or NUL would split a line in two.
 */
const payloadLine = /^[!-~]+(?: [!-~]+)*$/;
const longestPayloadLine = 4096;

/**
 * The bytes that follow a command: `" <<"`, a newline, the lines, and the empty line that ends them.
 * Error: `invalid-command`, naming the line that cannot be sent. From 2.9 on another end than the empty line can be chosen; all versions know this one.
 */
export function payloadText(lines: readonly string[]): RuntimeResult<string> {
  if (lines.length === 0) return failure('invalid-command', 'a payload has at least one line');
  for (const [index, line] of lines.entries()) {
    if (line.length <= longestPayloadLine && payloadLine.test(line)) continue;
    return failure('invalid-command', `line ${index + 1} of the payload cannot be sent to HAProxy: ${quote(line)}`);
  }
  return success(` <<\n${lines.join('\n')}\n\n`);
}

const entryWord = /^[A-Za-z0-9_.:/@,=+%|[\]~*-][A-Za-z0-9_.:/@,=+%#|[\]~*-]{0,1023}$/;

/**
 * `key value`, as a line of a payload, or `invalid-command`. Both are single words of the characters that commandLine allows; a key must not begin with `#`,
 * which `set map` and `del map` take for the address of an entry.
 */
export function mapEntryLine(key: string, value: string): RuntimeResult<string> {
  const bad = entryWord.test(key) ? (entryWord.test(value) ? undefined : value) : key;
  if (bad === undefined) return success(`${key} ${value}`);
  return failure('invalid-command', `${quote(bad)} cannot be sent to HAProxy as part of a map entry`);
}

/** HAProxy takes a name that begins with `@` for a version (`virt@routes` is fine), and `#` alone for nothing. */
export function badMapName(map: string): RuntimeResult<never> | undefined {
  if (!map.startsWith('@') && map !== '#') return undefined;
  return failure('invalid-command', `${quote(map)} is no name of a map: see the list of "show map"`);
}

/** The commands that are told apart in figures. */
export const commandNames = [
  'show info',
  'show env',
  'show stat',
  'show servers',
  'show table',
  'show map',
  'set server',
  'clear table',
  'prepare map',
  'add map',
  'set map',
  'del map',
  'clear map',
  'commit map',
  'other',
] as const;
export type CommandName = (typeof commandNames)[number];

const known: ReadonlySet<string> = new Set(commandNames);

/** What a command counts as: its first two words, or `other`. Never an argument, so the set is bounded. */
export function commandName(words: readonly string[]): CommandName {
  const name = words.slice(0, 2).join(' ');
  return known.has(name) ? (name as CommandName) : 'other';
}
