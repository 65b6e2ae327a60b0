import type { Writable } from 'node:stream';
import type { DemoStatus } from './status';

/** Where the line is written; a terminal tells that it is one. */
export type LineOutput = Writable & { readonly isTTY?: boolean; readonly columns?: number };

/** The line that tells what is going on, again and again. */
export interface RunningLine {
  show(status: DemoStatus): void;
  /** Leaves the line standing; what is written next begins a new one. */
  end(): void;
}

/** Without a terminal: a line every so often. */
const betweenLinesMs = 5000;
const clearLine = '\r\u001b[K';

/** On a terminal the line is rewritten in place, cut to the terminal's width. */
export function createRunningLine(output: LineOutput): RunningLine {
  let lastMs = -Infinity;
  return {
    show(status) {
      const line = lineOf(status);
      if (output.isTTY === true) {
        output.write(`${clearLine}${line.slice(0, (output.columns ?? 80) - 1)}`);
      } else if (status.atMs - lastMs >= betweenLinesMs) {
        lastMs = status.atMs;
        output.write(`${line}\n`);
      }
    },
    end() {
      if (output.isTTY === true) output.write('\n');
    },
  };
}

function lineOf({ figures, relay, events }: DemoStatus): string {
  const { viewers, decisions, apiCalls, moves } = figures;
  const sum = decisions.located + decisions.placed + decisions.unknown;
  const relayed = `relay: ${relay.failovers} failovers, ${relay.errors + relay.failed} errors`;
  const counts = `viewers ${viewers} · decisions ${sum} · API calls ${apiCalls} · moves ${moves} · ${relayed}`;
  const [last] = events;
  return last === undefined ? counts : `${counts} · ${last.stream} ${last.text}`;
}
