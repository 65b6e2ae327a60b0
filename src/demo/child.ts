import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { DemoError } from './demo-error';

/** A program that the demo runs. */
export interface Child {
  /** What it is, for messages: `HAProxy`. */
  readonly title: string;
  readonly pid: number;
  /** The newest lines of both its outputs, oldest first. */
  lastLines(): readonly string[];
  /** Rejects with a DemoError that shows the last lines when it ends without having been stopped; pends otherwise. */
  readonly died: Promise<never>;
  /** Ends it: SIGTERM, and SIGKILL after `graceMs`. Resolves when it is gone. */
  stop(graceMs?: number): Promise<void>;
  /** SIGKILL, without waiting. */
  kill(): void;
}

export interface ChildOptions {
  readonly title: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** What to say when there is no such program. */
  readonly missing: string;
}

const maxLines = 20;
const maxLineLength = 400;

/**
 * Starts a program in a process group of its own: Ctrl-C in a terminal then reaches the demo alone, which ends its children in order.
 *
 * @throws DemoError when it cannot be started.
 */
export async function startChild({ title, command, args, env, cwd, missing }: ChildOptions): Promise<Child> {
  const process = spawn(command, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const lines: string[] = [];
  for (const stream of [process.stdout, process.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line.slice(0, maxLineLength));
      if (lines.length > maxLines) lines.shift();
    });
  }
  const pid = await started(process, missing);
  let isWanted = true;
  // 'close' comes after the last line of output, 'exit' may come before.
  const closed = new Promise<string>((resolve) => {
    process.once('close', (code, signal) => resolve(signal ?? `exit code ${code ?? 'unknown'}`));
  });
  const died = closed.then((how) => {
    if (!isWanted) return new Promise<never>(() => undefined);
    const output = lines.length === 0 ? 'It said nothing.' : `Its last lines:\n  ${lines.join('\n  ')}`;
    throw new DemoError(`${title} (pid ${pid}) ended unexpectedly: ${how}. ${output}`);
  });
  // Somebody may come to listen later.
  died.catch(() => undefined);
  return {
    title,
    pid,
    lastLines: () => lines,
    died,
    async stop(graceMs = 3000) {
      isWanted = false;
      process.kill('SIGTERM');
      const kill = setTimeout(() => process.kill('SIGKILL'), graceMs);
      await closed;
      clearTimeout(kill);
    },
    kill() {
      isWanted = false;
      process.kill('SIGKILL');
    },
  };
}

function started(process: ChildProcess, missing: string): Promise<number> {
  return new Promise((resolve, reject) => {
    process.once('spawn', () => resolve(process.pid ?? -1));
    process.once('error', (error: NodeJS.ErrnoException) => {
      reject(new DemoError(error.code === 'ENOENT' ? missing : `cannot run ${process.spawnfile}: ${error.message}`));
    });
  });
}
