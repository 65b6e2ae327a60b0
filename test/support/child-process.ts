import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A program under test with its output collected line by line. */
export interface Child {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Lines of both outputs, oldest first; the oldest go when there are more than 200,000. */
  readonly lines: string[];
  /** Resolves with the exit code, or the signal's name. */
  readonly exited: Promise<number | string>;
  onLine(listener: (line: string) => void): void;
  /** SIGTERM (or `signal`), then waits for the end. Idempotent. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const maxLines = 200_000;

export function startChild(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
  cwd?: string,
): Child {
  const child = spawn(command, args, { env: { ...process.env, ...env }, cwd, stdio: ['pipe', 'pipe', 'pipe'] });
  const lines: string[] = [];
  const listeners: ((line: string) => void)[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      if (lines.length > maxLines) lines.shift();
      for (const listener of listeners) listener(line);
    });
  }
  child.stdin.on('error', () => undefined);
  const exited = new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  return {
    process: child,
    pid: child.pid ?? -1,
    lines,
    exited,
    onLine: (listener) => listeners.push(listener),
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill(signal);
        // A stopped process does not see SIGTERM before it goes on.
        child.kill('SIGCONT');
      }
      await exited;
    },
  };
}
