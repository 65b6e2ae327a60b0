import { Command, CommanderError } from 'commander';
import { version } from '../version';
import { agent } from './agent';
import { check } from './check';
import { complete } from './complete';
import { completion } from './completion';
import { config } from './config';
import { demo } from './demo';
import { drain } from './drain';
import { events } from './events';
import { maint } from './maint';
import { move } from './move';
import { printableLines } from './printable';
import { ready } from './ready';
import { servers } from './servers';
import { sim } from './sim';
import { streams } from './streams';
import { type ExitCode, exitCodes, type RegisterCommand, type Terminal } from './terminal';
import { viewers } from './viewers';
import { where } from './where';
import { why } from './why';

/** Every command, in the order of --help. */
const commands: readonly RegisterCommand[] = [
  agent,
  sim,
  demo,
  check,
  config,
  where,
  why,
  streams,
  servers,
  viewers,
  drain,
  maint,
  ready,
  move,
  events,
  completion,
  complete,
];

const exitCodeHelp = `
Exit codes:
  0  fine
  1  a problem was found, what was asked for was not found, or a change was refused
  2  wrong usage or configuration
  3  the agent cannot be reached
  4  --wait: not yet, when --timeout was over
  130  Ctrl-C while waiting; what was asked for stays`;

/** Runs one command line (without the program's name) and gives its exit code. */
export async function runCommandLine(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.ok;
  const program = new Command('mtxpilot')
    .description('Tells HAProxy which MediaMTX server has a stream.')
    .version(version, '-V, --version', 'print the version')
    .helpCommand('help [command]', 'print the help of a command')
    // An option after the name of a command is that command's, whatever the one above it has.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      // It repeats what was given.
      writeErr: (text) => terminal.stderr.write(printableLines(text)),
    })
    .addHelpText('afterAll', exitCodeHelp);
  for (const register of commands) {
    register(program, terminal, (code) => {
      exitCode = code;
    });
  }
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
  return exitCode;
}
