import { failure, quote, type RuntimeResult, success } from './result';

/**
 * What a line of a payload may hold: printable ASCII, words separated by single spaces. Between `<<` and the empty line HAProxy takes bytes as they
 * come, so an empty line would end the payload and turn its rest into commands, and a newline or NUL would split a line in two.
 */
const payloadLine = /^[!-~]+(?: [!-~]+)*$/;
const longestLine = 4096;

/**
 * The bytes that follow a command: `" <<"`, a newline, the lines, and the empty line that ends them.
 * Error: `invalid-command`, naming the line that cannot be sent. From 2.9 on another end than the empty line can be chosen; all versions know this one.
 */
export function payloadText(lines: readonly string[]): RuntimeResult<string> {
  if (lines.length === 0) return failure('invalid-command', 'a payload has at least one line');
  for (const [index, line] of lines.entries()) {
    if (line.length <= longestLine && payloadLine.test(line)) continue;
    return failure('invalid-command', `line ${index + 1} of the payload cannot be sent to HAProxy: ${quote(line)}`);
  }
  return success(` <<\n${lines.join('\n')}\n\n`);
}
