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
