#!/usr/bin/env node
import * as nodeModule from 'node:module';
import { join } from 'node:path';
import { version } from '../version';
import type { runCommandLine } from './run-command-line';

// Whoever reads the output may stop reading, as `head` does; that is no error of ours.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
}

const lingerMs = 2000;

void run(process.argv.slice(2), process).then((exitCode) => {
  process.exitCode = exitCode;
  // The command is done. What is still open is a mistake of ours, but it must not keep a service manager waiting.
  setTimeout(() => process.exit(), lingerMs).unref();
});

/** What is asked for most often by scripts needs nothing else loaded. */
async function run(...[args, terminal]: Parameters<typeof runCommandLine>): ReturnType<typeof runCommandLine> {
  if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
    terminal.stdout.write(`${version}\n`);
    return 0;
  }
  // Node 22.1 and newer store what they compiled beside the code (once it is built), if they may write there; Node 20 starts quickly enough without.
  const { enableCompileCache } = nodeModule as { readonly enableCompileCache?: (folder: string) => unknown };
  if (__filename.endsWith('.js')) enableCompileCache?.(join(__dirname, '..', '.compiled'));
  /* eslint-disable @typescript-eslint/no-require-imports -- `import()` would start Node's other loader, which takes longer than all the rest */
  // Before anything else is loaded, and only there: what runs for a moment has no use for it.
  if (args[0] === 'agent') require('./small-heap');
  return (require('./run-command-line') as typeof import('./run-command-line')).runCommandLine(args, terminal);
}
