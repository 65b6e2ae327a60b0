import { setTimeout as pause } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Answer } from './ask-agent';
import { type Paint, paintFor } from './colour';
import { printable } from './printable';
import { type Shown, show } from './show';
import { stopSignal } from './stop-signal';
import { type ExitCode, exitCodes, type Terminal } from './terminal';

const periodMs = 1000;

/** Sequences that every terminal of the last decades knows (xterm's, ECMA-48). */
const enterScreen = '\u001b[?1049h\u001b[?25l\u001b[?7l';
const leaveScreen = '\u001b[?7h\u001b[?25h\u001b[?1049l';
const home = '\u001b[H';
const clearLine = '\u001b[K';
const clearBelow = '\u001b[J';

/** Adds `--watch`, a view that is drawn again every second until Ctrl-C. */
export function addWatchOption(command: Command): void {
  command.option('--watch', 'redraw every second, until Ctrl-C', false);
}

/** Asks and shows once, or with `--watch` again and again; gives the exit code, which is 0 for a view that somebody ended. */
export async function showOrWatch<T>(
  command: Command,
  terminal: Terminal,
  ask: () => Promise<Answer<T>>,
  shown: Shown<T> & { readonly watch: boolean },
): Promise<ExitCode> {
  if (!shown.watch) return show(terminal, await ask(), shown);
  if (shown.json) command.error("error: option '--watch' is for people, '--json' for programs: give one of them");
  if (terminal.stdout.isTTY !== true) command.error("error: option '--watch' needs a terminal");
  const { stdout } = terminal;
  const stop = terminal.stopSignal?.() ?? stopSignal();
  const paint = paintFor(terminal);
  stdout.write(enterScreen);
  try {
    while (!stop.aborted) {
      const answer = await ask();
      const title = `${command.name()}, ${new Date().toISOString().slice(11, 19)} UTC, Ctrl-C ends`;
      const text = frameText(answer, shown.text, paint);
      stdout.write(frame([paint('dim', title), ...text.trimEnd().split('\n')], stdout.rows));
      await pause(periodMs, undefined, { signal: stop }).catch(() => undefined);
    }
  } finally {
    stdout.write(leaveScreen);
  }
  return exitCodes.ok;
}

function frameText<T>(answer: Answer<T>, text: (value: T, paint: Paint) => string, paint: Paint): string {
  return answer.ok ? text(answer.value, paint) : paint('red', printable(answer.message));
}

/** What draws the lines over what stands there, as many as there is room for. */
function frame(lines: readonly string[], rows = 0): string {
  // A terminal that does not know its size has 24 rows.
  const room = rows > 1 ? rows : 24;
  const left = lines.length - (room - 1);
  const drawn = left > 1 ? [...lines.slice(0, room - 1), `… ${left} more lines`] : lines.slice(0, room);
  return `${home}${drawn.map((line) => `${line}${clearLine}`).join('\n')}${clearBelow}`;
}
