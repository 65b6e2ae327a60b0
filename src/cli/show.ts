import type { Answer } from './ask-agent';
import { type Paint, paintFor } from './colour';
import { printable, printableJson } from './printable';
import { type ExitCode, exitCodes, type Terminal } from './terminal';

/** How an answer is shown. */
export interface Shown<T> {
  readonly json: boolean;
  /** For people; it may use colours where the terminal has them. */
  readonly text: (value: T, paint: Paint) => string;
  readonly exitCode: (value: T) => ExitCode;
}

/** Prints an answer for people or as JSON, or what went wrong, and gives the exit code. */
export function show<T>(terminal: Terminal, answer: Answer<T>, shown: Shown<T>): ExitCode {
  if (!answer.ok) {
    terminal.stderr.write(`mtxpilot: ${printable(answer.message)}\n`);
    return answer.exitCode;
  }
  const { value } = answer;
  terminal.stdout.write(shown.json ? `${printableJson(value)}\n` : shown.text(value, paintFor(terminal)));
  return shown.exitCode(value);
}

/** The exit code of a question about one stream: 0 when a server has it. */
export function foundOrNot({ state }: { readonly state: string }): ExitCode {
  return state === 'located' ? exitCodes.ok : exitCodes.problem;
}
