import { PassThrough } from 'node:stream';
import { runCommandLine } from '../../../src/cli/run-command-line';

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Makes the output a terminal of this size. */
  readonly terminal?: { readonly columns: number; readonly rows: number };
  /** Instead of SIGINT. */
  readonly stop?: AbortSignal;
  /** Sees the output as it grows. */
  readonly onOutput?: (output: string) => void;
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs one command line in this process. */
export async function run(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { env = {}, terminal, stop, onOutput } = options;
  const text = { out: '', err: '' };
  const stdout = new PassThrough().on('data', (chunk: Buffer) => {
    text.out += chunk.toString();
    onOutput?.(text.out);
  });
  const stderr = new PassThrough().on('data', (chunk: Buffer) => (text.err += chunk.toString()));
  const code = await runCommandLine(args, {
    stdin: new PassThrough(),
    stdout: Object.assign(stdout, terminal === undefined ? {} : { isTTY: true as const, ...terminal }),
    stderr,
    env,
    ...(stop === undefined ? {} : { stopSignal: () => stop }),
  });
  await new Promise(setImmediate);
  return { code, ...text };
}
