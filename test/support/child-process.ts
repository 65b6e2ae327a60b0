import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
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
/** Where KEEP_LOGS leaves what programs under test wrote, for whoever looks for the cause of a failure. */
const logs = resolve('test-results/logs');

export function startChild(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
  cwd?: string,
): Child {
  const child = spawn(command, args, { env: { ...process.env, ...env }, cwd, stdio: ['pipe', 'pipe', 'pipe'] });
  const lines: string[] = [];
  const listeners: ((line: string) => void)[] = [];
  const note = process.env['KEEP_LOGS'] ? startLog(command, args, env, child.pid) : undefined;
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      if (lines.length > maxLines) lines.shift();
      note?.(line);
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

/** A file that begins with what was started; what is given to the result is added to it, below the name of the test that goes on. */
function startLog(command: string, args: readonly string[], env: Record<string, string>, pid: number | undefined) {
  mkdirSync(logs, { recursive: true });
  const file = join(logs, `${basename(command)}-${pid ?? 'not-started'}.log`);
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  let test = expect.getState().currentTestName;
  writeFileSync(file, `# ${expect.getState().testPath ?? ''}\n# ${[...settings, command, ...args].join(' ')}\n`);
  return (line: string): void => {
    const { currentTestName } = expect.getState();
    if (currentTestName !== test) appendFileSync(file, `# ${currentTestName ?? ''}\n`);
    test = currentTestName;
    appendFileSync(file, `${line}\n`);
  };
}
