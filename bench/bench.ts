import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { haproxyVersion, machine } from './processes';
import { createRows, type Goal, print } from './rows';

/** What all benches have: a folder, rows, and how long and how often they measure. */
export interface Bench {
  /** For sockets and configuration; it is gone when the bench ends. */
  readonly folder: string;
  readonly rounds: number;
  /** Of each load. */
  readonly secondsEach: number;
  /** A row: its case, the figure with its unit, the value, and against what it is held. */
  readonly add: (name: string, figure: string, value: number, goal?: Goal) => void;
  /** Waits so many seconds, less where `--seconds` makes loads shorter than usual; gives how long it was. */
  readonly wait: (seconds: number) => Promise<number>;
  /** Runs the parts that were chosen (all, unless `--part=NAME` says which), prints the rows, and ends the process. */
  readonly run: (parts: Readonly<Record<string, () => Promise<void>>>) => void;
}

/**
 * `--rounds=N` and `--seconds=N` make a bench shorter: to see that it runs, or to compare two versions by turns. `--part=NAME` chooses a part, and may be
 * there several times; `--json` prints for programs.
 */
export function createBench(name: string, usual: { readonly rounds: number; readonly secondsEach: number }): Bench {
  const folder = mkdtempSync(join(tmpdir(), 'mtxpilot-bench-'));
  const rounds = option('rounds') ?? usual.rounds;
  const secondsEach = option('seconds') ?? usual.secondsEach;
  const { rows, add } = createRows(name, haproxyVersion);

  async function runParts(parts: Readonly<Record<string, () => Promise<void>>>): Promise<void> {
    const chosen = optionValues('part');
    for (const part of chosen) {
      if (!Object.hasOwn(parts, part))
        throw new Error(`no part "${part}"; there are: ${Object.keys(parts).join(', ')}`);
    }
    try {
      for (const [part, run] of Object.entries(parts)) {
        if (chosen.length > 0 && !chosen.includes(part)) continue;
        const startedMs = performance.now();
        await run();
        console.error(`${name} ${part}: ${Math.round((performance.now() - startedMs) / 1000)} s`);
      }
      print(rows, `${machine()}; what is measured alone on one core; medians of ${rounds} runs of ${secondsEach} s`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  return {
    folder,
    rounds,
    secondsEach,
    add,
    async wait(seconds) {
      const waited = Math.min(seconds, (seconds * secondsEach) / usual.secondsEach);
      await pause(waited * 1000);
      return waited;
    },
    run(parts) {
      void runParts(parts).then(() => process.exit(0));
    },
  };
}

function optionValues(name: string): string[] {
  return process.argv.flatMap((arg) => (arg.startsWith(`--${name}=`) ? [arg.slice(name.length + 3)] : []));
}

function option(name: string): number | undefined {
  const [text] = optionValues(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name}=${text} is no number above 0`);
  return value;
}
