#!/usr/bin/env node
import './small-heap';
import { runCommandLine } from './run-command-line';

// Whoever reads the output may stop reading, as `head` does; that is no error of ours.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
}

const lingerMs = 2000;

void runCommandLine(process.argv.slice(2), process).then((exitCode) => {
  process.exitCode = exitCode;
  // The command is done. What is still open is a mistake of ours, but it must not keep a service manager waiting.
  setTimeout(() => process.exit(), lingerMs).unref();
});
